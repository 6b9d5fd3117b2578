/* paddle_layout.c - see paddle_layout.h. */
#include "model/paddle_layout.h"

#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "model/tensor_list.h"

enum { TILE = 32, ALIGNMENT = 64 }; /* a tile of both sides stays in the first cache */

/* Whether the other layout has it the other way round: not so for tables of vectors, convolutions and vectors. */
static bool is_linear(const ListedTensor *l, const FileTensor *t)
{
    return l->n_dims == 2 && l->kind != LISTED_EMBEDDING && t && t->n_dims == 2 && t->dtype < DT_PLAIN_TYPES;
}

/* A linear of each layout that is not square; NULL: there is none. */
typedef struct {
    const FileTensor *published, *turned;
    size_t bytes; /* of all linears */
} Seen;

static Seen look_at_shapes(const TensorFiles *files, const TensorList *list)
{
    Seen s = { 0 };
    for (int i = 0; i < list->n; i++) {
        const ListedTensor *l = &list->tensor[i];
        const FileTensor *t = tensor_files_find(files, l->name);
        if (!is_linear(l, t)) continue;
        s.bytes += t->bytes + ALIGNMENT; /* what the files hold: within memory */
        if (l->dim[0] == l->dim[1]) continue;
        if (t->dim[0] == l->dim[0] && t->dim[1] == l->dim[1]) s.published = t;
        if (t->dim[0] == l->dim[1] && t->dim[1] == l->dim[0]) s.turned = t;
    }
    return s;
}

/* to [cols][rows] = from [rows][cols], elements of `size` bytes. */
static void turn(unsigned char *to, const unsigned char *from, size_t rows, size_t cols, size_t size)
{
    for (size_t top = 0; top < rows; top += TILE)
        for (size_t left = 0; left < cols; left += TILE)
            for (size_t r = top; r < rows && r < top + TILE; r++)
                for (size_t c = left; c < cols && c < left + TILE; c++)
                    memcpy(to + (c * rows + r) * size, from + (r * cols + c) * size, size);
}

static void turn_tensor(TensorFiles *files, const FileTensor *t, unsigned char *to)
{
    FileTensor turned = *t;
    turn(to, t->data, (size_t)t->dim[0], (size_t)t->dim[1], dtype_bytes(t->dtype));
    file_forget(t->data, t->bytes);
    turned.data = to;
    turned.dim[0] = t->dim[1];
    turned.dim[1] = t->dim[0];
    tensor_files_replace(files, &turned);
}

static bool turn_all(TensorFiles *files, const TensorList *list, size_t bytes, Error *e)
{
    unsigned char *room = tensor_files_room(files, bytes, e);
    if (!room) return false;
    for (int i = 0; i < list->n; i++) {
        const FileTensor *t = tensor_files_find(files, list->tensor[i].name);
        if (!is_linear(&list->tensor[i], t)) continue;
        turn_tensor(files, t, room);
        room += (t->bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    return true;
}

bool paddle_layout_turn(TensorFiles *files, const Config *c, Error *e)
{
    TensorList list;
    if (!tensor_list(&list, c, e)) return false;
    const Seen s = look_at_shapes(files, &list);
    bool ok = true;
    if (s.turned && s.published)
        ok = fail(e, ERR_FORMAT,
                  "%s: %s is [%" PRId64 ", %" PRId64 "], inputs first as PaddlePaddle stores linears, but %s is "
                  "[%" PRId64 ", %" PRId64 "], outputs first as published: expected all in one of the two layouts",
                  s.turned->file, s.turned->name, s.turned->dim[0], s.turned->dim[1], s.published->name,
                  s.published->dim[0], s.published->dim[1]);
    else if (s.turned)
        ok = turn_all(files, &list, s.bytes, e);
    tensor_list_free(&list);
    return ok;
}
