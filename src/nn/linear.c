/* linear.c - y = x W^T + b.
 *
 * The rows of x are prepared once for the weight's number type, then the outputs are split among the threads into blocks:
 * some rows of x against some rows of W. The kernels walk k in parts; that part of a block of x fits in the second-level
 * cache. With few rows the blocks of W are long: a thread reads one long stream of weights. */
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
    int x_block, w_block, n_w_blocks; /* rows of x and of W that one task takes; blocks of W */
} Job;

static void prepare_rows(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++) j->mm->prepare(j->xp + (size_t)i * j->xp_stride, tensor_row(j->x, i), j->x->cols);
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static void multiply_block(void *context, int i, int thread)
{
    const Job *j = context;
    const Weight *w = &j->l->w;
    const int row = i / j->n_w_blocks * j->x_block, col = i % j->n_w_blocks * j->w_block;
    const int m = smaller(j->x->rows - row, j->x_block), n = smaller(w->rows - col, j->w_block);
    const size_t stride = weight_stride(w);
    (void)thread;
    j->mm->run(tensor_row(j->y, row) + col, j->y->ld, j->xp + (size_t)row * j->xp_stride, m,
               (const unsigned char *)w->data + (size_t)col * stride, stride, n, w->cols);
    for (int k = row; j->l->bias && k < row + m; k++) {
        float *y = tensor_row(j->y, k) + col;
        j->k->add(y, y, j->l->bias + col, n);
    }
}

static int blocks(int n, int block)
{
    return (n + block - 1) / block;
}

/* The blocks of one product, for a second-level cache of 1 MiB: see docs/speed.md. */
static void cut_blocks(Job *j, int threads)
{
    enum { X_ROWS = 448, TILE = 6, PANEL = 64, VECTOR = 16 };
    const int x_rows = j->x->rows, w_rows = j->l->w.rows, share = w_rows / (4 * threads);
    j->w_block = x_rows >= 16 ? 2 * PANEL : share < 2 * VECTOR ? 2 * VECTOR : (share + VECTOR - 1) / VECTOR * VECTOR;
    j->n_w_blocks = blocks(w_rows, j->w_block);
    const int n = blocks(x_rows, X_ROWS); /* of even height, in whole tiles of the kernels */
    j->x_block = (blocks(x_rows, n) + TILE - 1) / TILE * TILE;
}

static Tensor *multiply(Run *r, const Tensor *x, const Linear *l, Compute c)
{
    assert(x->cols == l->w.cols);
    run_input(r, &l->w, x);
    Tensor *y = tensor_new(r, x->rows, l->w.rows);
    const ArenaMark mark = arena_mark(r->arena);
    const Matmul *mm = &r->k->matmul[c][l->w.dtype];
    const size_t stride = mm->prepared_bytes(x->cols);
    Job j = { r->k, mm, x, arena_get(r->arena, stride * (size_t)x->rows), stride, l, y, 0, 0, 0 };
    if (x->rows == 0) return y;
    cut_blocks(&j, pool_threads(r->pool));
    pool_ranges(r->pool, x->rows, 16, prepare_rows, &j);
    pool_run(r->pool, blocks(x->rows, j.x_block) * j.n_w_blocks, multiply_block, &j);
    arena_release(r->arena, mark);
    return y;
}

Tensor *linear(Run *r, const Tensor *x, const Linear *l)
{
    return multiply(r, x, l, r->compute[l->w.dtype]);
}

Tensor *linear_f32(Run *r, const Tensor *x, const Linear *l)
{
    return multiply(r, x, l, COMPUTE_F32);
}
