/* convert.c - see convert.h. First a plan is made, the list of tensors of the result with type, shape and the order of their
 * rows; then each one is streamed:
 *     rows of the source -> f32 -> (importance) -> rows of the result,     in strips, the rows of a strip in parallel
 * A row whose type stays is copied as it is. What was read is given back at once, what was written belongs to the file. */
#include "model/convert.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/quantize.h"
#include "format/safetensors.h"
#include "kernels/interleave.h"
#include "model/gguf_describe.h"
#include "model/model_folder.h"

enum { STRIP_BYTES = 16 << 20 };

/* ---- the plan ---- */

uint64_t converted_bytes(const ConvertedTensor *t)
{
    return (uint64_t)t->n_parts * (uint64_t)t->rows * dtype_row_bytes(t->dtype, (size_t)t->cols);
}

/* What part i is called in the source. */
static void part_name(const ConvertedTensor *t, int i, ConvertTo to, char out[TENSOR_NAME_SIZE])
{
    if (to == CONVERT_FOLDER)
        memcpy(out, t->name, TENSOR_NAME_SIZE);
    else
        published_name_of(t->name, t->merged ? i : -1, out);
}

static bool is_f32_in(const FileTensor *t, DType type)
{
    for (size_t i = 0; i < t->bytes; i += 4) {
        float x, y;
        memcpy(&x, t->data + i, 4);
        y = type == DT_BF16 ? bf16_to_f32(f32_to_bf16(x)) : f16_to_f32(f32_to_f16(x));
        if (memcmp(&x, &y, 4) != 0) return false;
    }
    return true;
}

/* Matrices that are read by products alone go into strips, but for other programs. */
static bool takes_strips(const ConvertOptions *o, const ListedTensor *l)
{
    return !o->text_only && !o->row_types && l->kind != LISTED_EMBEDDING && l->kind != LISTED_ABSORBED &&
           l->dim[0] % STRIP_ROWS == 0;
}

/* Rows that would have to be filled up are not quantised for other programs, which take only the shapes of the model. */
static DType gguf_type(const ConvertOptions *o, const ListedTensor *l, const FileTensor *t)
{
    const DType type = weight_type(&o->types, l, dtype_of_rows(t->dtype));
    if (takes_strips(o, l)) return dtype_x16(type);
    if (!o->text_only || !dtype_is_quantised(type) || l->dim[l->n_dims - 1] % QUANT_BLOCK == 0) return type;
    return t->dtype < DT_PLAIN_TYPES ? t->dtype : DT_F32;
}

static DType result_type(const ConvertOptions *o, const ListedTensor *l, const FileTensor *t)
{
    if (o->to == CONVERT_GGUF) return gguf_type(o, l, t);
    const DType type = o->types.of[0];
    if (o->replaced && t->dtype < DT_PLAIN_TYPES) return t->dtype;
    if (!o->keep_f32 || t->dtype != DT_F32 || type == DT_F32) return type;
    const bool fits = is_f32_in(t, type);
    file_forget(t->data, t->bytes);
    return fits ? type : DT_F32;
}

/* The rows of q and k stand in pairs in a GGUF and in halves in a folder; either may be the source of either. */
static int rotary_head(const Model *m, const ConvertOptions *o, const char *name)
{
    const LanguageConfig *c = &m->config.language;
    const bool have = m->positions.rope.pairs == ROPE_PAIRS_INTERLEAVED, want = o->to == CONVERT_GGUF;
    if (c->use_mla || have == want) return 0;
    return strstr(name, ".self_attn.q_proj.") || strstr(name, ".self_attn.k_proj.") ? c->head_dim : 0;
}

static ConvertedTensor describe(const Model *m, const ConvertOptions *o, const ListedTensor *l, const FileTensor *t)
{
    ConvertedTensor out = {
        .group = weight_group(l), .dtype = result_type(o, l, t), .n_dims = l->n_dims, .n_parts = 1
    };
    out.rotary_head = rotary_head(m, o, l->name);
    for (int i = 0; i < l->n_dims; i++) out.dim[i] = l->dim[i];
    const int64_t n = (int64_t)listed_elements(l);
    out.rows = l->n_dims > 1 || out.rotary_head ? l->dim[0] : 1;
    out.cols = n / out.rows;
    if (dtype_is_quantised(out.dtype)) out.dim[1] = (out.dim[1] + QUANT_BLOCK - 1) / QUANT_BLOCK * QUANT_BLOCK;
    return out;
}

static void add_converted(ConvertPlan *p, const ConvertedTensor *t)
{
    GROW(p->tensor, p->n, p->capacity);
    p->tensor[p->n++] = *t;
}

/* Later experts join the tensor of the first one, which was added just before: one of the last three. */
static void join_expert(ConvertPlan *p, const char *name)
{
    int i = p->n - 1;
    while (strcmp(p->tensor[i].name, name) != 0) i--;
    p->tensor[i].dim[0] = ++p->tensor[i].n_parts;
}

static bool plan_tensor(ConvertPlan *p, const Model *m, const ConvertOptions *o, const ListedTensor *l, Error *e)
{
    const FileTensor *t = tensor_files_find(m->files, l->name);
    char name[TENSOR_NAME_SIZE];
    int expert = -1;
    if (!t) return true; /* the pooling head, or a tied head: whatever else is missing was found when binding */
    if (!tensor_fits(t, l->dim, l->n_dims) || t->dtype >= DT_MATRIX_TYPES)
        return fail(e, ERR_FORMAT, "%s: %s is not of the shape and type that config.json asks for", t->file, l->name);
    if (o->to == CONVERT_FOLDER)
        snprintf(name, sizeof name, "%s", l->name);
    else if (!gguf_name_of(l->name, name, &expert))
        return fail(e, ERR_UNSUPPORTED, "%s: %s has no name in GGUF", t->file, l->name);
    if (expert > 0) {
        join_expert(p, name);
        return true;
    }
    ConvertedTensor out = describe(m, o, l, t);
    if (dtype_is_quantised(out.dtype) && o->importance && importance_find(o->importance, l->name, out.cols))
        p->n_weighted++;
    memcpy(out.name, name, sizeof name);
    if (expert == 0) {
        memmove(out.dim + 1, out.dim, 2 * sizeof *out.dim);
        out.dim[0] = 1;
        out.n_dims = 3;
        out.merged = true;
    }
    add_converted(p, &out);
    return true;
}

static bool is_wanted(const ConvertOptions *o, const ListedTensor *l)
{
    return !o->text_only || l->part == PART_EMBEDDINGS || l->part == PART_LANGUAGE || l->part == PART_EXPERTS;
}

bool convert_plan(ConvertPlan *p, const Model *m, const ConvertOptions *o, Error *e)
{
    TensorList list;
    *p = (ConvertPlan){ 0 };
    if (!tensor_list(&list, &m->config, e)) return false;
    bool ok = true;
    for (int i = 0; i < list.n && ok; i++)
        if (is_wanted(o, &list.tensor[i])) ok = plan_tensor(p, m, o, &list.tensor[i], e);
    for (int i = 0; i < p->n; i++) p->bytes += converted_bytes(&p->tensor[i]);
    tensor_list_free(&list);
    return ok;
}

void convert_plan_free(ConvertPlan *p)
{
    free(p->tensor);
    *p = (ConvertPlan){ 0 };
}

/* ---- one strip ---- */

/* Where the data go. */
typedef struct {
    bool (*add)(void *writer, const void *bytes, size_t n, Error *e);
    void *writer;
} Sink;

typedef struct {
    const Model *m;
    const ConvertOptions *o;
    Pool *pool;
    const ConvertWatch *watch;
    Sink sink;
    const Kernels *k;
    unsigned char *strip; /* rows of the result */
    struct RowScratch {
        float *x;            /* a row */
        unsigned char *from; /* one of the source, out of its strip */
        unsigned char *to;   /* those of a strip of the result */
    } * scratch;             /* for each thread */
    size_t strip_bytes, most_cols;
    uint64_t done, total;
    /* the part at work */
    const ConvertedTensor *t;
    const FileTensor *from;
    bool is_replaced;
    const float *importance; /* of its columns, or NULL */
    int64_t first;           /* row of the strip */
    atomic_int bad_row;      /* one that cannot be quantised, -1: none */
} Converter;

/* Which row of the source becomes row `i` of the result. */
static int64_t source_row(const Converter *c, int64_t i)
{
    const int64_t d = c->t->rotary_head;
    if (d == 0) return i;
    const int64_t head = i / d * d, at = i % d;
    if (c->o->to == CONVERT_GGUF) return head + at / 2 + at % 2 * (d / 2); /* pairs from halves */
    return head + (at < d / 2 ? 2 * at : 2 * (at - d / 2) + 1);
}

/* Row i of the source in its row type. */
static const unsigned char *row_of_source(const Converter *c, int64_t i, unsigned char *room)
{
    const DType t = c->from->dtype;
    const size_t n = (size_t)c->t->cols, bytes = dtype_row_bytes(t, n);
    if (!dtype_is_x16(t)) return c->from->data + (size_t)i * bytes;
    interleaved_row(t, room, c->from->data + (size_t)(i / STRIP_ROWS * STRIP_ROWS) * bytes, (int)(i % STRIP_ROWS), n);
    return room;
}

/* Row i of the strip at work, in the row type of the result. */
static void convert_row(Converter *c, unsigned char *to, int i, const struct RowScratch *room)
{
    const DType type = dtype_of_rows(c->t->dtype), from_type = dtype_of_rows(c->from->dtype);
    const unsigned char *from = row_of_source(c, source_row(c, c->first + i), room->from);
    const int n = (int)c->t->cols;
    if (type == from_type) {
        memcpy(to, from, dtype_row_bytes(type, (size_t)n));
        return;
    }
    c->k->to_f32[from_type](room->x, from, n);
    if (!dtype_is_quantised(type))
        c->k->from_f32[type](to, room->x, n);
    else if (row_non_finite(room->x, n) >= 0)
        atomic_store(&c->bad_row, i);
    else
        quantise_row(type, to, room->x, c->importance, n);
}

/* Rows that are written together. */
static int rows_of_unit(const ConvertedTensor *t)
{
    return dtype_is_x16(t->dtype) ? STRIP_ROWS : 1;
}

static void convert_units(void *context, int begin, int end, int thread)
{
    Converter *c = context;
    const DType type = c->t->dtype;
    const size_t n = (size_t)c->t->cols, bytes = dtype_row_bytes(type, n);
    const struct RowScratch *room = &c->scratch[thread];
    for (int i = begin; i < end; i++) {
        if (!dtype_is_x16(type)) {
            convert_row(c, c->strip + (size_t)i * bytes, i, room);
            continue;
        }
        for (int r = 0; r < STRIP_ROWS; r++) convert_row(c, room->to + (size_t)r * bytes, i * STRIP_ROWS + r, room);
        interleave_rows(type, c->strip + (size_t)i * STRIP_ROWS * bytes, room->to, n);
    }
}

static bool stopped(const Converter *c)
{
    return c->watch && c->watch->stopped && c->watch->stopped(c->watch->context);
}

static bool convert_strip(Converter *c, int64_t rows, Error *e)
{
    const size_t n = (size_t)c->t->cols, bytes = (size_t)rows * dtype_row_bytes(c->t->dtype, n),
                 row = dtype_row_bytes(c->from->dtype, n);
    atomic_store(&c->bad_row, -1);
    pool_ranges(c->pool, (int)(rows / rows_of_unit(c->t)), 1, convert_units, c);
    if (!c->t->rotary_head && !c->is_replaced) file_forget(c->from->data + (size_t)c->first * row, (size_t)rows * row);
    const int bad = atomic_load(&c->bad_row);
    if (bad >= 0)
        return fail(e, ERR_FORMAT, "%s: %s: row %" PRId64 " holds a number that is not finite and cannot be quantised",
                    c->from->file, c->from->name, c->first + bad);
    if (!c->sink.add(c->sink.writer, c->strip, bytes, e)) return false;
    c->done += bytes;
    if (c->watch && c->watch->progress) c->watch->progress(c->watch->context, c->done, c->total);
    return !stopped(c) || fail(e, ERR_CANCELLED, "stopped");
}

static int64_t rows_of_strip(const ConvertedTensor *t)
{
    const int64_t unit = rows_of_unit(t), rows = STRIP_BYTES / (int64_t)(4 * (size_t)t->cols) / unit * unit;
    return rows < unit ? unit : rows < t->rows ? rows : t->rows;
}

static bool convert_part(Converter *c, Error *e)
{
    const int64_t most = rows_of_strip(c->t);
    for (c->first = 0; c->first < c->t->rows; c->first += most) {
        const int64_t left = c->t->rows - c->first;
        if (!convert_strip(c, left < most ? left : most, e)) return false;
    }
    if (c->t->rotary_head && !c->is_replaced) file_forget(c->from->data, c->from->bytes);
    return true;
}

/* ---- all tensors ---- */

static void take_buffers(Converter *c, const ConvertPlan *p)
{
    for (int i = 0; i < p->n; i++) {
        const ConvertedTensor *t = &p->tensor[i];
        const size_t strip = (size_t)rows_of_strip(t) * dtype_row_bytes(t->dtype, (size_t)t->cols);
        if (strip > c->strip_bytes) c->strip_bytes = strip;
        if ((size_t)t->cols > c->most_cols) c->most_cols = (size_t)t->cols;
    }
    c->most_cols = (c->most_cols + QUANT_BLOCK - 1) / QUANT_BLOCK * QUANT_BLOCK;
    c->strip = xmalloc(c->strip_bytes);
    const size_t row = c->most_cols * sizeof(float); /* of any type */
    c->scratch = xcalloc((size_t)pool_threads(c->pool), sizeof *c->scratch);
    for (int i = 0; i < pool_threads(c->pool); i++)
        c->scratch[i] = (struct RowScratch){ xmalloc(row), xmalloc(row), xmalloc(STRIP_ROWS * row) };
}

static void free_buffers(Converter *c)
{
    free(c->strip);
    for (int i = 0; i < pool_threads(c->pool); i++) {
        free(c->scratch[i].x);
        free(c->scratch[i].from);
        free(c->scratch[i].to);
    }
    free(c->scratch);
}

static bool convert_all(Converter *c, const ConvertPlan *p, Error *e)
{
    bool ok = true;
    take_buffers(c, p);
    c->total = p->bytes;
    for (int i = 0; i < p->n && ok; i++) {
        c->t = &p->tensor[i];
        for (int k = 0; k < c->t->n_parts && ok; k++) {
            char name[TENSOR_NAME_SIZE];
            part_name(c->t, k, c->o->to, name);
            const FileTensor *replaced = c->o->replaced ? tensor_files_find(c->o->replaced, name) : NULL;
            c->is_replaced = replaced != NULL;
            c->from = replaced ? replaced : tensor_files_find(c->m->files, name);
            assert(c->from);
            c->importance = c->o->importance ? importance_find(c->o->importance, name, c->t->cols) : NULL;
            ok = convert_part(c, e);
        }
    }
    free_buffers(c);
    return ok;
}

/* Points to the names in the plan. Caller frees. */
static TensorSpec *specs_of(const ConvertPlan *p)
{
    TensorSpec *s = xcalloc((size_t)p->n + 1, sizeof *s);
    for (int i = 0; i < p->n; i++) {
        const ConvertedTensor *t = &p->tensor[i];
        s[i] = (TensorSpec){ .name = t->name, .dtype = t->dtype, .n_dims = t->n_dims };
        for (int k = 0; k < t->n_dims; k++) s[i].dim[k] = t->dim[k];
    }
    return s;
}

/* ---- GGUF ---- */

/* The type of most bytes before conversion: of the group with the most elements. */
static DType main_type(const ConvertPlan *p)
{
    uint64_t n[DT_MATRIX_TYPES] = { 0 };
    DType most = DT_F32;
    for (int i = 0; i < p->n; i++) {
        const ConvertedTensor *t = &p->tensor[i];
        n[dtype_of_rows(t->dtype)] += (uint64_t)t->n_parts * (uint64_t)t->rows * (uint64_t)t->cols;
    }
    for (int t = 0; t < DT_MATRIX_TYPES; t++)
        if (n[t] > n[most]) most = (DType)t;
    return most;
}

static bool add_to_gguf(void *writer, const void *bytes, size_t n, Error *e)
{
    return gguf_writer_add(writer, bytes, n, e);
}

GgufWriter *convert_open_gguf(const ConvertPlan *p, const Model *m, const ConvertOptions *o, const char *path, Error *e)
{
    GgufMetadata metadata = { 0 };
    TensorSpec *specs = specs_of(p);
    GgufWriter *w = NULL;
    if (gguf_describe(&metadata, m, main_type(p), o->text_only, e))
        w = gguf_writer_open(path, &metadata, specs, p->n, e);
    gguf_metadata_free(&metadata);
    free(specs);
    return w;
}

static bool write_gguf(Converter *c, const ConvertPlan *p, const char *path, Error *e)
{
    GgufWriter *w = convert_open_gguf(p, c->m, c->o, path, e);
    if (!w) return false;
    c->sink = (Sink){ add_to_gguf, w };
    if (convert_all(c, p, e)) return gguf_writer_commit(w, e);
    gguf_writer_abandon(w);
    return false;
}

/* ---- a folder ---- */

static bool add_to_safetensors(void *writer, const void *bytes, size_t n, Error *e)
{
    return tensor_writer_add(writer, bytes, n, e);
}

static bool write_safetensors(Converter *c, const ConvertPlan *p, const char *path, Error *e)
{
    TensorSpec *specs = specs_of(p);
    TensorWriter *w = tensor_writer_open(path, specs, p->n, e);
    free(specs);
    if (!w) return false;
    c->sink = (Sink){ add_to_safetensors, w };
    if (convert_all(c, p, e)) return tensor_writer_commit(w, e);
    tensor_writer_abandon(w);
    return false;
}

typedef struct {
    Converter *c;
    const ConvertPlan *p;
} FolderJob;

static bool fill_weights(void *context, const char *path, Error *e)
{
    const FolderJob *j = context;
    return write_safetensors(j->c, j->p, path, e);
}

bool convert_run(const ConvertPlan *p, const Model *m, const ConvertOptions *o, const char *out, Pool *pool,
                 const ConvertWatch *watch, Error *e)
{
    Converter c = { .m = m, .o = o, .pool = pool, .watch = watch, .k = kernels_get(cpu_best()) };
    return o->to == CONVERT_GGUF ? write_gguf(&c, p, out, e)
                                 : model_folder_write(out, m->source, fill_weights, &(FolderJob){ &c, p }, e);
}
