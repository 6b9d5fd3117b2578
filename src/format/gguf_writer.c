/* gguf_writer.c - see gguf_writer.h; the layout stands in gguf_layout.h. */
#include "format/gguf_writer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/gguf_layout.h"

struct GgufWriter {
    FileOut out;
    size_t *bytes; /* of each tensor, without padding */
    int n, at;     /* at: the tensor that is being written */
    size_t written;
};

/* ---- metadata ---- */

static void put_number(Str *s, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++) str_putc(s, (char)(v >> (8 * i) & 0xff));
}

static void put_text(Str *s, const char *text, size_t n)
{
    put_number(s, n, 8);
    str_add(s, text, n);
}

static void put_key(GgufMetadata *m, const char *key, GgufKind kind)
{
    put_text(&m->bytes, key, strlen(key));
    put_number(&m->bytes, (uint64_t)kind, 4);
    m->n++;
}

void gguf_put_string(GgufMetadata *m, const char *key, const char *text, size_t n)
{
    put_key(m, key, GGUF_STRING);
    put_text(&m->bytes, text, n);
}

void gguf_put_word(GgufMetadata *m, const char *key, const char *word)
{
    gguf_put_string(m, key, word, strlen(word));
}

void gguf_put_u32(GgufMetadata *m, const char *key, uint32_t v)
{
    put_key(m, key, GGUF_U32);
    put_number(&m->bytes, v, 4);
}

void gguf_put_f32(GgufMetadata *m, const char *key, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, 4);
    put_key(m, key, GGUF_F32);
    put_number(&m->bytes, bits, 4);
}

void gguf_put_bool(GgufMetadata *m, const char *key, bool v)
{
    put_key(m, key, GGUF_BOOL);
    put_number(&m->bytes, v, 1);
}

void gguf_begin_array(GgufMetadata *m, const char *key, GgufKind element, size_t count)
{
    put_key(m, key, GGUF_ARRAY);
    put_number(&m->bytes, (uint64_t)element, 4);
    put_number(&m->bytes, count, 8);
}

void gguf_add_string(GgufMetadata *m, const char *text, size_t n)
{
    put_text(&m->bytes, text, n);
}

void gguf_add_i32(GgufMetadata *m, int32_t v)
{
    put_number(&m->bytes, (uint32_t)v, 4);
}

void gguf_metadata_free(GgufMetadata *m)
{
    str_free(&m->bytes);
    *m = (GgufMetadata){ 0 };
}

/* ---- the file ---- */

static const struct {
    DType dtype;
    uint32_t code;
} CODE[] = { { DT_F32, GGUF_TYPE_F32 },   { DT_F16, GGUF_TYPE_F16 },   { DT_BF16, GGUF_TYPE_BF16 },
             { DT_Q8_0, GGUF_TYPE_Q8_0 }, { DT_Q4_0, GGUF_TYPE_Q4_0 }, { DT_IQ4_NL, GGUF_TYPE_IQ4_NL } };

static uint32_t code_of(DType t)
{
    size_t i = 0;
    while (i + 1 < sizeof CODE / sizeof *CODE && CODE[i].dtype != dtype_of_rows(t)) i++;
    assert(CODE[i].dtype == dtype_of_rows(t)); /* others are no types of tensors */
    return CODE[i].code + (dtype_is_x16(t) ? GGUF_X16 : 0);
}

static size_t padding(size_t n)
{
    return (size_t)(-n & (GGUF_ALIGNMENT - 1));
}

static bool spec_bytes(const TensorSpec *s, size_t *bytes)
{
    const size_t row = (size_t)s->dim[s->n_dims - 1];
    assert(!dtype_is_quantised(s->dtype) || row % QUANT_BLOCK == 0);
    assert(!dtype_is_x16(s->dtype) || s->dim[s->n_dims - 2] % STRIP_ROWS == 0);
    if (row > SIZE_MAX / 8) return false;
    *bytes = dtype_row_bytes(s->dtype, row);
    for (int i = 0; i < s->n_dims - 1; i++)
        if (!mul_fits(*bytes, (size_t)s->dim[i], bytes)) return false;
    return true;
}

/* One entry of the list of tensors; *offset moves to the next one's data. */
static bool put_tensor(Str *head, const TensorSpec *s, size_t *bytes, size_t *offset, const char *path, Error *e)
{
    const size_t begin = *offset;
    assert(s->n_dims >= 1 && s->n_dims <= GGUF_MAX_DIMS);
    if (strlen(s->name) > GGUF_MAX_NAME)
        return fail(e, ERR_LIMIT, "%s: the name %s is longer than %d bytes", path, s->name, GGUF_MAX_NAME);
    if (!spec_bytes(s, bytes) || !add_fits(begin, *bytes, offset) || !add_fits(*offset, padding(*offset), offset))
        return fail(e, ERR_LIMIT, "%s: %s is too large", path, s->name);
    put_text(head, s->name, strlen(s->name));
    put_number(head, (uint64_t)s->n_dims, 4);
    for (int i = s->n_dims - 1; i >= 0; i--) put_number(head, (uint64_t)s->dim[i], 8);
    put_number(head, code_of(s->dtype), 4);
    put_number(head, begin, 8);
    return true;
}

static bool write_padding(GgufWriter *w, size_t n, Error *e)
{
    static const char zeros[GGUF_ALIGNMENT] = { 0 };
    return file_write(&w->out, zeros, padding(n), e);
}

static bool write_head(GgufWriter *w, const GgufMetadata *m, const TensorSpec *specs, const char *path, Error *e)
{
    Str head = { 0 };
    size_t offset = 0;
    bool ok = true;
    str_puts(&head, GGUF_MAGIC);
    put_number(&head, GGUF_VERSION, 4);
    put_number(&head, (uint64_t)w->n, 8);
    put_number(&head, m->n, 8);
    str_add(&head, m->bytes.text, m->bytes.n);
    for (int i = 0; i < w->n && ok; i++) ok = put_tensor(&head, &specs[i], &w->bytes[i], &offset, path, e);
    ok =
        ok && file_create(&w->out, path, e) && file_write(&w->out, head.text, head.n, e) && write_padding(w, head.n, e);
    str_free(&head);
    return ok;
}

GgufWriter *gguf_writer_open(const char *path, const GgufMetadata *m, const TensorSpec *specs, int n, Error *e)
{
    GgufWriter *w = xcalloc(1, sizeof *w);
    w->n = n;
    w->bytes = xcalloc((size_t)n + 1, sizeof *w->bytes);
    if (write_head(w, m, specs, path, e)) return w;
    gguf_writer_abandon(w);
    return NULL;
}

bool gguf_writer_add(GgufWriter *w, const void *bytes, size_t n, Error *e)
{
    assert(w->at < w->n && n <= w->bytes[w->at] - w->written);
    w->written += n;
    if (!file_write(&w->out, bytes, n, e)) return false;
    if (w->written < w->bytes[w->at]) return true;
    w->written = 0;
    return write_padding(w, w->bytes[w->at++], e);
}

bool gguf_writer_commit(GgufWriter *w, Error *e)
{
    assert(w->at == w->n);
    const bool ok = file_commit(&w->out, e);
    gguf_writer_abandon(w);
    return ok;
}

void gguf_writer_abandon(GgufWriter *w)
{
    if (!w) return;
    file_abandon(&w->out);
    free(w->bytes);
    free(w);
}
