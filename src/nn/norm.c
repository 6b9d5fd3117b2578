/* norm.c - RMSNorm: x / sqrt(mean(x^2) + eps) * w.  LayerNorm: (x - mean) / sqrt(var + eps) * w + b.  Per row, f32. */
#include "nn/ops.h"

typedef struct {
    const Kernels *k;
    const Tensor *x;
    Tensor *y;
    const Norm *n;
} Job;

static void rms_rows(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++)
        j->k->rms_norm(tensor_row(j->y, i), tensor_row(j->x, i), j->n->w, j->x->cols, j->n->eps);
}

Tensor *rms_norm(Run *r, const Tensor *x, const Norm *n)
{
    Job j = { r->k, x, tensor_new(r, x->rows, x->cols), n };
    pool_ranges(r->pool, x->rows, 8, rms_rows, &j);
    return j.y;
}

void rms_norm_in_place(Run *r, Tensor *x, const Norm *n)
{
    Job j = { r->k, x, x, n };
    pool_ranges(r->pool, x->rows, 8, rms_rows, &j);
}

static void layer_rows(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++)
        j->k->layer_norm(tensor_row(j->y, i), tensor_row(j->x, i), j->n->w, j->n->b, j->x->cols, j->n->eps);
}

Tensor *layer_norm(Run *r, const Tensor *x, const Norm *n)
{
    Job j = { r->k, x, tensor_new(r, x->rows, x->cols), n };
    pool_ranges(r->pool, x->rows, 8, layer_rows, &j);
    return j.y;
}
