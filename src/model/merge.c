/* merge.c - see merge.h. */
#include "model/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "format/safetensors.h"
#include "model/model_folder.h"

enum { STRIP = 256, MOST_ADAPTERS = 64 }; /* rows of a strip */

/* One adapter of one matrix, as f32. */
typedef struct {
    float *a, *b; /* [rank][cols], [rows][rank], the second times its scale */
    int rank;
} Part;

typedef struct {
    const Model *m;
    const MergeAdapter *adapter;
    int n;
    Pool *pool;
    const Kernels *k;
    /* of the tensor at hand */
    const FileTensor *t;
    int rows, cols, first; /* the strip begins at row `first` */
    Part part[MOST_ADAPTERS];
    int n_parts;
    float *sum;         /* [STRIP][cols] */
    unsigned char *out; /* the same in the tensor's type */
} Merger;

static float *widened(const Kernels *k, const FileTensor *t)
{
    const size_t rows = (size_t)t->dim[0], cols = (size_t)t->dim[1];
    float *out = xcalloc(rows * cols, sizeof *out);
    for (size_t i = 0; i < rows; i++)
        k->to_f32[t->dtype](out + i * cols, t->data + i * dtype_row_bytes(t->dtype, cols), (int)cols);
    return out;
}

/* "x.weight": the parts of the adapters for x. */
static void find_parts(Merger *g)
{
    static const char end[] = ".weight";
    g->n_parts = 0;
    if (!str_ends(g->t->name, end)) return;
    char *module = xstrndup(g->t->name, strlen(g->t->name) - (sizeof end - 1));
    for (int i = 0; i < g->n; i++) {
        const AdapterModule *x = adapter_find(g->adapter[i].adapter, module);
        if (!x) continue;
        const int rank = (int)x->a->dim[0];
        Part *p = &g->part[g->n_parts++];
        *p = (Part){ widened(g->k, x->a), widened(g->k, x->b), rank };
        for (int64_t row = 0; row < x->b->dim[0]; row++)
            g->k->scale(p->b + row * rank, p->b + row * rank, x->scale * g->adapter[i].scale, rank);
    }
    free(module);
}

static void free_parts(Merger *g)
{
    for (int i = 0; i < g->n_parts; i++) {
        free(g->part[i].a);
        free(g->part[i].b);
    }
}

static void merge_rows(void *context, int begin, int end, int thread)
{
    const Merger *g = context;
    const size_t cols = (size_t)g->cols, bytes = dtype_row_bytes(g->t->dtype, cols);
    (void)thread;
    for (int i = begin; i < end; i++) {
        const size_t row = (size_t)(g->first + i);
        float *sum = g->sum + (size_t)i * cols;
        g->k->to_f32[g->t->dtype](sum, g->t->data + row * bytes, g->cols);
        for (const Part *p = g->part; p < g->part + g->n_parts; p++)
            g->k->matmul_add[DT_F32](sum, cols, p->b + row * (size_t)p->rank, (size_t)p->rank, 1, p->a,
                                     cols * sizeof(float), g->cols, p->rank);
        g->k->from_f32[g->t->dtype](g->out + (size_t)i * bytes, sum, g->cols);
    }
}

static bool write_merged(Merger *g, TensorWriter *w, Error *e)
{
    const size_t cols = file_tensor_elements(g->t) / (size_t)g->t->dim[0];
    const size_t bytes = dtype_row_bytes(g->t->dtype, cols);
    bool ok = true;
    g->rows = (int)g->t->dim[0];
    g->cols = (int)cols;
    g->sum = xcalloc(STRIP * cols, sizeof *g->sum);
    g->out = xcalloc(STRIP, bytes);
    for (g->first = 0; g->first < g->rows && ok; g->first += STRIP) {
        const int n = g->rows - g->first < STRIP ? g->rows - g->first : STRIP;
        pool_ranges(g->pool, n, 8, merge_rows, g);
        ok = tensor_writer_add(w, g->out, (size_t)n * bytes, e);
    }
    free(g->sum);
    free(g->out);
    return ok;
}

static bool write_tensor(Merger *g, TensorWriter *w, Error *e)
{
    find_parts(g);
    const bool ok = g->n_parts ? write_merged(g, w, e) : tensor_writer_add(w, g->t->data, g->t->bytes, e);
    free_parts(g);
    return ok;
}

static bool fill_weights(void *context, const char *path, Error *e)
{
    Merger *g = context;
    const int n = tensor_files_count(g->m->files);
    TensorSpec *spec = xcalloc((size_t)n, sizeof *spec);
    for (int i = 0; i < n; i++) {
        const FileTensor *t = tensor_files_at(g->m->files, i);
        spec[i] = (TensorSpec){ .name = t->name, .dtype = t->dtype, .n_dims = t->n_dims };
        memcpy(spec[i].dim, t->dim, sizeof spec[i].dim);
    }
    TensorWriter *w = tensor_writer_open(path, spec, n, e);
    bool ok = w != NULL;
    for (int i = 0; i < n && ok; i++) {
        g->t = tensor_files_at(g->m->files, i);
        ok = write_tensor(g, w, e);
    }
    free(spec);
    if (ok) return tensor_writer_commit(w, e);
    if (w) tensor_writer_abandon(w);
    return false;
}

static bool check_types(const Model *m, Error *e)
{
    for (int i = 0; i < tensor_files_count(m->files); i++) {
        const FileTensor *t = tensor_files_at(m->files, i);
        if (dtype_is_quantised(t->dtype))
            return fail(e, ERR_UNSUPPORTED,
                        "%s is %s: merge the adapter into the model that was quantised, and quantise the result",
                        t->name, dtype_name(t->dtype));
    }
    return true;
}

bool model_merge(const Model *m, const MergeAdapter *a, int n, const char *folder, Pool *pool, Error *e)
{
    Merger g = { .m = m, .adapter = a, .n = n, .pool = pool, .k = kernels_get(cpu_best()) };
    if (n > MOST_ADAPTERS) return fail(e, ERR_LIMIT, "%d adapters, expected at most %d", n, MOST_ADAPTERS);
    return check_types(m, e) && model_folder_write(folder, m->source, fill_weights, &g, e);
}
