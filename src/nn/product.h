/* product.h - Y += A B over the threads: the products of the backward pass, and those with weights whose blocks have to be
 * turned into f32 first. An element of Y is one chain over k, in order, whatever is computed beside it. */
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
    const void *b; /* B[c][j]: rows c of n elements, or turned: rows j of k elements */
    DType b_type;
    size_t b_stride; /* bytes */
    bool b_turned;
} ProductAdd;

/* All of them in one go: no two may write the same elements. */
void products_add(Run *r, const ProductAdd *p, int n);

/* x W^T: the output goes to y, which is added to. x [m] rows of w->cols. */
ProductAdd product_forward(float *y, size_t ldy, const float *x, size_t ldx, int m, const Weight *w);
/* dx += dy W */
ProductAdd product_dx(float *dx, size_t ldx, const float *dy, size_t ldy, int m, const Weight *w);
/* dw += dy^T x */
ProductAdd product_dw(const Weight *w, const float *dy, size_t ldy, const float *x, size_t ldx, int m);

#endif
