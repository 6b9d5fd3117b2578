/* route.c - the router of a mixture of experts.
 *
 * scores = softmax or sigmoid of the router's logits, all f32. The top_k experts are chosen by score (greedy), by score within
 * the best groups (group_limited_greedy), or by score + correction bias within the best groups (noaux_tc). Outside the best
 * groups the selection score is 0, and may still win. The weights are the scores without the bias, or for
 * group_limited_greedy the selection scores themselves; normalised and scaled as the config says.
 *
 * Backward: the choice is a constant, the weights are not. The balance loss of a layer is
 *     alpha * mean over sequences of sum over experts of f_e * mean over tokens of score_e,   f_e = load_e * E / (T k)
 * (or, without seq_aux, the same over all tokens as one sequence). Loads are constants. Nothing adds it to the loss: only its
 * gradient is there, with weight 1. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "nn/ops.h"
#include "nn/tape.h"

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
    for (int i = 0; i < n; i++) select[i] = scores[i] + (m->method == ROUTE_NOAUX ? m->correction_bias.data[i] : 0);
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
    float *scores; /* [rows][n_experts], kept with a tape */
} RouteJob;

static void route_rows(void *context, int begin, int end, int thread)
{
    const RouteJob *j = context;
    const int n = j->m->n_experts, k = j->m->top_k;
    float *scores = scratch_of(j->scratch, thread), *select = scores + n;
    for (int i = begin; i < end; i++) {
        memcpy(scores, tensor_row(j->logits, i), (size_t)n * sizeof(float));
        score(j->k, scores, n, j->m->sigmoid);
        if (j->scores) memcpy(j->scores + (size_t)i * (size_t)n, scores, (size_t)n * sizeof(float));
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

/* ---- backward ---- */

typedef struct {
    const Kernels *k;
    const Tensor *logits;
    const Router *m;
    const Routing *g;
    const float *scores;  /* [rows][n_experts] */
    const float *balance; /* [rows][n_experts]: the gradient of the balance loss, or NULL */
    Scratch scratch;
} BackwardJob;

/* dscores of one row from those of its weights: w_i = f s_i, or f s_i / (sum of s + 1e-20). A weight of 0 is that of an expert
 * outside the best groups, which is a constant. */
static void weights_backward(const Router *m, const float *scores, const int *expert, const float *weight,
                             const float *dweight, float *dscores)
{
    const bool norm = m->norm_topk_prob && m->top_k > 1;
    float sum = 1, along = 0;
    if (norm) {
        sum = 1e-20f;
        for (int i = 0; i < m->top_k; i++) {
            sum += weight[i] != 0 ? scores[expert[i]] : 0;
            along += dweight[i] * weight[i];
        }
    }
    for (int i = 0; i < m->top_k; i++)
        if (weight[i] != 0) dscores[expert[i]] += (m->scaling_factor * dweight[i] - along) / sum;
}

static void backward_rows(void *context, int begin, int end, int thread)
{
    const BackwardJob *j = context;
    const int n = j->m->n_experts, k = j->m->top_k;
    float *d = scratch_of(j->scratch, thread);
    for (int i = begin; i < end; i++) {
        const float *s = j->scores + (size_t)i * (size_t)n;
        const size_t pair = (size_t)i * (size_t)k;
        float *dlogits = tensor_grad_row(j->logits, i);
        if (j->balance)
            memcpy(d, j->balance + (size_t)i * (size_t)n, (size_t)n * sizeof *d);
        else
            memset(d, 0, (size_t)n * sizeof *d);
        weights_backward(j->m, s, j->g->expert + pair, j->g->weight + pair, j->g->weight_grad + pair, d);
        if (j->m->sigmoid)
            for (int e = 0; e < n; e++) d[e] *= s[e] * (1 - s[e]);
        else
            j->k->back->softmax(d, s, d, j->k->back->dot(s, d, n), 1, n);
        j->k->add(dlogits, dlogits, d, n);
    }
}

static void route_backward(Run *r, const void *job)
{
    BackwardJob j = *(const BackwardJob *)job;
    j.scratch = scratch_new(r, (size_t)j.m->n_experts * sizeof(float));
    pool_ranges(r->pool, j.logits->rows, 32, backward_rows, &j);
}

/* The rows of one sequence (or all): adds their part of the loss, and writes their rows of the gradient. */
static double balance_span(const Router *m, const Routing *g, const float *scores, int begin, int rows, double share,
                           float *out)
{
    const int n = m->n_experts, k = m->top_k;
    double loss = 0;
    for (int e = 0; e < n; e++) {
        int load = 0;
        double sum = 0;
        for (int i = begin * k; i < (begin + rows) * k; i++) load += g->expert[i] == e;
        for (int i = begin; i < begin + rows; i++) sum += (double)scores[i * n + e];
        const double f = (double)load * n / ((double)rows * k), slope = share * (double)m->balance_alpha * f / rows;
        loss += slope * sum;
        for (int i = begin; i < begin + rows; i++) out[i * n + e] = (float)slope;
    }
    return loss;
}

static int span_of(const Batch *b, int i)
{
    int n = 1;
    while (i + n < b->n && b->row[i + n].sequence == b->row[i].sequence) n++;
    return n;
}

static double balance_loss(const Router *m, const Routing *g, const float *scores, const Batch *b, float *out)
{
    int spans = 0;
    double loss = 0;
    if (!m->balance_by_sequence) return balance_span(m, g, scores, 0, g->rows, 1, out);
    for (int i = 0; i < b->n; i += span_of(b, i)) spans++;
    for (int i = 0, n; i < b->n; i += n) {
        n = span_of(b, i);
        loss += balance_span(m, g, scores, i, n, 1.0 / spans, out);
    }
    return loss;
}

/* What training wants to know of this layer, and the gradient of its balance loss: [rows][n_experts], or NULL. */
static const float *look_at_balance(Run *r, const Router *m, const Routing *g, const float *scores, const Batch *b,
                                    int layer)
{
    const size_t all = (size_t)g->rows * (size_t)m->n_experts;
    ExpertReport *report = r->tape->report ? &r->tape->report[layer] : NULL;
    float *out = NULL;
    double loss = 0;
    if (r->tape->balance && m->balance_alpha > 0 && m->method != ROUTE_NOAUX) {
        out = arena_get(r->arena, all * sizeof *out);
        loss = balance_loss(m, g, scores, b, out);
    }
    if (!report) return out;
    report->balance = loss;
    for (int e = 0; e < m->n_experts; e++) report->load[e] = g->begin[e + 1] - g->begin[e];
    return out;
}

/* ---- both ---- */

static void count_rows(const ExpertCount *c, const Routing *g, int layer)
{
    atomic_uint_fast64_t *rows = c->rows + (size_t)layer * (size_t)c->experts;
    assert(layer < c->layers && g->n_experts == c->experts);
    for (int e = 0; e < c->experts; e++) /* one thread adds: a load and a store will do */
        atomic_store_explicit(
            &rows[e], atomic_load_explicit(&rows[e], memory_order_relaxed) + (unsigned)(g->begin[e + 1] - g->begin[e]),
            memory_order_relaxed);
}

static void record(Run *r, const Tensor *logits, const Router *m, Routing *g, const float *scores, const Batch *b,
                   int layer)
{
    const float *balance = look_at_balance(r, m, g, scores, b, layer);
    g->weight_grad = arena_get_zeroed(r->arena, (size_t)g->rows * (size_t)m->top_k * sizeof(float));
    if (!logits->grad) return;
    const BackwardJob j = { r->k, logits, m, g, scores, balance, { 0 } };
    tape_push(r, route_backward, &j, sizeof j);
}

Routing *route(Run *r, const Tensor *router_logits, const Router *m, const Batch *b, int layer)
{
    const int rows = router_logits->rows;
    const size_t pairs = (size_t)rows * (size_t)m->top_k;
    assert(router_logits->cols == m->n_experts && m->top_k <= m->n_experts);
    Routing *g = arena_get(r->arena, sizeof *g);
    *g = (Routing){ .rows = rows, .top_k = m->top_k, .n_experts = m->n_experts };
    g->expert = arena_get(r->arena, pairs * sizeof *g->expert);
    g->weight = arena_get(r->arena, pairs * sizeof *g->weight);
    g->begin = arena_get(r->arena, ((size_t)m->n_experts + 1) * sizeof *g->begin);
    g->row = arena_get(r->arena, pairs * sizeof *g->row);
    g->slot = arena_get(r->arena, pairs * sizeof *g->slot);
    RouteJob j = { .k = r->k, .logits = router_logits, .m = m, .g = g };
    j.scratch = scratch_new(r, 3 * (size_t)m->n_experts * sizeof(float));
    if (r->tape) j.scores = arena_get(r->arena, (size_t)rows * (size_t)m->n_experts * sizeof(float));
    pool_ranges(r->pool, rows, 32, route_rows, &j);
    group_by_expert(g);
    if (r->routed) count_rows(r->routed, g, layer);
    if (r->tape) record(r, router_logits, m, g, j.scores, b, layer);
    return g;
}
