/* norm.c - RMSNorm: x / sqrt(mean(x^2) + eps) * w.  LayerNorm: (x - mean) / sqrt(var + eps) * w + b.  Per row, f32.
 * The backward computes rows again from x: nothing is kept. */
#include <assert.h>

#include "nn/ops.h"
#include "nn/tape.h"

typedef struct {
    const Kernels *k;
    const Tensor *x;
    Tensor *y;
    const Norm *n;
    bool layer;         /* LayerNorm */
    float *dx, *normal; /* backward: [rows][cols] each */
} Job;

static void norm_rows(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    const Norm *n = j->n;
    (void)thread;
    for (int i = begin; i < end; i++)
        if (j->layer)
            j->k->layer_norm(tensor_row(j->y, i), tensor_row(j->x, i), n->w.data, n->b.data, j->x->cols, n->eps);
        else
            j->k->rms_norm(tensor_row(j->y, i), tensor_row(j->x, i), n->w.data, j->x->cols, n->eps);
}

static void backward_rows(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    const int cols = j->x->cols;
    (void)thread;
    for (int i = begin; i < end; i++) {
        float *normal = j->normal + (size_t)i * (size_t)cols;
        float *dx = j->x->grad ? tensor_grad_row(j->x, i) : j->dx + (size_t)i * (size_t)cols;
        (j->layer ? j->k->back->layer_norm : j->k->back->rms_norm)(dx, normal, tensor_row(j->x, i), j->n->w.data,
                                                                   tensor_grad_row(j->y, i), cols, j->n->eps);
    }
}

/* dw += sum over rows of dy * normal, db += sum of dy: columns are split. */
static void backward_weights(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    const size_t cols = (size_t)j->x->cols;
    (void)thread;
    for (int i = 0; i < j->x->rows; i++) {
        const float *dy = tensor_grad_row(j->y, i) + begin;
        if (j->n->w.grad)
            j->k->back->add_product(j->n->w.grad + begin, dy, j->normal + (size_t)i * cols + begin, end - begin);
        if (j->n->b.grad) j->k->add(j->n->b.grad + begin, j->n->b.grad + begin, dy, end - begin);
    }
}

static void norm_backward(Run *r, const void *job)
{
    Job j = *(const Job *)job;
    j.normal = tensor_new(r, j.x->rows, j.x->cols)->data;
    if (!j.x->grad) j.dx = tensor_zero(r, j.x->rows, j.x->cols)->data; /* of nobody's interest */
    pool_ranges(r->pool, j.x->rows, 8, backward_rows, &j);
    if (j.n->w.grad || j.n->b.grad) pool_ranges(r->pool, j.x->cols, 64, backward_weights, &j);
}

static Tensor *norm(Run *r, const Tensor *x, Tensor *y, const Norm *n, bool layer)
{
    Job j = { .k = r->k, .x = x, .y = y, .n = n, .layer = layer };
    pool_ranges(r->pool, x->rows, 8, norm_rows, &j);
    if (!r->tape || !(x->grad || n->w.grad || n->b.grad)) return y;
    tensor_ask_grad(r, y);
    tape_push(r, norm_backward, &j, sizeof j);
    return y;
}

Tensor *rms_norm(Run *r, const Tensor *x, const Norm *n)
{
    return norm(r, x, tensor_new(r, x->rows, x->cols), n, false);
}

void rms_norm_in_place(Run *r, Tensor *x, const Norm *n)
{
    assert(!r->tape);
    norm(r, x, x, n, false);
}

Tensor *layer_norm(Run *r, const Tensor *x, const Norm *n)
{
    return norm(r, x, tensor_new(r, x->rows, x->cols), n, true);
}
