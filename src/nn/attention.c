/* attention.c - softmax(q k^T * scale) v, causal, over the cache. (Without one: attend_dense.c.)
 *
 * A task takes a strip of a sequence's rows and some of the query heads that share one kv head; these
 * pairs are the rows of two small products with each block of 64 keys:
 *     s = q k^T * scale;  m' = max(m, max s);  p = exp(s - m');  l = l exp(m - m') + sum p;  o = o exp(m - m') + p v
 * and o / l at the end. A pair never sees another one's numbers, and blocks start at absolute positions: its result does
 * not depend on the strip, the chunk or the batch. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "nn/ops.h"

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

enum { MAX_PAIRS = 64 }; /* (row, head) pairs of a task: their scores and sums stay in the second-level cache */

typedef struct {
    int row, n_rows; /* of the batch */
    int kv_head;
    int head, n_heads; /* query heads */
} Strip;

typedef struct {
    const Run *r;
    const Tensor *q;
    Tensor *out;
    float scale;
    const Batch *b;
    const KvCache *c;
    int layer;
    const Strip *strip;
    Scratch scratch;
    size_t q_stride; /* bytes of a prepared query */
} CacheJob;

/* What a task keeps for its pairs, in the scratch of its thread. */
typedef struct {
    unsigned char *q; /* prepared queries */
    float *s;         /* [pairs][KV_PAGE] scores, then probabilities */
    float *o;         /* [pairs][d_v] */
    float *max, *sum; /* [pairs] */
} Work;

static size_t work_bytes(int pairs, size_t q_stride, int d_v)
{
    return (size_t)pairs * (q_stride + ((size_t)KV_PAGE + (size_t)d_v + 2) * sizeof(float)) + 4 * 64;
}

static Work work_at(void *p, int pairs, size_t q_stride, int d_v)
{
    Work w;
    w.q = p;
    w.s = (float *)(void *)(w.q + (size_t)pairs * q_stride); /* q_stride is a multiple of 64 */
    w.o = w.s + (size_t)pairs * KV_PAGE;
    w.max = w.o + (size_t)pairs * (size_t)d_v;
    w.sum = w.max + pairs;
    return w;
}

static void begin_pairs(const CacheJob *j, const Strip *t, Work *w)
{
    const KvShape *s = &j->c->shape;
    const Matmul *mm = &j->r->k->matmul[COMPUTE_F32][s->dtype];
    const int pairs = t->n_rows * t->n_heads;
    for (int i = 0; i < pairs; i++) {
        const float *q =
            tensor_row(j->q, t->row + i / t->n_heads) + (size_t)(t->head + i % t->n_heads) * (size_t)s->d_k;
        mm->prepare(w->q + (size_t)i * j->q_stride, q, s->d_k);
        w->max[i] = -INFINITY;
        w->sum[i] = 0;
    }
    memset(w->o, 0, (size_t)pairs * (size_t)s->d_v * sizeof(float));
}

/* Turns the scores of one pair against one block into probabilities and rescales what it has so far. */
static void soften(const Kernels *k, float *s, int visible, float scale, float *o, int d_v, float *max, float *sum)
{
    k->scale(s, s, scale, visible);
    const float block_max = k->max(s, visible), new_max = *max > block_max ? *max : block_max;
    float keep;
    k->exp_sum(&keep, max, new_max, 1);
    *sum = *sum * keep + k->exp_sum(s, s, new_max, visible);
    if (keep != 1) k->scale(o, o, keep, d_v);
    *max = new_max;
    memset(s + visible, 0, (size_t)(KV_PAGE - visible) * sizeof(float));
}

static void attend_block(const CacheJob *j, const Strip *t, Work *w, int block, int n_keys)
{
    const Kernels *k = j->r->k;
    const KvShape *s = &j->c->shape;
    const int pairs = t->n_rows * t->n_heads;
    const KvBlock at = kv_block(j->c, j->layer, j->b->row[t->row].sequence, block, t->kv_head);
    k->matmul[COMPUTE_F32][s->dtype].run(w->s, KV_PAGE, w->q, pairs, at.k, at.k_stride, n_keys, s->d_k);
    int first = 0; /* pairs before it stand before this block and see none of its keys */
    for (int i = 0; i < pairs; i++) {
        const int visible = smaller(n_keys, j->b->row[t->row + i / t->n_heads].position + 1 - block * KV_PAGE);
        if (visible <= 0)
            first = i + 1;
        else
            soften(k, w->s + (size_t)i * KV_PAGE, visible, j->scale, w->o + (size_t)i * (size_t)s->d_v, s->d_v,
                   &w->max[i], &w->sum[i]);
    }
    k->matmul_add[s->dtype](w->o + (size_t)first * (size_t)s->d_v, (size_t)s->d_v, w->s + (size_t)first * KV_PAGE,
                            KV_PAGE, pairs - first, at.v, at.v_stride, s->d_v, n_keys);
}

static void attend_strip(void *context, int i, int thread)
{
    const CacheJob *j = context;
    const Strip *t = &j->strip[i];
    const int pairs = t->n_rows * t->n_heads, d_v = j->c->shape.d_v;
    Work w = work_at(scratch_of(j->scratch, thread), pairs, j->q_stride, d_v);
    begin_pairs(j, t, &w);
    const int n_keys = j->b->row[t->row + t->n_rows - 1].position + 1;
    for (int block = 0; block * KV_PAGE < n_keys; block++)
        attend_block(j, t, &w, block, smaller(KV_PAGE, n_keys - block * KV_PAGE));
    for (int p = 0; p < pairs; p++) {
        float *out = tensor_row(j->out, t->row + p / t->n_heads) + (size_t)(t->head + p % t->n_heads) * (size_t)d_v;
        j->r->k->scale(out, w.o + (size_t)p * (size_t)d_v, 1 / w.sum[p], d_v);
    }
}

/* Cuts the batch into strips: rows of one sequence, query heads of one kv head. Heads are split only while there are fewer
 * tasks than threads want. Returns the number of strips. */
static int cut_strips(const Batch *b, int n_kv_heads, int group, int threads, Strip *out)
{
    int heads = smaller(group, MAX_PAIRS);
    while (heads > 4 && b->n * n_kv_heads * (group / heads) < 2 * threads) heads = (heads + 1) / 2;
    const int most_rows = MAX_PAIRS / heads < 32 ? MAX_PAIRS / heads : 32;
    int n = 0;
    for (int row = 0, n_rows; row < b->n; row += n_rows) {
        n_rows = 1;
        while (n_rows < most_rows && row + n_rows < b->n && b->row[row + n_rows].sequence == b->row[row].sequence)
            n_rows++;
        for (int g = 0; g < n_kv_heads; g++)
            for (int h = 0; h < group; h += heads)
                out[n++] = (Strip){ row, n_rows, g, g * group + h, smaller(heads, group - h) };
    }
    return n;
}

Tensor *attend_cache(Run *r, const Tensor *q, int n_heads, float scale, const Batch *b, const KvCache *c, int layer)
{
    const KvShape *s = &c->shape;
    assert(q->rows == b->n && q->cols == n_heads * s->d_k && n_heads % s->n_kv_heads == 0);
    Tensor *out = tensor_new(r, q->rows, n_heads * s->d_v);
    const ArenaMark mark = arena_mark(r->arena);
    Strip *strip = arena_get(r->arena, (size_t)b->n * (size_t)n_heads * sizeof *strip); /* at most */
    const int n = cut_strips(b, s->n_kv_heads, n_heads / s->n_kv_heads, pool_threads(r->pool), strip);
    CacheJob j = { r, q,     out,   scale, b,
                   c, layer, strip, { 0 }, r->k->matmul[COMPUTE_F32][s->dtype].prepared_bytes(s->d_k) };
    j.scratch = scratch_new(r, work_bytes(MAX_PAIRS, j.q_stride, s->d_v));
    pool_run(r->pool, n, attend_strip, &j);
    arena_release(r->arena, mark);
    return out;
}
