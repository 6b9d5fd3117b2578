/* linear.c - y = x W^T + b.
 *
 * The rows of x are prepared once for the weight's number type, then the outputs are split among the threads: each takes
 * a block of weight rows and all rows of x. A block of 64 weight rows stays in the second-level cache while the rows of x
 * pass by; with few rows the blocks are long, so that a thread reads one long stream of weights. */
#include <assert.h>

#include "nn/ops.h"

typedef struct {
    const Kernels *k;
    const Matmul *mm;
    const Tensor *x;
    unsigned char *xp;
    size_t xp_stride;
    const Linear *l;
    Tensor *y;
    int block;
} Job;

static void prepare_rows(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++) j->mm->prepare(j->xp + (size_t)i * j->xp_stride, tensor_row(j->x, i), j->x->cols);
}

static void multiply_block(void *context, int i, int thread)
{
    const Job *j = context;
    const Weight *w = &j->l->w;
    const int begin = i * j->block, n = (w->rows - begin < j->block ? w->rows - begin : j->block);
    const size_t stride = (size_t)w->cols * dtype_bytes(w->dtype);
    (void)thread;
    j->mm->run(j->y->data + begin, j->y->ld, j->xp, j->x->rows, (const unsigned char *)w->data + (size_t)begin * stride,
               stride, n, w->cols);
    if (!j->l->bias) return;
    for (int row = 0; row < j->y->rows; row++) {
        float *y = tensor_row(j->y, row) + begin;
        j->k->add(y, y, j->l->bias + begin, n);
    }
}

/* Weight rows that one task takes. */
static int block_rows(const Run *r, int x_rows, int w_rows)
{
    if (x_rows >= 16) return 64;
    const int share = w_rows / (4 * pool_threads(r->pool));
    return share < 32 ? 32 : (share + 7) / 8 * 8;
}

static Tensor *multiply(Run *r, const Tensor *x, const Linear *l, Compute c)
{
    assert(x->cols == l->w.cols);
    Tensor *y = tensor_new(r, x->rows, l->w.rows);
    const ArenaMark mark = arena_mark(r->arena);
    const Matmul *mm = &r->k->matmul[c][l->w.dtype];
    const size_t stride = mm->prepared_bytes(x->cols);
    Job j = { r->k,   mm, x, arena_get(r->arena, stride * (size_t)x->rows),
              stride, l,  y, block_rows(r, x->rows, l->w.rows) };
    pool_ranges(r->pool, x->rows, 16, prepare_rows, &j);
    pool_run(r->pool, (l->w.rows + j.block - 1) / j.block, multiply_block, &j);
    arena_release(r->arena, mark);
    return y;
}

Tensor *linear(Run *r, const Tensor *x, const Linear *l)
{
    return multiply(r, x, l, l->w.dtype == DT_BF16 ? r->compute : COMPUTE_F32);
}

Tensor *linear_f32(Run *r, const Tensor *x, const Linear *l)
{
    return multiply(r, x, l, COMPUTE_F32);
}
