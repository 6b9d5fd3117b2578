/* product.c - see product.h.
 *
 * A task is a block of Y. It walks k in parts; of each part it lays the columns of B in panels of 64, as f32, so that one panel
 * is a contiguous run that stays in the cache while the rows of A go by. Only the panel costs a copy: A is read in place, in
 * either direction. With few rows the copy would cost more than the product, and plain types are read in place. */
#include "nn/product.h"

#include <assert.h>

#include "kernels/interleave.h"

enum {
    ROWS = 384,   /* of Y in a task; whole tiles of every instruction set */
    COLS = 256,   /* the same; whole panels */
    PANEL = 64,   /* columns */
    PART = 384,   /* of k; whole blocks of quantised types */
    FEW_ROWS = 16 /* up to here B is read in place */
};

typedef struct {
    const Run *r;
    const ProductAdd *p;
    const int *first_task; /* [n]: the tasks of product i begin here */
    int n;
    Scratch scratch;
} Job;

static int smaller(int a, int b)
{
    return a < b ? a : b;
}

static int blocks(int n, int block)
{
    return (n + block - 1) / block;
}

/* Elements [first, first + n) of row i of a matrix; first is whole blocks. */
static void widen(const Kernels *k, const void *matrix, DType matrix_type, size_t stride, int i, int first, int n,
                  float *out)
{
    const DType type = dtype_of_rows(matrix_type);
    const size_t block_bytes = dtype_is_quantised(type) ? dtype_row_bytes(type, 1) : 0;
    const unsigned char *b = matrix;
    unsigned char block[64];
    if (!dtype_is_x16(matrix_type)) {
        k->to_f32[type](out, b + (size_t)i * stride + dtype_row_bytes(type, (size_t)first), n);
        return;
    }
    const unsigned char *strip = b + (size_t)(i - i % STRIP_ROWS) * stride;
    for (int at = 0; at < n; at += QUANT_BLOCK) {
        interleaved_block(matrix_type, block, strip + (size_t)(first + at) / QUANT_BLOCK * STRIP_ROWS * block_bytes,
                          i % STRIP_ROWS);
        k->to_f32[type](out + at, block, smaller(QUANT_BLOCK, n - at));
    }
}

void widen_rows(const Kernels *k, const Weight *w, int begin, int n, float *out)
{
    for (int i = 0; i < n; i++)
        widen(k, w->data, w->dtype, weight_stride(w), begin + i, 0, w->cols, out + (size_t)i * (size_t)w->cols);
}

/* B[c .. c + n_c)[j .. j + n) as rows of PANEL floats. */
static void fill_panel(const Kernels *k, const ProductAdd *p, int c, int n_c, int j, int n, float *panel)
{
    for (int i = 0; i < n_c; i++) widen(k, p->b, p->b_type, p->b_stride, c + i, j, n, panel + i * PANEL);
}

/* y[row .. row + m)[j .. j + n) += A[.., c .. c + n_c) times a block of B that begins at `b`. */
static void add_block(const Kernels *k, const ProductAdd *p, int row, int m, int j, int n, int c, int n_c,
                      const void *b, DType type, size_t b_stride)
{
    float *y = p->y + (size_t)row * p->ldy + j;
    if (p->a_turned)
        k->back->matmul_add_t(y, p->ldy, p->a + (size_t)c * p->lda + row, p->lda, m, b, b_stride / sizeof(float), n,
                              n_c);
    else
        k->matmul_add[type](y, p->ldy, p->a + (size_t)row * p->lda + c, p->lda, m, b, b_stride, n, n_c);
}

static void panels(const Job *j, const ProductAdd *p, int row, int m, int col, int n, float *panel)
{
    for (int c = 0; c < p->k; c += PART) {
        const int n_c = smaller(PART, p->k - c);
        for (int at = 0; at < n; at += PANEL) {
            const int n_j = smaller(PANEL, n - at);
            fill_panel(j->r->k, p, c, n_c, col + at, n_j, panel);
            add_block(j->r->k, p, row, m, col + at, n_j, c, n_c, panel, DT_F32, PANEL * sizeof(float));
        }
    }
}

static bool in_place(const ProductAdd *p)
{
    return p->m <= FEW_ROWS && !dtype_is_quantised(p->b_type) && (!p->a_turned || p->b_type == DT_F32);
}

static void task(void *context, int i, int thread)
{
    const Job *j = context;
    int which = j->n - 1;
    while (j->first_task[which] > i) which--;
    const ProductAdd *p = &j->p[which];
    i -= j->first_task[which];
    const int across = blocks(p->n, COLS), row = i / across * ROWS, col = i % across * COLS;
    const int m = smaller(ROWS, p->m - row), n = smaller(COLS, p->n - col);
    if (in_place(p))
        add_block(j->r->k, p, row, m, col, n, 0, p->k,
                  (const unsigned char *)p->b + (size_t)col * dtype_bytes(p->b_type), p->b_type, p->b_stride);
    else
        panels(j, p, row, m, col, n, scratch_of(j->scratch, thread));
}

void products_add(Run *r, const ProductAdd *p, int n)
{
    const ArenaMark mark = arena_mark(r->arena);
    int *first = arena_get(r->arena, (size_t)(n + 1) * sizeof *first), tasks = 0;
    for (int i = 0; i < n; i++) {
        first[i] = tasks;
        tasks += blocks(p[i].m, ROWS) * blocks(p[i].n, COLS);
    }
    Job j = { r, p, first, n, scratch_new(r, PART * PANEL * sizeof(float)) };
    pool_run(r->pool, tasks, task, &j);
    arena_release(r->arena, mark);
}

ProductAdd product_dx(float *dx, size_t ldx, const float *dy, size_t ldy, int m, const Weight *w)
{
    return (ProductAdd){ dx, ldx, m, w->cols, w->rows, dy, ldy, false, w->data, w->dtype, weight_stride(w) };
}

ProductAdd product_dw(const Weight *w, const float *dy, size_t ldy, const float *x, size_t ldx, int m)
{
    assert(w->dtype == DT_F32);
    return (ProductAdd){ w->grad, (size_t)w->cols, w->rows, w->cols, m, dy, ldy, true, x, DT_F32, ldx * sizeof(float) };
}
