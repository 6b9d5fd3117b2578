/* lora.c - see lora.h. */
#include "model/lora.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const char weight_end[] = ".weight";

const AdapterModule *adapter_for(const Adapter *a, const ParameterSlot *s)
{
    if (!s->matrix || !str_ends(s->name, weight_end)) return NULL;
    char *module = xstrndup(s->name, strlen(s->name) - (sizeof weight_end - 1));
    const AdapterModule *x = adapter_find(a, module);
    free(module);
    return x;
}

bool adapter_fits(const Adapter *a, const AdapterModule *x, const ParameterSlot *s, Error *e)
{
    int64_t inputs = 1;
    for (int i = 1; i < s->n_dims; i++) inputs *= s->dim[i];
    if (x->b->dim[0] == s->dim[0] && x->a->dim[1] == inputs) return true;
    return fail(e, ERR_FORMAT, "%s: the adapter of %s is for a matrix [%lld, %lld], the model's is [%lld, %lld]",
                a->path, x->module, (long long)x->b->dim[0], (long long)x->a->dim[1], (long long)s->dim[0],
                (long long)inputs);
}

typedef struct {
    const Adapter *a;
    Model *m;
    float scale;
    bool *found; /* [a->n] */
    Error *e;
} Visit;

static bool look(void *context, const ParameterSlot *s)
{
    Visit *v = context;
    const AdapterModule *x = adapter_for(v->a, s);
    if (!x) return true;
    v->found[x - v->a->module] = true;
    return adapter_fits(v->a, x, s, v->e);
}

bool adapter_belongs(const Adapter *a, Model *m, Error *e)
{
    Visit v = { .a = a, .found = xcalloc((size_t)a->n, sizeof(bool)), .e = e };
    bool ok = weights_visit(&m->weights, &m->config, look, &v, e);
    for (int i = 0; i < a->n && ok; i++)
        if (!v.found[i])
            ok = fail(e, ERR_FORMAT, "%s: the adapter is for another model: this one has no %s", a->path,
                      a->module[i].module);
    free(v.found);
    return ok;
}

static float *widened(Arena *arena, const Kernels *k, const void *data, DType type, size_t stride, int rows, int cols)
{
    float *out = arena_try(arena, (size_t)rows * (size_t)cols * sizeof *out);
    for (int i = 0; out && i < rows; i++)
        k->to_f32[type](out + (size_t)i * (size_t)cols, (const unsigned char *)data + (size_t)i * stride, cols);
    return out;
}

static Weight matrix_of(Arena *arena, const FileTensor *t)
{
    const int rows = (int)t->dim[0], cols = (int)t->dim[1];
    return (Weight){ .data = widened(arena, kernels_get(CPU_SCALAR), t->data, t->dtype,
                                     dtype_row_bytes(t->dtype, (size_t)cols), rows, cols),
                     .dtype = DT_F32,
                     .rows = rows,
                     .cols = cols };
}

void adapter_merge(const Kernels *k, const Lora *l, float *w)
{
    const int rank = l->a.rows, rows = l->b.rows, cols = l->a.cols;
    float *b = xcalloc((size_t)rank, sizeof *b);
    for (int i = 0; i < rows; i++) {
        k->scale(b, (const float *)l->b.data + (size_t)i * (size_t)rank, l->scale, rank);
        k->matmul_add[DT_F32](w + (size_t)i * (size_t)cols, (size_t)cols, b, (size_t)rank, 1, l->a.data,
                              (size_t)cols * sizeof(float), cols, rank);
    }
    free(b);
}

/* The sum takes the place of the matrix. */
static bool fold(Model *m, Weight *w, const Lora *l, Error *e)
{
    const Kernels *k = kernels_get(cpu_best());
    float *sum = widened(&m->arena, k, w->data, w->dtype, weight_stride(w), w->rows, w->cols);
    if (!sum) return fail(e, ERR_MEMORY, "no room for a matrix of %d x %d weights as f32", w->rows, w->cols);
    adapter_merge(k, l, sum);
    *w = (Weight){ .data = sum, .dtype = DT_F32, .rows = w->rows, .cols = w->cols };
    return true;
}

static bool put(void *context, const ParameterSlot *s)
{
    Visit *v = context;
    Arena *arena = &v->m->arena;
    const AdapterModule *x = adapter_for(v->a, s);
    if (!x) return true;
    Lora *l = arena_try(arena, sizeof *l);
    if (!l) return fail(v->e, ERR_MEMORY, "%s: no room for the adapter", v->a->path);
    *l = (Lora){ .a = matrix_of(arena, x->a), .b = matrix_of(arena, x->b), .scale = x->scale * v->scale };
    if (!l->a.data || !l->b.data) return fail(v->e, ERR_MEMORY, "%s: no room for the adapter", v->a->path);
    if (str_ends(s->name, ".kv_b_proj.weight")) return fold(v->m, s->matrix, l, v->e);
    l->next = s->matrix->lora;
    s->matrix->lora = l;
    return true;
}

bool model_add_adapter(Model *m, const Adapter *a, float scale, Error *e)
{
    Visit v = { .a = a, .m = m, .scale = scale, .e = e };
    return adapter_belongs(a, m, e) && weights_visit(&m->weights, &m->config, put, &v, e);
}

/* ---- answering while learning ---- */

/* Bytes of the sums that a view needs. */
static size_t sums_of(const Model *m)
{
    const LanguageConfig *c = &m->config.language;
    size_t bytes = 0;
    for (int i = 0; c->use_mla && i < c->n_layers; i++) {
        const Weight *w = &m->weights.language.layer[i].mla.kv_b.w;
        if (w->lora) bytes += (size_t)w->rows * (size_t)w->cols * sizeof(float);
    }
    return bytes;
}

bool model_share(Model *view, const Model *m, Error *e)
{
    const int n = m->config.language.n_layers;
    const size_t sums = sums_of(m), layers = (size_t)n * sizeof(Layer);
    *view = *m;
    view->arena = (Arena){ 0 };
    if (!arena_open(&view->arena, sums + layers + ((size_t)n + 2) * 4096, e)) return false;
    view->weights.language.layer = memcpy(arena_get(&view->arena, layers), m->weights.language.layer, layers);
    for (int i = 0; sums && i < n; i++) {
        Weight *w = &view->weights.language.layer[i].mla.kv_b.w;
        if (w->lora && !fold(view, w, w->lora, e)) return model_unshare(view), false;
    }
    return true;
}

void model_unshare(Model *view)
{
    arena_close(&view->arena);
    *view = (Model){ 0 };
}
