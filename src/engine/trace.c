/* trace.c - see trace.h. */
#include "engine/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/vision.h"

static const char *const single[] = { "vision_out", "projector_out", "inputs_embeds", "final_norm", "logits" };

static bool is_single(const char *name)
{
    for (size_t i = 0; i < sizeof single / sizeof single[0]; i++)
        if (strcmp(single[i], name) == 0) return true;
    return false;
}

static bool is_wanted(const Trace *t, const char *name)
{
    if (!t->only) return true;
    for (int i = 0; i < t->n_only; i++) {
        const size_t n = strlen(t->only[i]);
        if (strncmp(t->only[i], name, n) == 0 && (name[n] == 0 || name[n] == '.')) return true;
    }
    return false;
}

static TracedTensor *entry(Trace *t, const char *name, size_t cols)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->tensor[i].name, name) == 0) return &t->tensor[i];
    GROW(t->tensor, t->n, t->capacity);
    t->tensor[t->n] = (TracedTensor){ .name = xstrdup(name), .cols = cols };
    return &t->tensor[t->n++];
}

static void see(void *context, const char *name, int index, const Tensor *x)
{
    Trace *t = context;
    char full[64];
    if (is_single(name))
        snprintf(full, sizeof full, "%s", name);
    else
        snprintf(full, sizeof full, "%s.%d", name, index);
    if (!is_wanted(t, full)) return;
    TracedTensor *e = entry(t, full, (size_t)x->cols);
    const size_t rows = e->rows + (size_t)x->rows;
    if (rows > e->capacity) {
        e->capacity = rows > 2 * e->capacity ? rows : 2 * e->capacity;
        e->data = xrealloc(e->data, e->capacity * e->cols, sizeof *e->data);
    }
    for (int i = 0; i < x->rows; i++)
        memcpy(e->data + (e->rows + (size_t)i) * e->cols, tensor_row(x, i), e->cols * sizeof *e->data);
    e->rows = rows;
}

void trace_open(Trace *t, const char *only)
{
    *t = (Trace){ .sink = { see, t } };
    if (!only) return;
    char *list = xstrdup(only), *rest = NULL;
    t->only = xcalloc(strlen(only) + 1, sizeof *t->only);
    for (char *name = strtok_r(list, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
        t->only[t->n_only++] = xstrdup(name);
    free(list);
}

void trace_close(Trace *t)
{
    for (int i = 0; i < t->n; i++) {
        free(t->tensor[i].name);
        free(t->tensor[i].data);
    }
    for (int i = 0; i < t->n_only; i++) free(t->only[i]);
    free(t->only);
    free(t->tensor);
    *t = (Trace){ 0 };
}

const TracedTensor *trace_find(const Trace *t, const char *name)
{
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->tensor[i].name, name) == 0) return &t->tensor[i];
    return NULL;
}

/* ---- the file ---- */

/* The tensors of the file: what each is and where its bytes are; and the copies that are freed after writing. */
typedef struct {
    TensorSpec *spec;
    const void **bytes;
    int n, capacity;
    void **copy;
    int n_copies, copy_capacity;
} Output;

static void *new_copy(Output *o, size_t n, size_t size)
{
    GROW(o->copy, o->n_copies, o->copy_capacity);
    return o->copy[o->n_copies++] = xcalloc(n, size);
}

static void put(Output *o, const char *name, DType dtype, int n_dims, const int64_t *dim, const void *bytes)
{
    if (o->n == o->capacity) {
        o->capacity = o->capacity ? 2 * o->capacity : 64;
        o->spec = xrealloc(o->spec, (size_t)o->capacity, sizeof *o->spec);
        o->bytes = xrealloc(o->bytes, (size_t)o->capacity, sizeof *o->bytes);
    }
    TensorSpec *s = &o->spec[o->n];
    *s = (TensorSpec){ .name = name, .dtype = dtype, .n_dims = n_dims };
    memcpy(s->dim, dim, (size_t)n_dims * sizeof *dim);
    o->bytes[o->n++] = bytes;
}

static void put_prompt(Output *o, const Trace *t, const Prompt *p)
{
    int64_t *ids = new_copy(o, (size_t)p->n, sizeof *ids),
            *crop = new_copy(o, (size_t)p->n_images + 1, 2 * sizeof *crop);
    const int64_t n = p->n, crops[2] = { p->n_images ? p->n_images : 1, 2 };
    for (int i = 0; i < p->n; i++) ids[i] = p->id[i];
    for (int i = 0; i < p->n_images; i++) {
        crop[2 * i] = p->image[i].tiles.across;
        crop[2 * i + 1] = p->image[i].tiles.down;
    }
    if (is_wanted(t, "input_ids")) put(o, "input_ids", DT_I64, 1, &n, ids);
    if (is_wanted(t, "images_seq_mask")) put(o, "images_seq_mask", DT_BOOL, 1, &n, p->is_image);
    if (is_wanted(t, "images_spatial_crop")) put(o, "images_spatial_crop", DT_I64, 2, crops, crop);
}

/* The normalised pixels [n, 3, S, S] that patchify reads, for all tiles. */
static void put_pixels(Output *o, const Vl2Request *r)
{
    const ProcessorConfig *c = &r->engine->model.config.processor;
    const int64_t side = c->image_size, dim[4] = { r->n_tiles, 3, side, side };
    const size_t area = (size_t)side * (size_t)side;
    float *pixels = new_copy(o, (size_t)r->n_tiles * 3 * area, sizeof *pixels), *to = pixels;
    PixelTable table;
    pixel_table(c, &table);
    for (int i = 0; i < r->prompt.n_images; i++) {
        const Tiles *tiles = &r->prompt.image[i].tiles;
        for (int tile = 0; tile < tiles->n; tile++)
            for (int channel = 0; channel < 3; channel++)
                for (size_t k = 0; k < area; k++)
                    *to++ = table.of[channel][tiles->rgb[((size_t)tile * area + k) * 3 + (size_t)channel]];
    }
    put(o, "pixels", DT_F32, 4, dim, pixels);
}

static void put_traced(Output *o, const Trace *t, const Vl2Request *r)
{
    for (int i = 0; i < t->n; i++) {
        const TracedTensor *x = &t->tensor[i];
        const bool by_tile = str_starts(x->name, "vision_") || strcmp(x->name, "projector_out") == 0;
        const bool is_ids = str_starts(x->name, "moe_ids.");
        const size_t rows = by_tile || x->rows < (size_t)r->prompt.n ? x->rows : (size_t)r->prompt.n;
        if (by_tile) {
            const int64_t dim[3] = { r->n_tiles, (int64_t)rows / r->n_tiles, (int64_t)x->cols };
            put(o, x->name, DT_F32, 3, dim, x->data);
            continue;
        }
        const int64_t dim[2] = { (int64_t)rows, (int64_t)x->cols };
        if (!is_ids) {
            put(o, x->name, DT_F32, 2, dim, x->data);
            continue;
        }
        int64_t *ids = new_copy(o, rows * x->cols, sizeof *ids);
        for (size_t k = 0; k < rows * x->cols; k++) ids[k] = (int64_t)x->data[k];
        put(o, x->name, DT_I64, 2, dim, ids);
    }
}

/* The logits of the last prompt row chose the first token, those of the rows after it the others. */
static void put_answer(Output *o, const Trace *t, const Vl2Request *r)
{
    const TracedTensor *logits = trace_find(t, "logits");
    const int64_t n = (int64_t)r->output.n;
    int64_t *ids = new_copy(o, (size_t)n, sizeof *ids);
    for (int64_t i = 0; i < n; i++) ids[i] = r->output.id[i];
    put(o, "gen_ids", DT_I64, 1, &n, ids);
    if (!logits || logits->rows < (size_t)(r->prompt.n - 1 + n)) return;
    const int64_t dim[2] = { n, (int64_t)logits->cols };
    put(o, "gen_logits", DT_F32, 2, dim, logits->data + (size_t)(r->prompt.n - 1) * logits->cols);
}

static bool write_all(const Output *o, const char *path, Error *e)
{
    TensorWriter *w = tensor_writer_open(path, o->spec, o->n, e);
    if (!w) return false;
    for (int i = 0; i < o->n; i++) {
        size_t size = dtype_bytes(o->spec[i].dtype);
        for (int k = 0; k < o->spec[i].n_dims; k++) size *= (size_t)o->spec[i].dim[k];
        if (!tensor_writer_add(w, o->bytes[i], size, e)) {
            tensor_writer_abandon(w);
            return false;
        }
    }
    return tensor_writer_commit(w, e);
}

bool trace_save(const Trace *t, const Vl2Request *r, bool greedy, const char *path, Error *e)
{
    Output o = { 0 };
    put_prompt(&o, t, &r->prompt);
    if (r->n_tiles && is_wanted(t, "pixels")) put_pixels(&o, r);
    put_traced(&o, t, r);
    if (greedy) put_answer(&o, t, r);
    const bool ok = write_all(&o, path, e);
    for (int i = 0; i < o.n_copies; i++) free(o.copy[i]);
    free(o.copy);
    free(o.spec);
    free(o.bytes);
    return ok;
}
