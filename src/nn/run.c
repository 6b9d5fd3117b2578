/* run.c - see run.h. */
#include "nn/run.h"

#include <assert.h>
#include <string.h>

Tensor *tensor_new(Run *r, int rows, int cols)
{
    assert(rows >= 0 && cols >= 0);
    Tensor *t = arena_get(r->arena, sizeof *t);
    *t = (Tensor){ .data = arena_get(r->arena, (size_t)rows * (size_t)cols * sizeof(float)),
                   .rows = rows,
                   .cols = cols,
                   .ld = (size_t)cols };
    return t;
}

Tensor *tensor_zero(Run *r, int rows, int cols)
{
    Tensor *t = tensor_new(r, rows, cols);
    memset(t->data, 0, (size_t)rows * (size_t)cols * sizeof(float));
    return t;
}

Tensor *tensor_cols(Run *r, const Tensor *t, int begin, int n)
{
    assert(begin >= 0 && n >= 0 && begin + n <= t->cols);
    Tensor *v = arena_get(r->arena, sizeof *v);
    *v = (Tensor){ t->data + begin, t->rows, n, t->ld, t->grad ? t->grad + begin : NULL };
    return v;
}

Tensor *tensor_rows(Run *r, const Tensor *t, int begin, int n)
{
    assert(begin >= 0 && n >= 0 && begin + n <= t->rows);
    Tensor *v = arena_get(r->arena, sizeof *v);
    *v = (Tensor){ tensor_row(t, begin), n, t->cols, t->ld, t->grad ? tensor_grad_row(t, begin) : NULL };
    return v;
}

Tensor *run_keep(Run *r, ArenaMark mark, Tensor *keep, const Tensor *x)
{
    assert(keep->rows == x->rows && keep->cols == x->cols && keep->ld == x->ld && x->ld == (size_t)x->cols);
    memcpy(keep->data, x->data, (size_t)x->rows * x->ld * sizeof(float));
    arena_release(r->arena, mark);
    return keep;
}

Scratch scratch_new(Run *r, size_t bytes)
{
    const size_t stride = (bytes + 63) / 64 * 64;
    return (Scratch){ arena_get(r->arena, stride * (size_t)pool_threads(r->pool)), stride };
}
