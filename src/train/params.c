/* params.c - see params.h. The model's places are visited twice: to count, then to move them. */
#include "train/params.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "kernels/interleave.h"
#include "model/tensor_list.h"

enum { LINE = 16 }; /* floats */

typedef struct {
    Params *p;
    const ParamChoice *choice;  /* parameters, */
    const LoraTargets *targets; /* or adapters, new ones */
    const Adapter *adapter;     /* or those of a file */
    const Kernels *k;
    int next; /* the parameter whose turn it is, in the second visit */
} Visit;

static void add_param(Params *p, char *name, int n_dims, const int64_t *dim)
{
    GROW(p->param, p->n, p->capacity);
    Param *q = &p->param[p->n++];
    *q = (Param){ .name = name, .n_dims = n_dims, .at = p->n_values, .n = 1 };
    for (int i = 0; i < n_dims; i++) {
        q->dim[i] = dim[i];
        q->n *= (size_t)dim[i]; /* the model has as many, or an adapter has less: within memory */
    }
    p->n_values += (q->n + LINE - 1) / LINE * LINE;
}

static bool allocate(Params *p, size_t extra, Error *e)
{
    const size_t bytes = p->n_values * sizeof(float);
    if (!arena_open(&p->arena, 2 * bytes + extra + 4096, e)) return false;
    p->value = arena_get_zeroed(&p->arena, bytes);
    p->grad = arena_get_zeroed(&p->arena, bytes);
    return true;
}

/* ---- parameters ---- */

static bool is_frozen(const ParamChoice *c, const char *name)
{
    const bool vision = str_starts(name, "vision."), language = str_starts(name, "language.");
    if (vision ? c->freeze_vision : language ? c->freeze_language : c->freeze_projector) return true;
    for (int i = 0; i < c->n_freeze; i++)
        if (fnmatch(c->freeze[i], name, 0) == 0) return true;
    return false;
}

static bool is_chosen(const Visit *v, const ParameterSlot *s)
{
    return !s->is_correction && !is_frozen(v->choice, s->name);
}

static bool count_parameter(void *context, const ParameterSlot *s)
{
    Visit *v = context;
    if (is_chosen(v, s)) add_param(v->p, xstrdup(s->name), s->n_dims, s->dim);
    return true;
}

/* A matrix of any type, rows apart or in strips, as f32. */
static void widen(const Kernels *k, const Weight *w, float *to)
{
    const size_t stride = weight_stride(w), cols = (size_t)w->cols;
    unsigned char *room = xmalloc(stride);
    for (int i = 0; i < w->rows; i++, to += cols) {
        const unsigned char *row = (const unsigned char *)w->data + (size_t)i * stride;
        if (dtype_is_x16(w->dtype)) {
            interleaved_row(w->dtype, room, row - (size_t)(i % STRIP_ROWS) * stride, i % STRIP_ROWS, cols);
            row = room;
        }
        k->to_f32[dtype_of_rows(w->dtype)](to, row, w->cols);
    }
    free(room);
}

static bool move_parameter(void *context, const ParameterSlot *s)
{
    Visit *v = context;
    if (!is_chosen(v, s)) return true;
    const Param *q = &v->p->param[v->next++];
    float *value = v->p->value + q->at, *grad = v->p->grad + q->at;
    if (s->vector) {
        memcpy(value, s->vector->data, q->n * sizeof *value);
        *s->vector = (Vector){ value, grad };
        return true;
    }
    Weight *w = s->matrix;
    widen(v->k, w, value);
    *w = (Weight){ .data = value, .dtype = DT_F32, .rows = w->rows, .cols = w->cols, .grad = grad };
    return true;
}

/* Experts are read as one type: those of a layer are trained together or not at all. */
static bool check_experts(const Model *m, Error *e)
{
    const LanguageConfig *c = &m->config.language;
    for (int i = 0; i < c->n_layers; i++) {
        const Layer *l = &m->weights.language.layer[i];
        for (int k = 0; l->is_moe && k < c->n_routed_experts; k++) {
            const Expert *x = &l->moe.expert[k];
            const DType first = l->moe.expert[0].gate.dtype;
            if (x->gate.dtype != first || x->up.dtype != first || x->down.dtype != first)
                return fail(e, ERR_UNSUPPORTED,
                            "layer %d: expert %d is frozen and others are not, expected all experts of a layer "
                            "in one state",
                            i, k);
        }
    }
    return true;
}

bool params_open(Params *p, Model *m, const ParamChoice *choice, Error *e)
{
    Visit v = { .p = p, .choice = choice, .k = kernels_get(CPU_SCALAR) };
    *p = (Params){ 0 };
    if (weights_visit(&m->weights, &m->config, count_parameter, &v, e) &&
        (p->n > 0 || fail(e, ERR_USAGE, "every parameter is frozen: there is nothing to train")) && allocate(p, 0, e) &&
        weights_visit(&m->weights, &m->config, move_parameter, &v, e) && check_experts(m, e))
        return true;
    params_close(p);
    return false;
}

/* ---- adapters ---- */

/* "x.weight" -> "x", for a matrix that gets an adapter; NULL for all others. Caller frees. */
static char *module_of(const Visit *v, const ParameterSlot *s)
{
    static const char end[] = ".weight";
    if (!s->matrix || !str_ends(s->name, end)) return NULL;
    char *module = xstrndup(s->name, strlen(s->name) - (sizeof end - 1));
    if (v->adapter ? adapter_find(v->adapter, module) != NULL : lora_targets_rank(v->targets, module) > 0)
        return module;
    free(module);
    return NULL;
}

static char *adapter_name(const char *module, char which)
{
    Str name = { 0 };
    str_printf(&name, "%s.lora_%c.weight", module, which);
    return name.text;
}

static bool count_adapter(void *context, const ParameterSlot *s)
{
    Visit *v = context;
    char *module = module_of(v, s);
    if (!module) return true;
    const int64_t rank =
        v->adapter ? adapter_find(v->adapter, module)->a->dim[0] : lora_targets_rank(v->targets, module);
    int64_t inputs = 1;
    for (int i = 1; i < s->n_dims; i++) inputs *= s->dim[i];
    add_param(v->p, adapter_name(module, 'A'), 2, (const int64_t[]){ rank, inputs });
    add_param(v->p, adapter_name(module, 'B'), 2, (const int64_t[]){ s->dim[0], rank });
    v->p->n_lora++;
    free(module);
    return true;
}

static Weight weight_of(const Params *p, const Param *q)
{
    return (Weight){ .data = p->value + q->at,
                     .dtype = DT_F32,
                     .rows = (int)q->dim[0],
                     .cols = (int)q->dim[1],
                     .grad = p->grad + q->at };
}

static void copy_in(float *to, const FileTensor *t)
{
    const int cols = (int)t->dim[1];
    for (int64_t i = 0; i < t->dim[0]; i++)
        kernels_get(CPU_SCALAR)
            ->to_f32[t->dtype](to + i * cols, t->data + (size_t)i * dtype_row_bytes(t->dtype, (size_t)cols), cols);
}

static bool put_adapter(void *context, const ParameterSlot *s)
{
    Visit *v = context;
    Params *p = v->p;
    char *module = module_of(v, s);
    if (!module) return true;
    Lora *l = &p->lora[v->next / 2];
    *l = (Lora){ .a = weight_of(p, &p->param[v->next]), .b = weight_of(p, &p->param[v->next + 1]) };
    if (v->adapter) {
        const AdapterModule *x = adapter_find(v->adapter, module);
        copy_in(p->value + p->param[v->next].at, x->a);
        copy_in(p->value + p->param[v->next + 1].at, x->b);
        l->scale = x->scale;
        l->dropout = v->adapter->dropout;
    } else {
        l->scale = lora_targets_scale(v->targets, l->a.rows);
        l->dropout = v->targets->dropout;
    }
    s->matrix->lora = l;
    v->next += 2;
    free(module);
    return true;
}

/* As PEFT begins: He et al.'s uniform distribution with a = sqrt(5). */
static void fill_adapters(Params *p, uint64_t seed)
{
    for (int i = 0; i < p->n; i += 2) {
        const Param *a = &p->param[i];
        const double bound = 1 / sqrt((double)a->dim[1]);
        for (size_t k = 0; k < a->n; k++) {
            const double u = (double)(rng_at(rng_at(seed, (uint64_t)i), k) >> 11) * 0x1p-53;
            p->value[a->at + k] = (float)((2 * u - 1) * bound);
        }
    }
}

static bool make_adapters(Visit *v, Model *m, Error *e)
{
    Params *p = v->p;
    if (!weights_visit(&m->weights, &m->config, count_adapter, v, e)) return false;
    if (p->n == 0)
        return fail(e, ERR_USAGE, "no matrix of the model is one that the targets name (the first is \"%s\")",
                    v->targets && v->targets->n_targets ? v->targets->target[0] : "");
    if (!allocate(p, (size_t)p->n_lora * sizeof *p->lora + 4096, e)) return false;
    p->lora = arena_get(&p->arena, (size_t)p->n_lora * sizeof *p->lora);
    return weights_visit(&m->weights, &m->config, put_adapter, v, e);
}

bool params_open_lora(Params *p, Model *m, const LoraTargets *targets, uint64_t seed, Error *e)
{
    Visit v = { .p = p, .targets = targets };
    *p = (Params){ 0 };
    if (make_adapters(&v, m, e)) return fill_adapters(p, seed), true;
    params_close(p);
    return false;
}

bool params_open_adapter(Params *p, Model *m, const Adapter *a, Error *e)
{
    Visit v = { .p = p, .adapter = a };
    *p = (Params){ 0 };
    if (adapter_belongs(a, m, e) && make_adapters(&v, m, e)) return true;
    params_close(p);
    return false;
}

/* Parameters 2 i and 2 i + 1 are A and B of adapter i. */
bool params_save_adapter(const Params *p, const char *path, const char *base, Error *e)
{
    static const char end[] = ".lora_A.weight";
    AdapterMatrices *m = xcalloc((size_t)p->n_lora, sizeof *m);
    char **module = xcalloc((size_t)p->n_lora, sizeof *module);
    for (int i = 0; i < p->n_lora; i++) {
        const Param *a = &p->param[2 * i], *b = a + 1;
        const Lora *l = &p->lora[i];
        module[i] = xstrndup(a->name, strlen(a->name) - (sizeof end - 1));
        m[i] = (AdapterMatrices){ module[i], p->value + a->at, p->value + b->at, l->b.rows,
                                  l->a.cols, l->a.rows,        l->scale };
    }
    const bool ok = adapter_save(path, base, m, p->n_lora, p->lora[0].dropout, e);
    for (int i = 0; i < p->n_lora; i++) free(module[i]);
    free(module);
    free(m);
    return ok;
}

/* ---- both ---- */

void params_close(Params *p)
{
    for (int i = 0; i < p->n; i++) free(p->param[i].name);
    free(p->param);
    arena_close(&p->arena);
    *p = (Params){ 0 };
}

void params_zero_grad(Params *p)
{
    memset(p->grad, 0, p->n_values * sizeof *p->grad);
}

uint64_t params_count(const Params *p)
{
    uint64_t n = 0;
    for (int i = 0; i < p->n; i++) n += p->param[i].n;
    return n;
}

const Param *params_find(const Params *p, const char *name)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->param[i].name, name) == 0) return &p->param[i];
    return NULL;
}
