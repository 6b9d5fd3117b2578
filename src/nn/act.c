/* act.c - what works on one element at a time: sums, SwiGLU, GELU. Split by rows. */
#include <assert.h>

#include "nn/ops.h"

typedef struct {
    const Kernels *k;
    const Tensor *a, *b;
    const float *table;
    int period;
    Tensor *y;
} Job;

enum { GRAIN = 8 }; /* rows that are worth a hand-over to another thread */

static void add_range(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++) {
        const float *b = j->table ? j->table + (size_t)(i % j->period) * (size_t)j->a->cols : tensor_row(j->b, i);
        j->k->add(tensor_row(j->y, i), tensor_row(j->a, i), b, j->a->cols);
    }
}

Tensor *add(Run *r, const Tensor *a, const Tensor *b)
{
    assert(a->rows == b->rows && a->cols == b->cols);
    Job j = { .k = r->k, .a = a, .b = b, .y = tensor_new(r, a->rows, a->cols) };
    pool_ranges(r->pool, a->rows, GRAIN, add_range, &j);
    return j.y;
}

Tensor *add_rows_repeated(Run *r, const Tensor *x, const float *table, int period)
{
    Job j = { .k = r->k, .a = x, .table = table, .period = period, .y = tensor_new(r, x->rows, x->cols) };
    pool_ranges(r->pool, x->rows, GRAIN, add_range, &j);
    return j.y;
}

static void swiglu_range(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++)
        j->k->swiglu(tensor_row(j->y, i), tensor_row(j->a, i), tensor_row(j->b, i), j->a->cols);
}

Tensor *swiglu(Run *r, const Tensor *gate, const Tensor *up)
{
    assert(gate->rows == up->rows && gate->cols == up->cols);
    Job j = { .k = r->k, .a = gate, .b = up, .y = tensor_new(r, gate->rows, gate->cols) };
    pool_ranges(r->pool, gate->rows, GRAIN, swiglu_range, &j);
    return j.y;
}

static void gelu_tanh_range(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++) j->k->gelu_tanh(tensor_row(j->y, i), tensor_row(j->y, i), j->y->cols);
}

static void gelu_erf_range(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++) j->k->gelu_erf(tensor_row(j->y, i), tensor_row(j->y, i), j->y->cols);
}

Tensor *gelu_tanh(Run *r, Tensor *x)
{
    Job j = { .k = r->k, .y = x };
    pool_ranges(r->pool, x->rows, GRAIN, gelu_tanh_range, &j);
    return x;
}

Tensor *gelu_erf(Run *r, Tensor *x)
{
    Job j = { .k = r->k, .y = x };
    pool_ranges(r->pool, x->rows, GRAIN, gelu_erf_range, &j);
    return x;
}
