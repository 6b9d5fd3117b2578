/* attend_dense.c - softmax(q k^T * scale) v without a cache: full inside a tile, causal inside a training sample.
 *
 * A task is one kv head of one span of rows (a tile, a sample). It takes 32 queries at a time against all the keys that they
 * see, so that their scores stay in the second-level cache. Keys are turned to [d][keys]: 16 keys are one vector however odd
 * d is (72 in SigLIP).
 *
 * For the backward the forward keeps log(sum of exp) of every query, from which the probabilities p come again:
 *     dv += p^T do;  dp = do v^T;  ds = scale p (dp - do . o);  dq += ds k;  dk += ds^T q */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "nn/ops.h"
#include "nn/tape.h"

enum { STRIP = 32 };

typedef struct {
    int begin, n; /* rows */
} Span;

typedef struct {
    const Kernels *k;
    const Tensor *query, *key, *value; /* of a tile these are three views of one tensor */
    Tensor *out;
    HeadShape s;
    bool causal;
    const Span *span;
    int n_spans, longest;
    float *log_sum; /* [rows][n_heads], with a tape */
    Scratch scratch;
} Job;

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

/* [n][d] with rows `ld` apart to [d][n]. */
static void turn(float *out, const float *in, size_t ld, int n, int d)
{
    for (int i = 0; i < n; i++)
        for (int c = 0; c < d; c++) out[(size_t)c * (size_t)n + (size_t)i] = in[(size_t)i * ld + (size_t)c];
}

static void copy_rows(float *out, const float *in, size_t ld, int n, int d)
{
    for (int i = 0; i < n; i++) memcpy(out + (size_t)i * (size_t)d, in + (size_t)i * ld, (size_t)d * sizeof(float));
}

/* scores[m][n] = rows of x times `turned` [d][n] */
static void scores_of(const Kernels *k, float *scores, const float *x, size_t ld, int m, const float *turned, int n,
                      int seen, int d)
{
    for (int i = 0; i < m; i++) memset(scores + (size_t)i * (size_t)n, 0, (size_t)seen * sizeof(float));
    k->matmul_add[DT_F32](scores, (size_t)n, x, ld, m, turned, (size_t)n * sizeof(float), seen, d);
}

/* How many keys of its span query i sees. */
static int keys_seen(const Job *j, int i, int n)
{
    return j->causal ? i + 1 : n;
}

/* ---- forward ---- */

/* Queries [q, q + m) of one head; kt [d_k][n], v [n][d_v]. */
static void forward_strip(const Job *j, const Span *t, int head, int q, const float *kt, const float *v, float *s)
{
    const int n = t->n, m = smaller(STRIP, n - q), seen = keys_seen(j, q + m - 1, n), d_v = j->s.d_v;
    float *out = tensor_row(j->out, t->begin + q) + head * d_v, sum[STRIP];
    scores_of(j->k, s, tensor_row(j->query, t->begin + q) + head * j->s.d_k, j->query->ld, m, kt, n, seen, j->s.d_k);
    for (int row = 0; row < m; row++) {
        const int visible = keys_seen(j, q + row, n);
        float *p = s + (size_t)row * (size_t)n;
        j->k->scale(p, p, j->s.scale, visible);
        const float most = j->k->max(p, visible);
        sum[row] = j->k->exp_sum(p, p, most, visible);
        memset(p + visible, 0, (size_t)(seen - visible) * sizeof(float));
        memset(out + (size_t)row * j->out->ld, 0, (size_t)d_v * sizeof(float));
        if (j->log_sum) j->log_sum[(t->begin + q + row) * j->s.n_heads + head] = most + logf(sum[row]);
    }
    j->k->matmul_add[DT_F32](out, j->out->ld, s, (size_t)n, m, v, (size_t)d_v * sizeof(float), d_v, seen);
    for (int row = 0; row < m; row++) {
        float *o = out + (size_t)row * j->out->ld;
        j->k->scale(o, o, 1 / sum[row], d_v);
    }
}

static void forward_task(void *context, int i, int thread)
{
    const Job *j = context;
    const Span *t = &j->span[i / j->s.n_kv_heads];
    const int g = i % j->s.n_kv_heads, group = j->s.n_heads / j->s.n_kv_heads;
    float *kt = scratch_of(j->scratch, thread);            /* [d_k][n] */
    float *v = kt + (size_t)j->s.d_k * (size_t)j->longest; /* [n][d_v] */
    float *s = v + (size_t)j->s.d_v * (size_t)j->longest;  /* [STRIP][n] */
    turn(kt, tensor_row(j->key, t->begin) + g * j->s.d_k, j->key->ld, t->n, j->s.d_k);
    copy_rows(v, tensor_row(j->value, t->begin) + g * j->s.v_step, j->value->ld, t->n, j->s.d_v);
    for (int head = g * group; head < (g + 1) * group; head++)
        for (int q = 0; q < t->n; q += STRIP) forward_strip(j, t, head, q, kt, v, s);
}

/* ---- backward ---- */

/* What a backward task works in, in the scratch of its thread. */
typedef struct {
    float *kt, *vt, *k; /* [d_k][n], [d_v][n], [n][d_k] */
    float *dk, *dv;     /* [n][d_k], [n][d_v] */
    float *p, *dp;      /* [STRIP][n] */
} Work;

static size_t work_floats(const Job *j)
{
    return (size_t)j->longest * (3 * (size_t)j->s.d_k + 2 * (size_t)j->s.d_v + 2 * STRIP);
}

static Work work_at(const Job *j, int thread)
{
    const size_t n = (size_t)j->longest, d_k = (size_t)j->s.d_k, d_v = (size_t)j->s.d_v;
    Work w;
    w.kt = scratch_of(j->scratch, thread);
    w.k = w.kt + n * d_k;
    w.dk = w.k + n * d_k;
    w.vt = w.dk + n * d_k;
    w.dv = w.vt + n * d_v;
    w.p = w.dv + n * d_v;
    w.dp = w.p + n * STRIP;
    return w;
}

static void backward_strip(const Job *j, const Span *t, int head, int q, const Work *w)
{
    const int n = t->n, m = smaller(STRIP, n - q), seen = keys_seen(j, q + m - 1, n), first = t->begin + q;
    const int d_k = j->s.d_k, d_v = j->s.d_v;
    const float *query = tensor_row(j->query, first) + head * d_k, *out = tensor_row(j->out, first) + head * d_v;
    const float *dout = tensor_grad_row(j->out, first) + head * d_v;
    scores_of(j->k, w->p, query, j->query->ld, m, w->kt, n, seen, d_k);
    scores_of(j->k, w->dp, dout, j->out->ld, m, w->vt, n, seen, d_v);
    for (int row = 0; row < m; row++) {
        const int visible = keys_seen(j, q + row, n);
        float *p = w->p + (size_t)row * (size_t)n, *dp = w->dp + (size_t)row * (size_t)n;
        j->k->scale(p, p, j->s.scale, visible);
        j->k->exp_sum(p, p, j->log_sum[(first + row) * j->s.n_heads + head], visible);
        memset(p + visible, 0, (size_t)(seen - visible) * sizeof(float));
        const float mean = j->k->back->dot(dout + (size_t)row * j->out->ld, out + (size_t)row * j->out->ld, d_v);
        j->k->back->softmax(dp, p, dp, mean, j->s.scale, seen);
    }
    const BackwardKernels *back = j->k->back;
    if (j->value->grad) back->matmul_add_t(w->dv, (size_t)d_v, w->p, (size_t)n, seen, dout, j->out->ld, d_v, m);
    if (j->key->grad) back->matmul_add_t(w->dk, (size_t)d_k, w->dp, (size_t)n, seen, query, j->query->ld, d_k, m);
    if (j->query->grad)
        j->k->matmul_add[DT_F32](tensor_grad_row(j->query, first) + head * d_k, j->query->ld, w->dp, (size_t)n, m, w->k,
                                 (size_t)d_k * sizeof(float), d_k, seen);
}

static void add_rows(const Kernels *k, const Tensor *to, int begin, int col, const float *from, int n, int d)
{
    for (int i = 0; to->grad && i < n; i++) {
        float *dx = tensor_grad_row(to, begin + i) + col;
        k->add(dx, dx, from + (size_t)i * (size_t)d, d);
    }
}

static void backward_task(void *context, int i, int thread)
{
    const Job *j = context;
    const Span *t = &j->span[i / j->s.n_kv_heads];
    const int g = i % j->s.n_kv_heads, group = j->s.n_heads / j->s.n_kv_heads, d_k = j->s.d_k, d_v = j->s.d_v;
    const Work w = work_at(j, thread);
    const float *k = tensor_row(j->key, t->begin) + g * d_k;
    turn(w.kt, k, j->key->ld, t->n, d_k);
    copy_rows(w.k, k, j->key->ld, t->n, d_k);
    turn(w.vt, tensor_row(j->value, t->begin) + g * j->s.v_step, j->value->ld, t->n, d_v);
    memset(w.dk, 0, (size_t)t->n * (size_t)d_k * sizeof(float));
    memset(w.dv, 0, (size_t)t->n * (size_t)d_v * sizeof(float));
    for (int head = g * group; head < (g + 1) * group; head++)
        for (int q = 0; q < t->n; q += STRIP) backward_strip(j, t, head, q, &w);
    add_rows(j->k, j->key, t->begin, g * d_k, w.dk, t->n, d_k);
    add_rows(j->k, j->value, t->begin, g * j->s.v_step, w.dv, t->n, d_v);
}

static void attend_backward(Run *r, const void *job)
{
    Job j = *(const Job *)job;
    j.scratch = scratch_new(r, work_floats(&j) * sizeof(float));
    pool_run(r->pool, j.n_spans * j.s.n_kv_heads, backward_task, &j);
}

/* ---- both ---- */

static Tensor *attend(Run *r, Job *j)
{
    const Tensor *const in[] = { j->query, j->key, j->value };
    j->k = r->k;
    j->out = tensor_new(r, j->query->rows, j->s.n_heads * j->s.d_v);
    const bool recorded = r->tape && (in[0]->grad || in[1]->grad || in[2]->grad);
    if (recorded) {
        j->log_sum = tensor_new(r, j->query->rows, j->s.n_heads)->data;
        tensor_ask_grad(r, j->out);
        tape_push(r, attend_backward, j, sizeof *j);
    }
    const ArenaMark mark = arena_mark(r->arena);
    j->scratch = scratch_new(r, (size_t)j->longest * ((size_t)j->s.d_k + (size_t)j->s.d_v + STRIP) * sizeof(float));
    pool_run(r->pool, j->n_spans * j->s.n_kv_heads, forward_task, j);
    arena_release(r->arena, mark);
    return j->out;
}

Tensor *attend_tiles(Run *r, const Tensor *qkv, int patches, int n_heads)
{
    const int width = qkv->cols / 3, d = width / n_heads, tiles = qkv->rows / patches;
    assert(qkv->rows % patches == 0 && width % n_heads == 0 && qkv->cols == 3 * width);
    Span *span = arena_get(r->arena, (size_t)tiles * sizeof *span);
    for (int i = 0; i < tiles; i++) span[i] = (Span){ i * patches, patches };
    Job j = { .query = tensor_cols(r, qkv, 0, width),
              .key = tensor_cols(r, qkv, width, width),
              .value = tensor_cols(r, qkv, 2 * width, width),
              .s = { n_heads, n_heads, d, d, d, 1 / sqrtf((float)d) },
              .span = span,
              .n_spans = tiles,
              .longest = patches };
    return attend(r, &j);
}

Tensor *attend_rows(Run *r, const Tensor *q, const Tensor *k, const Tensor *v, const HeadShape *s, const Batch *b)
{
    assert(q->rows == b->n && q->cols == s->n_heads * s->d_k && s->n_heads % s->n_kv_heads == 0);
    Span *span = arena_get(r->arena, (size_t)b->n * sizeof *span); /* at most */
    Job j = { .query = q, .key = k, .value = v, .s = *s, .causal = true, .span = span };
    for (int i = 0, n; i < b->n; i += n) {
        for (n = 1; i + n < b->n && b->row[i + n].sequence == b->row[i].sequence;) n++;
        span[j.n_spans++] = (Span){ i, n };
        if (n > j.longest) j.longest = n;
    }
    return attend(r, &j);
}

/* ---- keys of expanded latent attention ---- */

typedef struct {
    const Kernels *k;
    const Tensor *kv, *k_pe;
    int kv_step, d_nope, n_heads;
    Tensor *y;
} JoinJob;

static void join_rows(void *context, int begin, int end, int thread)
{
    const JoinJob *j = context;
    const int d_rope = j->k_pe->cols;
    (void)thread;
    for (int i = begin; i < end; i++)
        for (int h = 0; h < j->n_heads; h++) {
            float *y = tensor_row(j->y, i) + h * (j->d_nope + d_rope);
            memcpy(y, tensor_row(j->kv, i) + h * j->kv_step, (size_t)j->d_nope * sizeof(float));
            memcpy(y + j->d_nope, tensor_row(j->k_pe, i), (size_t)d_rope * sizeof(float));
        }
}

static void join_backward_rows(void *context, int begin, int end, int thread)
{
    const JoinJob *j = context;
    const int d_rope = j->k_pe->cols;
    (void)thread;
    for (int i = begin; i < end; i++)
        for (int h = 0; h < j->n_heads; h++) {
            const float *dy = tensor_grad_row(j->y, i) + h * (j->d_nope + d_rope);
            float *nope = j->kv->grad ? tensor_grad_row(j->kv, i) + h * j->kv_step : NULL;
            float *pe = j->k_pe->grad ? tensor_grad_row(j->k_pe, i) : NULL;
            if (nope) j->k->add(nope, nope, dy, j->d_nope);
            if (pe) j->k->add(pe, pe, dy + j->d_nope, d_rope);
        }
}

static void join_backward(Run *r, const void *job)
{
    JoinJob j = *(const JoinJob *)job;
    pool_ranges(r->pool, j.y->rows, 8, join_backward_rows, &j);
}

Tensor *join_keys(Run *r, const Tensor *kv, int kv_step, int d_nope, const Tensor *k_pe, int n_heads)
{
    assert(kv->cols == n_heads * kv_step && d_nope <= kv_step && kv->rows == k_pe->rows);
    JoinJob j = { r->k, kv, k_pe, kv_step, d_nope, n_heads, tensor_new(r, kv->rows, n_heads * (d_nope + k_pe->cols)) };
    pool_ranges(r->pool, kv->rows, 8, join_rows, &j);
    if (!r->tape || !(kv->grad || k_pe->grad)) return j.y;
    tensor_ask_grad(r, j.y);
    tape_push(r, join_backward, &j, sizeof j);
    return j.y;
}
