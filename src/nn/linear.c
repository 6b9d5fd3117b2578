/* linear.c - y = x W^T + b, for one matrix or for several that read the same x; and adapters on top.
 *
 * The rows of x are prepared once for each number type of weights, then the outputs are split among the threads into
 * blocks: some rows of x against some rows of W. The kernels walk k in parts; that part of a block of x fits in the
 * second-level cache. With few rows the blocks of W are long: a thread reads one long stream of weights, and what several
 * matrices need together is one job, without a wait in between. */
#include <assert.h>
#include <string.h>

#include "nn/lora.h"
#include "nn/ops.h"
#include "nn/product.h"
#include "nn/tape.h"

typedef struct {
    const Matmul *mm;
    const Linear *l;
    Tensor *y;
    unsigned char *xp;
    size_t xp_stride;
    int x_block, w_block; /* rows of x and of W that one task takes */
    int n_w_blocks, n_tasks;
    bool widened; /* quantised weights against f32 activations: a block at a time becomes f32 */
} Product;

typedef struct {
    const Kernels *k;
    const Tensor *x;
    const Product *product;
    Scratch scratch; /* for widened blocks */
} Job;

static void prepare_rows(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    const Product *p = j->product;
    (void)thread;
    for (int i = begin; i < end; i++) p->mm->prepare(p->xp + (size_t)i * p->xp_stride, tensor_row(j->x, i), j->x->cols);
}

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static void multiply_block(void *context, int i, int thread)
{
    const Job *j = context;
    const Product *p = j->product;
    for (; i >= p->n_tasks; p++) i -= p->n_tasks;
    const Weight *w = &p->l->w;
    const int row = i / p->n_w_blocks * p->x_block, col = i % p->n_w_blocks * p->w_block;
    const int m = smaller(j->x->rows - row, p->x_block), n = smaller(w->rows - col, p->w_block);
    const size_t stride = weight_stride(w);
    float *widened = p->widened ? scratch_of(j->scratch, thread) : NULL;
    if (widened) widen_rows(j->k, w, col, n, widened);
    p->mm->run(tensor_row(p->y, row) + col, p->y->ld, p->xp + (size_t)row * p->xp_stride, m,
               widened ? (const void *)widened : (const unsigned char *)w->data + (size_t)col * stride,
               widened ? (size_t)w->cols * sizeof(float) : stride, n, w->cols);
    for (int k = row; p->l->bias.data && k < row + m; k++) {
        float *y = tensor_row(p->y, k) + col;
        j->k->add(y, y, p->l->bias.data + col, n);
    }
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static bool is_widened(const Weight *w, const Compute *compute)
{
    return dtype_is_quantised(w->dtype) && compute[w->dtype] == COMPUTE_F32;
}

static int blocks(int n, int block)
{
    return (n + block - 1) / block;
}

/* The blocks of one product, for a second-level cache of 1 MiB: see docs/speed.md. */
static void cut_blocks(Product *p, int x_rows, int threads)
{
    enum { X_ROWS = 448, TILE = 6, PANEL = 64, VECTOR = 16 };
    const int w_rows = p->l->w.rows, share = w_rows / (4 * threads);
    p->w_block = x_rows >= 16 ? 2 * PANEL : share < 2 * VECTOR ? 2 * VECTOR : blocks(share, VECTOR) * VECTOR;
    if (p->widened) p->w_block = PANEL; /* all of its columns at once */
    p->n_w_blocks = blocks(w_rows, p->w_block);
    const int n = blocks(x_rows, X_ROWS); /* of even height, in whole tiles of the kernels */
    p->x_block = blocks(blocks(x_rows, n), TILE) * TILE;
    p->n_tasks = blocks(x_rows, p->x_block) * p->n_w_blocks;
}

/* Rows of x as the kernel of product i reads them; an earlier product may have them already. */
static void prepare_x(Run *r, const Tensor *x, Product *p, int i)
{
    for (int before = 0; before < i; before++)
        if (p[before].mm == p[i].mm) {
            p[i].xp = p[before].xp;
            return;
        }
    Job j = { r->k, x, &p[i], { 0 } };
    p[i].xp = arena_get(r->arena, p[i].xp_stride * (size_t)x->rows);
    pool_ranges(r->pool, x->rows, 16, prepare_rows, &j);
}

static void multiply(Run *r, const Tensor *x, const Linear *const *l, int n, Tensor **y, const Compute *compute)
{
    Product product[LINEARS_MAX];
    int n_tasks = 0;
    size_t most = 0; /* bytes of a widened block */
    if (x->rows == 0) return;
    const ArenaMark mark = arena_mark(r->arena);
    for (int i = 0; i < n; i++) {
        const Weight *w = &l[i]->w;
        const bool widened = is_widened(w, compute);
        const Matmul *mm = widened ? &r->k->matmul[COMPUTE_F32][DT_F32] : &r->k->matmul[compute[w->dtype]][w->dtype];
        product[i] = (Product){ mm, l[i], y[i], NULL, mm->prepared_bytes(x->cols), 0, 0, 0, 0, widened };
        cut_blocks(&product[i], x->rows, pool_threads(r->pool));
        prepare_x(r, x, product, i);
        n_tasks += product[i].n_tasks;
        if (widened) most = larger(most, (size_t)product[i].w_block * (size_t)w->cols * sizeof(float));
    }
    Job j = { r->k, x, product, most ? scratch_new(r, most) : (Scratch){ 0 } };
    pool_run(r->pool, n_tasks, multiply_block, &j);
    arena_release(r->arena, mark);
}

/* ---- backward ---- */

typedef struct {
    const Kernels *k;
    const Tensor *x;
    const Linear *l;
    const Tensor *y;
} Recorded;

static void bias_range(void *context, int begin, int end, int thread)
{
    const Recorded *j = context;
    float *db = j->l->bias.grad + begin;
    (void)thread;
    for (int i = 0; i < j->y->rows; i++) j->k->add(db, db, tensor_grad_row(j->y, i) + begin, end - begin);
}

static void linear_backward(Run *r, const void *job)
{
    Recorded j = *(const Recorded *)job;
    const Weight *w = &j.l->w;
    const int m = j.y->rows;
    if (j.x->grad) {
        const ProductAdd p = product_dx(j.x->grad, j.x->ld, j.y->grad, j.y->ld, m, w);
        products_add(r, &p, 1);
    }
    if (w->grad) {
        const ProductAdd p = product_dw(w, j.y->grad, j.y->ld, j.x->data, j.x->ld, m);
        products_add(r, &p, 1);
    }
    if (j.l->bias.grad) pool_ranges(r->pool, j.y->cols, 64, bias_range, &j);
}

static void record(Run *r, const Tensor *x, const Linear *l, Tensor *y)
{
    if (!r->tape || !(x->grad || l->w.grad || l->w.lora || l->bias.grad)) return;
    tensor_ask_grad(r, y);
    const Recorded j = { r->k, x, l, y };
    tape_push(r, linear_backward, &j, sizeof j);
}

/* ---- what others call ---- */

static void multiply_all(Run *r, const Tensor *x, const Linear *const *l, int n, Tensor **y, const Compute *compute)
{
    assert(n <= LINEARS_MAX);
    for (int i = 0; i < n; i++) {
        assert(x->cols == l[i]->w.cols);
        run_input(r, &l[i]->w, x);
        y[i] = tensor_new(r, x->rows, l[i]->w.rows);
    }
    multiply(r, x, l, n, y, compute);
    for (int i = 0; i < n; i++) {
        record(r, x, l[i], y[i]);
        lora_add(r, x, l[i]->w.lora, y[i]);
    }
}

void linears(Run *r, const Tensor *x, const Linear *const *l, int n, Tensor **y)
{
    multiply_all(r, x, l, n, y, r->compute);
}

Tensor *linear(Run *r, const Tensor *x, const Linear *l)
{
    Tensor *y;
    multiply_all(r, x, &l, 1, &y, r->compute);
    return y;
}

Tensor *linear_f32(Run *r, const Tensor *x, const Linear *l)
{
    static const Compute exact[DT_MATRIX_TYPES] = { COMPUTE_F32 }; /* and zero, the same, for all other types */
    Tensor *y;
    multiply_all(r, x, &l, 1, &y, exact);
    return y;
}

void multiply_rows(Run *r, const Tensor *x, const Weight *w, Tensor *y)
{
    const Linear l = { .w = *w }, *const one = &l;
    multiply(r, x, &one, 1, &y, r->compute);
}
