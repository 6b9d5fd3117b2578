/* product.h - Y += A B over the threads: the products of the backward pass. An element of Y is one chain over k, in order, whatever is computed beside it. */
#ifndef VL2_NN_PRODUCT_H
#define VL2_NN_PRODUCT_H

#include "nn/run.h"

/* y[i][j] += sum over c of A[i][c] * B[c][j], for i < m, j < n, c < k. */
typedef struct {
    float *y;
    size_t ldy;
    int m, n, k;
    const float *a; /* A[i][c] is a[i * lda + c], or turned: a[c * lda + i] */
    size_t lda;
    bool a_turned;
    const void *b; /* rows c of n elements */
    DType b_type;
    size_t b_stride; /* bytes */
} ProductAdd;

/* All of them in one go: no two may write the same elements. */
void products_add(Run *r, const ProductAdd *p, int n);

/* Rows [begin, begin + n) of w as f32, one after the other. */
void widen_rows(const Kernels *k, const Weight *w, int begin, int n, float *out);

/* dx += dy W */
ProductAdd product_dx(float *dx, size_t ldx, const float *dy, size_t ldy, int m, const Weight *w);
/* dw += dy^T x */
ProductAdd product_dw(const Weight *w, const float *dy, size_t ldy, const float *x, size_t ldx, int m);

#endif
