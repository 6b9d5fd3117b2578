/* moe.c - the mixture of experts.
 *
 * Router: scores = softmax or sigmoid of the router's logits, all f32. The top_k experts are chosen by score (greedy), by
 * score within the best groups (group_limited_greedy), or by score + correction bias within the best groups (noaux_tc).
 * Outside the best groups the selection score is 0, and may still win. The weights are the scores without the bias, or for
 * group_limited_greedy the selection scores themselves; normalised and scaled as the config says.
 *
 * Experts: rows are grouped by expert (a slot is one row at one expert), so that each expert's weights are read once in a
 * step. Tasks are (expert, block of its weight rows). At the end each row sums its slots in ascending order of experts. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "nn/ops.h"

/* ---- router ---- */

/* scores [n] from logits, in place. */
static void score(const Kernels *k, float *s, int n, bool sigmoid)
{
    if (!sigmoid) {
        const float sum = k->exp_sum(s, s, k->max(s, n), n);
        k->scale(s, s, 1 / sum, n);
        return;
    }
    k->scale(s, s, -1, n);
    k->exp_sum(s, s, 0, n);
    for (int i = 0; i < n; i++) s[i] = 1 / (1 + s[i]);
}

static int best(const float *s, int n)
{
    int b = 0;
    for (int i = 1; i < n; i++)
        if (s[i] > s[b]) b = i;
    return b;
}

/* Sets the selection scores of all groups but the best topk_group to 0 (not to -inf: as the official code does).
 * A group's score is its best member, or for noaux_tc the sum of its two best. `group` is scratch [n_group]. */
static void limit_groups(const Router *m, float *select, float *group)
{
    const int size = m->n_experts / m->n_group;
    for (int g = 0; g < m->n_group; g++) {
        float *s = select + (size_t)g * (size_t)size;
        const int first = best(s, size);
        group[g] = s[first];
        if (m->method != ROUTE_NOAUX) continue;
        float second = -INFINITY;
        for (int i = 0; i < size; i++)
            if (i != first && s[i] > second) second = s[i];
        if (size > 1) group[g] += second;
    }
    for (int i = 0; i < m->topk_group; i++) group[best(group, m->n_group)] = -INFINITY; /* kept */
    for (int g = 0; g < m->n_group; g++)
        if (group[g] != -INFINITY) memset(select + (size_t)g * (size_t)size, 0, (size_t)size * sizeof(float));
}

/* Marks the top_k experts of one row and writes them in ascending order with their weights. `select` is scratch
 * [2 * n_experts]. */
static void choose(const Router *m, const float *scores, float *select, int *expert, float *weight)
{
    const int n = m->n_experts;
    for (int i = 0; i < n; i++) select[i] = scores[i] + (m->method == ROUTE_NOAUX ? m->correction_bias[i] : 0);
    if (m->method != ROUTE_GREEDY) limit_groups(m, select, select + n);
    for (int i = 0; i < m->top_k; i++) {
        const int e = best(select, n);
        const float w = m->method == ROUTE_GROUP_LIMITED ? select[e] : scores[e];
        select[e] = -INFINITY;
        int at = i;
        for (; at > 0 && expert[at - 1] > e; at--) {
            expert[at] = expert[at - 1];
            weight[at] = weight[at - 1];
        }
        expert[at] = e;
        weight[at] = w;
    }
    float sum = 0;
    for (int i = 0; i < m->top_k; i++) sum += weight[i];
    for (int i = 0; i < m->top_k; i++) {
        if (m->norm_topk_prob && m->top_k > 1) weight[i] /= sum + 1e-20f;
        weight[i] *= m->scaling_factor;
    }
}

typedef struct {
    const Kernels *k;
    const Tensor *logits;
    const Router *m;
    Routing *g;
    Scratch scratch;
} RouteJob;

static void route_rows(void *context, int begin, int end, int thread)
{
    const RouteJob *j = context;
    const int n = j->m->n_experts, k = j->m->top_k;
    float *scores = scratch_of(j->scratch, thread), *select = scores + n;
    for (int i = begin; i < end; i++) {
        memcpy(scores, tensor_row(j->logits, i), (size_t)n * sizeof(float));
        score(j->k, scores, n, j->m->sigmoid);
        choose(j->m, scores, select, j->g->expert + (size_t)i * (size_t)k, j->g->weight + (size_t)i * (size_t)k);
    }
}

/* Counts, prefix sums, then every pair takes the next slot of its expert: rows ascend within an expert. */
static void group_by_expert(Routing *g)
{
    const int pairs = g->rows * g->top_k;
    memset(g->begin, 0, (size_t)(g->n_experts + 1) * sizeof *g->begin);
    for (int p = 0; p < pairs; p++) g->begin[g->expert[p] + 1]++;
    for (int e = 0; e < g->n_experts; e++) g->begin[e + 1] += g->begin[e];
    for (int p = 0; p < pairs; p++) {
        const int slot = g->begin[g->expert[p]]++;
        g->row[slot] = p / g->top_k;
        g->slot[p] = slot;
    }
    memmove(g->begin + 1, g->begin, (size_t)g->n_experts * sizeof *g->begin); /* undo the steps taken */
    g->begin[0] = 0;
}

Routing *route(Run *r, const Tensor *router_logits, const Router *m)
{
    const int rows = router_logits->rows;
    const size_t pairs = (size_t)rows * (size_t)m->top_k;
    assert(router_logits->cols == m->n_experts && m->top_k <= m->n_experts);
    Routing *g = arena_get(r->arena, sizeof *g);
    *g = (Routing){ rows, m->top_k, m->n_experts, NULL, NULL, NULL, NULL, NULL };
    g->expert = arena_get(r->arena, pairs * sizeof *g->expert);
    g->weight = arena_get(r->arena, pairs * sizeof *g->weight);
    g->begin = arena_get(r->arena, ((size_t)m->n_experts + 1) * sizeof *g->begin);
    g->row = arena_get(r->arena, pairs * sizeof *g->row);
    g->slot = arena_get(r->arena, pairs * sizeof *g->slot);
    RouteJob j = { r->k, router_logits, m, g, scratch_new(r, 3 * (size_t)m->n_experts * sizeof(float)) };
    pool_ranges(r->pool, rows, 32, route_rows, &j);
    group_by_expert(g);
    return g;
}

/* ---- experts ---- */

typedef struct {
    int expert, begin, n; /* weight rows */
} ExpertTask;

typedef struct {
    const Run *r;
    const Tensor *x;
    const Expert *e;
    const Routing *g;
    const ExpertTask *task;
    Tensor *gate, *up, *down; /* [slots, d_expert] twice, [slots, d_model] */
    Tensor *y;
    unsigned char *xp; /* prepared rows, by slot: of x, then of the activations */
    size_t xp_stride;
} ExpertJob;

static const Matmul *matmul_of(const Run *r, const Weight *w)
{
    return &r->k->matmul[r->compute[w->dtype]][w->dtype];
}

/* For weights of the type of w. All experts of a layer have one type, gate and up the same: checked at binding. */
static void prepare_slots(const ExpertJob *j, const Weight *w, const Tensor *x, const int *row_of_slot, int begin,
                          int end)
{
    const Matmul *mm = matmul_of(j->r, w);
    for (int s = begin; s < end; s++)
        mm->prepare(j->xp + (size_t)s * j->xp_stride, tensor_row(x, row_of_slot ? row_of_slot[s] : s), x->cols);
}

static void prepare_inputs(void *context, int begin, int end, int thread)
{
    const ExpertJob *j = context;
    (void)thread;
    prepare_slots(j, &j->e[0].gate, j->x, j->g->row, begin, end);
}

static void prepare_activations(void *context, int begin, int end, int thread)
{
    const ExpertJob *j = context;
    (void)thread;
    prepare_slots(j, &j->e[0].down, j->gate, NULL, begin, end);
}

/* What goes into the matrices of each expert, row by row, when the activations are there. */
static void show_inputs(const ExpertJob *j)
{
    for (int e = 0; j->r->inputs && e < j->g->n_experts; e++)
        for (int s = j->g->begin[e]; s < j->g->begin[e + 1]; s++) {
            const Tensor x = { tensor_row(j->x, j->g->row[s]), 1, j->x->cols, j->x->ld };
            const Tensor activations = { tensor_row(j->gate, s), 1, j->gate->cols, j->gate->ld };
            run_input(j->r, &j->e[e].gate, &x);
            run_input(j->r, &j->e[e].up, &x);
            run_input(j->r, &j->e[e].down, &activations);
        }
}

static void multiply_rows(const ExpertJob *j, Tensor *y, const Weight *w, const ExpertTask *t)
{
    const int first = j->g->begin[t->expert], m = j->g->begin[t->expert + 1] - first;
    const size_t stride = weight_stride(w);
    matmul_of(j->r, w)->run(tensor_row(y, first) + t->begin, y->ld, j->xp + (size_t)first * j->xp_stride, m,
                            (const unsigned char *)w->data + (size_t)t->begin * stride, stride, t->n, w->cols);
}

/* gate = silu(x gate^T) * (x up^T), a block of columns for all rows of one expert. */
static void gate_and_up(void *context, int i, int thread)
{
    const ExpertJob *j = context;
    const ExpertTask *t = &j->task[i];
    (void)thread;
    multiply_rows(j, j->gate, &j->e[t->expert].gate, t);
    multiply_rows(j, j->up, &j->e[t->expert].up, t);
    for (int s = j->g->begin[t->expert]; s < j->g->begin[t->expert + 1]; s++) {
        float *gate = tensor_row(j->gate, s) + t->begin;
        j->r->k->swiglu(gate, gate, tensor_row(j->up, s) + t->begin, t->n);
    }
}

static void down(void *context, int i, int thread)
{
    const ExpertJob *j = context;
    (void)thread;
    multiply_rows(j, j->down, &j->e[j->task[i].expert].down, &j->task[i]);
}

static void combine_rows(void *context, int begin, int end, int thread)
{
    const ExpertJob *j = context;
    const Routing *g = j->g;
    (void)thread;
    for (int i = begin; i < end; i++) {
        float *y = tensor_row(j->y, i);
        memset(y, 0, (size_t)j->y->cols * sizeof(float));
        for (int p = i * g->top_k; p < (i + 1) * g->top_k; p++)
            j->r->k->add_scaled(y, tensor_row(j->down, g->slot[p]), g->weight[p], j->y->cols);
    }
}

/* One task for each block of weight rows of each expert that has rows. */
static int cut_tasks(const Routing *g, int weight_rows, int block, ExpertTask *out)
{
    int n = 0;
    for (int e = 0; e < g->n_experts; e++) {
        if (g->begin[e] == g->begin[e + 1]) continue;
        for (int begin = 0; begin < weight_rows; begin += block)
            out[n++] = (ExpertTask){ e, begin, weight_rows - begin < block ? weight_rows - begin : block };
    }
    return n;
}

Tensor *experts(Run *r, const Tensor *x, const Expert *e, const Routing *g)
{
    const int slots = g->rows * g->top_k, d_expert = e[0].gate.rows, d_model = e[0].down.rows;
    const int block = slots >= 16 * g->n_experts ? 64 : 128; /* few rows an expert: longer streams of weights */
    assert(x->rows == g->rows && x->cols == e[0].gate.cols && e[0].down.cols == d_expert);
    Tensor *y = tensor_new(r, x->rows, d_model);
    const ArenaMark mark = arena_mark(r->arena);
    const int most = d_expert > d_model ? d_expert : d_model;
    ExpertTask *task = arena_get(r->arena, (size_t)g->n_experts * (size_t)(most / block + 1) * sizeof *task);
    ExpertJob j = { r,
                    x,
                    e,
                    g,
                    task,
                    tensor_new(r, slots, d_expert),
                    tensor_new(r, slots, d_expert),
                    tensor_new(r, slots, d_model),
                    y,
                    NULL,
                    0 };
    const size_t x_bytes = matmul_of(r, &e[0].gate)->prepared_bytes(x->cols),
                 act_bytes = matmul_of(r, &e[0].down)->prepared_bytes(d_expert);
    j.xp = arena_get(r->arena, (size_t)slots * (x_bytes > act_bytes ? x_bytes : act_bytes));

    j.xp_stride = x_bytes;
    pool_ranges(r->pool, slots, 16, prepare_inputs, &j);
    pool_run(r->pool, cut_tasks(g, d_expert, block, task), gate_and_up, &j);
    show_inputs(&j);
    j.xp_stride = act_bytes;
    pool_ranges(r->pool, slots, 16, prepare_activations, &j);
    pool_run(r->pool, cut_tasks(g, d_model, block, task), down, &j);
    pool_ranges(r->pool, x->rows, 4, combine_rows, &j);
    arena_release(r->arena, mark);
    return y;
}
