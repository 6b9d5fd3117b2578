/* gguf.c - see gguf.h; the layout stands in gguf_layout.h. */
#include "format/gguf.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/gguf_layout.h"

enum { OLDEST_VERSION = 2, MAX_KEY = 65535, MAX_TENSOR_NAME = 255, MAX_ALIGNMENT = 1 << 20 };
#define DIM_LIMIT ((uint64_t)1 << 40)

/* The least that one entry takes in the file: bounds a count before room is made for it. */
enum { VALUE_LEAST = 8 + 1 + 4 + 1, TENSOR_LEAST = 8 + 1 + 4 + 8 + 4 + 8 };

struct Gguf {
    FileMap map;
    bool is_borrowed; /* the map is not ours */
    char *path;
    GgufValue *value; /* sorted by key */
    int n_values;
    GgufTensor *tensor;
    int n_tensors;
};

/* ---- types ---- */

static const struct {
    const char *name;
    size_t bytes; /* of an element; 0: of no fixed size */
} KIND[GGUF_KINDS] = {
    [GGUF_U8] = { "u8", 1 },          [GGUF_I8] = { "i8", 1 },       [GGUF_U16] = { "u16", 2 },
    [GGUF_I16] = { "i16", 2 },        [GGUF_U32] = { "u32", 4 },     [GGUF_I32] = { "i32", 4 },
    [GGUF_F32] = { "f32", 4 },        [GGUF_BOOL] = { "a bool", 1 }, [GGUF_STRING] = { "a string", 0 },
    [GGUF_ARRAY] = { "an array", 0 }, [GGUF_U64] = { "u64", 8 },     [GGUF_I64] = { "i64", 8 },
    [GGUF_F64] = { "f64", 8 },
};

/* Every type that files in circulation have, so that a foreign tensor's size is known; the code is the index. */
static const struct TensorType {
    const char *name; /* NULL: a code that was never used, or is no more */
    uint32_t block, bytes;
    DType dtype;
} TYPE[] = {
    [GGUF_TYPE_F32] = { "F32", 1, 4, DT_F32 },
    [GGUF_TYPE_F16] = { "F16", 1, 2, DT_F16 },
    [GGUF_TYPE_Q4_0] = { "Q4_0", 32, 18, DT_Q4_0 },
    [3] = { "Q4_1", 32, 20, DT_COUNT },
    [6] = { "Q5_0", 32, 22, DT_COUNT },
    [7] = { "Q5_1", 32, 24, DT_COUNT },
    [GGUF_TYPE_Q8_0] = { "Q8_0", 32, 34, DT_Q8_0 },
    [9] = { "Q8_1", 32, 36, DT_COUNT },
    [10] = { "Q2_K", 256, 84, DT_COUNT },
    [11] = { "Q3_K", 256, 110, DT_COUNT },
    [12] = { "Q4_K", 256, 144, DT_COUNT },
    [13] = { "Q5_K", 256, 176, DT_COUNT },
    [14] = { "Q6_K", 256, 210, DT_COUNT },
    [15] = { "Q8_K", 256, 292, DT_COUNT },
    [16] = { "IQ2_XXS", 256, 66, DT_COUNT },
    [17] = { "IQ2_XS", 256, 74, DT_COUNT },
    [18] = { "IQ3_XXS", 256, 98, DT_COUNT },
    [19] = { "IQ1_S", 256, 50, DT_COUNT },
    [GGUF_TYPE_IQ4_NL] = { "IQ4_NL", 32, 18, DT_IQ4_NL },
    [21] = { "IQ3_S", 256, 110, DT_COUNT },
    [22] = { "IQ2_S", 256, 82, DT_COUNT },
    [23] = { "IQ4_XS", 256, 136, DT_COUNT },
    [24] = { "I8", 1, 1, DT_COUNT },
    [25] = { "I16", 1, 2, DT_COUNT },
    [26] = { "I32", 1, 4, DT_I32 },
    [27] = { "I64", 1, 8, DT_I64 },
    [28] = { "F64", 1, 8, DT_F64 },
    [29] = { "IQ1_M", 256, 56, DT_COUNT },
    [GGUF_TYPE_BF16] = { "BF16", 1, 2, DT_BF16 },
    [34] = { "TQ1_0", 256, 54, DT_COUNT },
    [35] = { "TQ2_0", 256, 66, DT_COUNT },
    [39] = { "MXFP4", 32, 17, DT_COUNT },
};
enum { N_TYPES = sizeof TYPE / sizeof *TYPE };

/* ---- taking bytes ---- */

typedef struct {
    const char *path;
    const unsigned char *at, *end;
    const char *what; /* what is being read, for messages: "value 3", a key, a tensor's name */
    Error *e;
} Reader;

static bool take(Reader *r, size_t n, const unsigned char **out)
{
    const size_t left = (size_t)(r->end - r->at);
    if (n > left)
        return fail(r->e, ERR_FORMAT, "%s: %s: needs %zu bytes where %zu are left (cut short?)", r->path, r->what, n,
                    left);
    *out = r->at;
    r->at += n;
    return true;
}

static uint64_t little_endian(const unsigned char *p, int n)
{
    uint64_t v = 0;
    while (n > 0) v = v << 8 | p[--n];
    return v;
}

static bool take_u32(Reader *r, uint32_t *out)
{
    const unsigned char *p = NULL;
    if (!take(r, 4, &p)) return false;
    *out = (uint32_t)little_endian(p, 4);
    return true;
}

static bool take_u64(Reader *r, uint64_t *out)
{
    const unsigned char *p = NULL;
    if (!take(r, 8, &p)) return false;
    *out = little_endian(p, 8);
    return true;
}

static bool take_text(Reader *r, const unsigned char **text, size_t *n)
{
    uint64_t length = 0;
    if (!take_u64(r, &length)) return false;
    if (length > (size_t)(r->end - r->at))
        return fail(r->e, ERR_FORMAT, "%s: %s: a string of %" PRIu64 " bytes where %zu are left (cut short?)", r->path,
                    r->what, length, (size_t)(r->end - r->at));
    *n = (size_t)length;
    return take(r, *n, text);
}

/* A key or a tensor's name, copied: caller frees. `what`: what to call it. */
static char *take_name(Reader *r, const char *what, size_t most)
{
    const unsigned char *text = NULL;
    size_t n = 0;
    if (!take_text(r, &text, &n)) return NULL;
    if (n == 0 || n > most)
        return fail(r->e, ERR_FORMAT, "%s: %s: %s of %zu bytes, expected 1 to %zu", r->path, r->what, what, n, most),
               NULL;
    if (memchr(text, 0, n) || !utf8_is_valid((const char *)text, n))
        return fail(r->e, ERR_FORMAT, "%s: %s: %s that is not UTF-8 text", r->path, r->what, what), NULL;
    return xstrndup((const char *)text, n);
}

/* ---- metadata ---- */

static bool take_kind(Reader *r, GgufKind *kind)
{
    uint32_t code = 0;
    if (!take_u32(r, &code)) return false;
    if (code >= GGUF_KINDS)
        return fail(r->e, ERR_FORMAT, "%s: %s: is of kind %" PRIu32 ", known are 0 to %d", r->path, r->what, code,
                    GGUF_KINDS - 1);
    *kind = (GgufKind)code;
    return true;
}

static bool take_bools(Reader *r, const GgufValue *v)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->bytes[i] > 1)
            return fail(r->e, ERR_FORMAT, "%s: %s: a bool is %d, expected 0 or 1", r->path, r->what, v->bytes[i]);
    return true;
}

static bool take_strings(Reader *r, GgufValue *v)
{
    const unsigned char *text = NULL;
    size_t n = 0;
    if (v->count > (size_t)(r->end - r->at) / 8)
        return fail(r->e, ERR_FORMAT, "%s: %s: %" PRIu64 " strings where %zu bytes are left (cut short?)", r->path,
                    r->what, v->count, (size_t)(r->end - r->at));
    v->bytes = r->at;
    for (uint64_t i = 0; i < v->count; i++)
        if (!take_text(r, &text, &n)) return false;
    v->n = (size_t)(r->at - v->bytes);
    return true;
}

static bool take_array(Reader *r, GgufValue *v)
{
    size_t n = 0;
    if (!take_kind(r, &v->element) || !take_u64(r, &v->count)) return false;
    if (v->element == GGUF_ARRAY)
        return fail(r->e, ERR_UNSUPPORTED, "%s: %s: is an array of arrays, expected plain elements", r->path, r->what);
    if (v->element == GGUF_STRING) return take_strings(r, v);
    if (v->count > SIZE_MAX || !mul_fits((size_t)v->count, KIND[v->element].bytes, &n))
        return fail(r->e, ERR_FORMAT, "%s: %s: %" PRIu64 " elements are more than any memory holds", r->path, r->what,
                    v->count);
    v->n = n;
    return take(r, n, &v->bytes) && (v->element != GGUF_BOOL || take_bools(r, v));
}

static bool take_value(Reader *r, GgufValue *v)
{
    v->key = take_name(r, "a key", MAX_KEY);
    if (!v->key) return false;
    r->what = v->key;
    v->count = 1;
    if (!take_kind(r, &v->kind)) return false;
    if (v->kind == GGUF_ARRAY) return take_array(r, v);
    if (v->kind == GGUF_STRING) return take_text(r, &v->bytes, &v->n);
    v->n = KIND[v->kind].bytes;
    return take(r, v->n, &v->bytes) && (v->kind != GGUF_BOOL || take_bools(r, v));
}

static int by_key(const void *a, const void *b)
{
    return strcmp(((const GgufValue *)a)->key, ((const GgufValue *)b)->key);
}

static bool take_values(Gguf *g, Reader *r, size_t n)
{
    g->value = xcalloc(n + 1, sizeof *g->value);
    for (size_t i = 0; i < n; i++) {
        char what[64];
        snprintf(what, sizeof what, "metadata value %zu of %zu", i + 1, n);
        r->what = what;
        g->n_values = (int)i + 1;
        if (!take_value(r, &g->value[i])) return false;
    }
    qsort(g->value, n, sizeof *g->value, by_key);
    for (size_t i = 1; i < n; i++)
        if (strcmp(g->value[i].key, g->value[i - 1].key) == 0)
            return fail(r->e, ERR_FORMAT, "%s: the key %s stands twice", r->path, g->value[i].key);
    return true;
}

/* ---- tensors ---- */

/* Sets t's size; dim is in our order. */
static bool size_tensor(Reader *r, GgufTensor *t, const struct TensorType *type)
{
    size_t n = type->bytes;
    const int64_t row = t->dim[t->n_dims - 1];
    if (row % type->block != 0)
        return fail(r->e, ERR_FORMAT, "%s: %s: rows of %" PRId64 " elements, %s has blocks of %" PRIu32, r->path,
                    r->what, row, type->name, type->block);
    bool fits = mul_fits(n, (size_t)(row / type->block), &n);
    for (int i = 0; i < t->n_dims - 1; i++) fits = fits && mul_fits(n, (size_t)t->dim[i], &n);
    if (!fits) return fail(r->e, ERR_FORMAT, "%s: %s: is more than any memory holds", r->path, r->what);
    t->bytes = n;
    return true;
}

static bool take_dims(Reader *r, GgufTensor *t)
{
    uint32_t n = 0;
    if (!take_u32(r, &n)) return false;
    if (n < 1 || n > GGUF_MAX_DIMS)
        return fail(r->e, ERR_FORMAT, "%s: %s: has %" PRIu32 " dimensions, expected 1 to %d", r->path, r->what, n,
                    GGUF_MAX_DIMS);
    t->n_dims = (int)n;
    for (int i = t->n_dims - 1; i >= 0; i--) {
        uint64_t d = 0;
        if (!take_u64(r, &d)) return false;
        if (d < 1 || d > DIM_LIMIT)
            return fail(r->e, ERR_FORMAT, "%s: %s: a dimension is %" PRIu64 ", expected 1 to %" PRIu64, r->path,
                        r->what, d, DIM_LIMIT);
        t->dim[i] = (int64_t)d;
    }
    return true;
}

static bool take_tensor(Reader *r, GgufTensor *t, uint64_t *offset)
{
    uint32_t code = 0;
    t->name = take_name(r, "a name", MAX_TENSOR_NAME);
    if (!t->name) return false;
    r->what = t->name;
    if (!take_dims(r, t) || !take_u32(r, &code) || !take_u64(r, offset)) return false;
    const uint32_t rows = code & ~(uint32_t)GGUF_X16; /* the type of rows */
    const bool x16 = rows != code;
    if (rows >= N_TYPES || !TYPE[rows].name || (x16 && !dtype_is_quantised(TYPE[rows].dtype)))
        return fail(r->e, ERR_UNSUPPORTED, "%s: %s: is of the unknown type %" PRIu32, r->path, r->what, code);
    t->dtype = x16 ? dtype_x16(TYPE[rows].dtype) : TYPE[rows].dtype;
    t->type_name = x16 ? dtype_name(t->dtype) : TYPE[rows].name;
    if (x16 && (t->n_dims < 2 || t->dim[t->n_dims - 2] % STRIP_ROWS != 0))
        return fail(r->e, ERR_FORMAT, "%s: %s: is %s, which needs a multiple of %d rows", r->path, r->what,
                    t->type_name, STRIP_ROWS);
    return size_tensor(r, t, &TYPE[rows]);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool names_differ(const Gguf *g, Error *e)
{
    const char **name = xmalloc(((size_t)g->n_tensors + 1) * sizeof *name);
    bool ok = true;
    for (int i = 0; i < g->n_tensors; i++) name[i] = g->tensor[i].name;
    qsort(name, (size_t)g->n_tensors, sizeof *name, by_text);
    for (int i = 1; i < g->n_tensors && ok; i++)
        if (strcmp(name[i], name[i - 1]) == 0)
            ok = fail(e, ERR_FORMAT, "%s: two tensors are called %s", g->path, name[i]);
    free(name);
    return ok;
}

/* The list of tensors; offset[i] is where tensor i says that it begins. */
static bool take_tensors(Gguf *g, Reader *r, size_t n, uint64_t *offset)
{
    g->tensor = xcalloc(n + 1, sizeof *g->tensor);
    for (size_t i = 0; i < n; i++) {
        char what[64];
        snprintf(what, sizeof what, "tensor %zu of %zu", i + 1, n);
        r->what = what;
        g->n_tensors = (int)i + 1;
        if (!take_tensor(r, &g->tensor[i], &offset[i])) return false;
    }
    return names_differ(g, r->e);
}

/* Up to the next multiple of `alignment`, a power of two. */
static bool align(size_t n, size_t alignment, size_t *out)
{
    if (!add_fits(n, alignment - 1, out)) return false;
    *out &= ~(alignment - 1);
    return true;
}

/* Each tensor begins where the one before it ends, aligned; nothing follows the last. */
static bool place_tensors(Gguf *g, const uint64_t *offset, size_t begin, size_t alignment, Error *e)
{
    const size_t n_data = g->map.n - begin;
    size_t at = 0, end = 0;
    for (int i = 0; i < g->n_tensors; i++) {
        GgufTensor *t = &g->tensor[i];
        if (offset[i] != at)
            return fail(e, ERR_FORMAT, "%s: %s: begins at byte %" PRIu64 " of the data, expected %zu", g->path, t->name,
                        offset[i], at);
        if (at > n_data || t->bytes > n_data - at)
            return fail(e, ERR_FORMAT,
                        "%s: %s: needs %zu bytes from byte %zu of the data on, but the file holds only %zu "
                        "(cut short?)",
                        g->path, t->name, t->bytes, at, n_data);
        t->data = g->map.bytes + begin + at;
        end = at + t->bytes;
        if (!align(end, alignment, &at)) return fail(e, ERR_FORMAT, "%s: %s: too large", g->path, t->name);
    }
    if (n_data > at)
        return fail(e, ERR_FORMAT, "%s: %zu bytes after the last tensor belong to no tensor", g->path, n_data - end);
    return true;
}

/* ---- the file ---- */

static bool take_alignment(const Gguf *g, size_t *alignment, Error *e)
{
    const GgufValue *v = gguf_find(g, GGUF_ALIGNMENT_KEY);
    *alignment = GGUF_ALIGNMENT;
    if (!v) return true;
    if (v->kind != GGUF_U32)
        return fail(e, ERR_FORMAT, "%s: " GGUF_ALIGNMENT_KEY " is %s, expected u32", g->path, KIND[v->kind].name);
    *alignment = (size_t)little_endian(v->bytes, 4);
    if (*alignment >= 8 && *alignment <= MAX_ALIGNMENT && (*alignment & (*alignment - 1)) == 0) return true;
    return fail(e, ERR_FORMAT, "%s: " GGUF_ALIGNMENT_KEY " is %zu, expected a power of two from 8 to %d", g->path,
                *alignment, MAX_ALIGNMENT);
}

static bool take_head(Reader *r, uint64_t *n_tensors, uint64_t *n_values)
{
    const unsigned char *magic = NULL;
    uint32_t version = 0;
    r->what = "the header";
    if (!take(r, 4, &magic)) return false;
    if (memcmp(magic, GGUF_MAGIC, 4) != 0)
        return fail(r->e, ERR_FORMAT, "%s: does not begin with \"" GGUF_MAGIC "\": not a GGUF file", r->path);
    if (!take_u32(r, &version)) return false;
    if (version < OLDEST_VERSION || version > GGUF_VERSION)
        return fail(r->e, ERR_UNSUPPORTED, "%s: GGUF version %" PRIu32 ", expected %d or %d%s", r->path, version,
                    OLDEST_VERSION, GGUF_VERSION, version == (uint32_t)GGUF_VERSION << 24 ? " (big endian?)" : "");
    if (!take_u64(r, n_tensors) || !take_u64(r, n_values)) return false;
    const size_t left = (size_t)(r->end - r->at);
    if (*n_tensors > left / TENSOR_LEAST || *n_tensors > INT32_MAX / 2)
        return fail(r->e, ERR_FORMAT, "%s: says that it has %" PRIu64 " tensors, but only %zu bytes follow", r->path,
                    *n_tensors, left);
    if (*n_values > left / VALUE_LEAST || *n_values > INT32_MAX / 2)
        return fail(r->e, ERR_FORMAT, "%s: says that it has %" PRIu64 " metadata values, but only %zu bytes follow",
                    r->path, *n_values, left);
    return true;
}

static bool read_all(Gguf *g, Error *e)
{
    Reader r = { g->path, g->map.bytes, g->map.bytes + g->map.n, NULL, e };
    uint64_t n_tensors = 0, n_values = 0;
    size_t alignment = 0, begin = 0;
    if (!take_head(&r, &n_tensors, &n_values)) return false;
    uint64_t *offset = xcalloc((size_t)n_tensors + 1, sizeof *offset);
    bool ok = take_values(g, &r, (size_t)n_values) && take_alignment(g, &alignment, e) &&
              take_tensors(g, &r, (size_t)n_tensors, offset);
    if (ok) {
        const size_t head = (size_t)(r.at - g->map.bytes);
        if (!align(head, alignment, &begin) || begin > g->map.n) begin = g->map.n; /* then nothing is left for data */
        ok = place_tensors(g, offset, begin, alignment, e);
    }
    free(offset);
    return ok;
}

bool gguf_recognise(const char *path)
{
    char magic[4] = { 0 };
    FILE *f = fopen(path, "rbe");
    if (!f) return false;
    const bool yes = fread(magic, 1, 4, f) == 4 && memcmp(magic, GGUF_MAGIC, 4) == 0;
    fclose(f);
    return yes;
}

Gguf *gguf_open(const char *path, Error *e)
{
    Gguf *g = xcalloc(1, sizeof *g);
    g->path = xstrdup(path);
    if (file_map(&g->map, path, e) && read_all(g, e)) return g;
    gguf_close(g);
    return NULL;
}

Gguf *gguf_open_bytes(const unsigned char *bytes, size_t n, const char *name, Error *e)
{
    Gguf *g = xcalloc(1, sizeof *g);
    g->path = xstrdup(name);
    g->map = (FileMap){ bytes, n };
    g->is_borrowed = true;
    if (read_all(g, e)) return g;
    gguf_close(g);
    return NULL;
}

void gguf_close(Gguf *g)
{
    if (!g) return;
    for (int i = 0; i < g->n_values; i++) free(g->value[i].key);
    for (int i = 0; i < g->n_tensors; i++) free(g->tensor[i].name);
    free(g->value);
    free(g->tensor);
    free(g->path);
    if (!g->is_borrowed) file_unmap(&g->map);
    free(g);
}

const char *gguf_path(const Gguf *g)
{
    return g->path;
}

size_t gguf_bytes(const Gguf *g)
{
    return g->map.n;
}

int gguf_count(const Gguf *g)
{
    return g->n_tensors;
}

const GgufTensor *gguf_at(const Gguf *g, int i)
{
    assert(i >= 0 && i < g->n_tensors);
    return &g->tensor[i];
}

const GgufValue *gguf_find(const Gguf *g, const char *key)
{
    const GgufValue wanted = { .key = (char *)(uintptr_t)key };
    return g->n_values ? bsearch(&wanted, g->value, (size_t)g->n_values, sizeof wanted, by_key) : NULL;
}

/* The value, NULL if it is absent; false and *e if it is of another kind. */
static bool find_kind(const Gguf *g, const char *key, GgufKind kind, const GgufValue **v, Error *e)
{
    *v = gguf_find(g, key);
    if (!*v || (*v)->kind == kind) return true;
    return fail(e, ERR_FORMAT, "%s: %s is %s, expected %s", g->path, key, KIND[(*v)->kind].name, KIND[kind].name);
}

bool gguf_take_string(const Gguf *g, const char *key, const char **text, size_t *n, Error *e)
{
    const GgufValue *v = NULL;
    if (!find_kind(g, key, GGUF_STRING, &v, e)) return false;
    if (!v) return true;
    *text = (const char *)v->bytes;
    *n = v->n;
    return true;
}

bool gguf_take_bool(const Gguf *g, const char *key, bool *out, Error *e)
{
    const GgufValue *v = NULL;
    if (!find_kind(g, key, GGUF_BOOL, &v, e)) return false;
    if (v) *out = v->bytes[0] != 0;
    return true;
}
