/* latent.c - multi-head latent attention in its absorbed form: W^UK moves from the keys to the query, W^UV from the values to
 * the output, so that attention runs over the cached latent itself and the cache is shared by all heads.
 *     q_nope . (W^UK c) = (q_nope W^UK) . c          sum p (W^UV c) = W^UV (sum p c) */
#include <assert.h>
#include <string.h>

#include "nn/ops.h"

typedef struct {
    const Run *r;
    const Tensor *x;
    Tensor *y;
    const Weight *kv_b;
    int n_heads, d_nope, d_rope, d_v;
    Scratch scratch;
    size_t x_stride; /* bytes of a prepared row */
} Job;

enum { STRIP = 64 }; /* rows of a task */

static const unsigned char *head_rows(const Job *j, int head, int row)
{
    const size_t stride = weight_stride(j->kv_b);
    return (const unsigned char *)j->kv_b->data + ((size_t)head * (size_t)(j->d_nope + j->d_v) + (size_t)row) * stride;
}

static int strip_of(const Job *j, int i, int *head, int *begin)
{
    *head = i % j->n_heads;
    *begin = i / j->n_heads * STRIP;
    return j->x->rows - *begin < STRIP ? j->x->rows - *begin : STRIP;
}

/* W^UK of a head in a plain type: quantised rows are widened to f32 in the thread's scratch, [d_nope][rank]. */
static Weight plain_key_rows(const Job *j, int head, int thread)
{
    const int rank = j->kv_b->cols;
    if (!dtype_is_quantised(j->kv_b->dtype))
        return (Weight){ .data = head_rows(j, head, 0), .dtype = j->kv_b->dtype, .rows = j->d_nope, .cols = rank };
    float *widened = scratch_of(j->scratch, thread);
    for (int row = 0; row < j->d_nope; row++)
        j->r->k->to_f32[j->kv_b->dtype](widened + (size_t)row * (size_t)rank, head_rows(j, head, row), rank);
    return (Weight){ .data = widened, .dtype = DT_F32, .rows = j->d_nope, .cols = rank };
}

static void query_strip(void *context, int i, int thread)
{
    const Job *j = context;
    int head, begin;
    const int m = strip_of(j, i, &head, &begin), rank = j->kv_b->cols;
    const float *q = tensor_row(j->x, begin) + (size_t)head * (size_t)(j->d_nope + j->d_rope);
    float *y = tensor_row(j->y, begin) + (size_t)head * (size_t)(rank + j->d_rope);
    const Weight keys = plain_key_rows(j, head, thread);
    for (int row = 0; row < m; row++) {
        float *to = y + (size_t)row * j->y->ld;
        memset(to, 0, (size_t)rank * sizeof(float));
        memcpy(to + rank, q + (size_t)row * j->x->ld + j->d_nope, (size_t)j->d_rope * sizeof(float));
    }
    j->r->k->matmul_add[keys.dtype](y, j->y->ld, q, j->x->ld, m, keys.data, weight_stride(&keys), rank, j->d_nope);
}

Tensor *latent_query(Run *r, const Tensor *q, const Weight *kv_b, int n_heads, int d_nope, int d_rope)
{
    const int d_v = kv_b->rows / n_heads - d_nope;
    assert(q->cols == n_heads * (d_nope + d_rope));
    Job j = { r,     q, tensor_new(r, q->rows, n_heads * (kv_b->cols + d_rope)), kv_b, n_heads, d_nope, d_rope, d_v,
              { 0 }, 0 };
    const ArenaMark mark = arena_mark(r->arena);
    if (dtype_is_quantised(kv_b->dtype))
        j.scratch = scratch_new(r, (size_t)d_nope * (size_t)kv_b->cols * sizeof(float));
    pool_run(r->pool, (q->rows + STRIP - 1) / STRIP * n_heads, query_strip, &j);
    arena_release(r->arena, mark);
    return j.y;
}

static void value_strip(void *context, int i, int thread)
{
    const Job *j = context;
    int head, begin;
    const int m = strip_of(j, i, &head, &begin), rank = j->kv_b->cols;
    const Matmul *mm = &j->r->k->matmul[j->r->compute[j->kv_b->dtype]][j->kv_b->dtype];
    unsigned char *xp = scratch_of(j->scratch, thread);
    for (int row = 0; row < m; row++)
        mm->prepare(xp + (size_t)row * j->x_stride, tensor_row(j->x, begin + row) + (size_t)head * (size_t)rank, rank);
    mm->run(tensor_row(j->y, begin) + (size_t)head * (size_t)j->d_v, j->y->ld, xp, m, head_rows(j, head, j->d_nope),
            weight_stride(j->kv_b), j->d_v, rank);
}

Tensor *latent_value(Run *r, const Tensor *o, const Weight *kv_b, int n_heads, int d_nope, int d_v)
{
    assert(o->cols == n_heads * kv_b->cols);
    Job j = { r, o, tensor_new(r, o->rows, n_heads * d_v), kv_b, n_heads, d_nope, 0, d_v, { 0 }, 0 };
    const ArenaMark mark = arena_mark(r->arena);
    j.x_stride = r->k->matmul[r->compute[kv_b->dtype]][kv_b->dtype].prepared_bytes(kv_b->cols);
    j.scratch = scratch_new(r, j.x_stride * STRIP);
    pool_run(r->pool, (o->rows + STRIP - 1) / STRIP * n_heads, value_strip, &j);
    arena_release(r->arena, mark);
    return j.y;
}
