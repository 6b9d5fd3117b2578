/* act.c - what works on one element at a time: sums, SwiGLU, GELU. Split by rows. */
#include <assert.h>

#include "nn/ops.h"
#include "nn/tape.h"

typedef struct {
    const Kernels *k;
    const Tensor *a, *b;
    Vector table;
    int period;
    Tensor *y;
} Job;

enum { GRAIN = 8 }; /* rows that are worth a hand-over to another thread */

static void add_range(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++) {
        const float *b =
            j->table.data ? j->table.data + (size_t)(i % j->period) * (size_t)j->a->cols : tensor_row(j->b, i);
        j->k->add(tensor_row(j->y, i), tensor_row(j->a, i), b, j->a->cols);
    }
}

static void give(const Job *j, const Tensor *to, int row)
{
    float *dx = tensor_grad_row(to, row);
    j->k->add(dx, dx, tensor_grad_row(j->y, row), to->cols);
}

static void add_backward_range(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++) {
        if (j->a->grad) give(j, j->a, i);
        if (j->b && j->b->grad) give(j, j->b, i);
    }
}

/* A row of the table sums up the rows of y that it went to, in order: columns are split. */
static void table_backward_range(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = 0; i < j->y->rows; i++) {
        float *dx = j->table.grad + (size_t)(i % j->period) * (size_t)j->y->cols + begin;
        j->k->add(dx, dx, tensor_grad_row(j->y, i) + begin, end - begin);
    }
}

static void add_backward(Run *r, const void *job)
{
    Job j = *(const Job *)job;
    pool_ranges(r->pool, j.y->rows, GRAIN, add_backward_range, &j);
    if (j.table.grad) pool_ranges(r->pool, j.y->cols, 64, table_backward_range, &j);
}

static Tensor *add_recorded(Run *r, Job *j)
{
    pool_ranges(r->pool, j->a->rows, GRAIN, add_range, j);
    if (!r->tape || !(j->a->grad || (j->b && j->b->grad) || j->table.grad)) return j->y;
    tensor_ask_grad(r, j->y);
    tape_push(r, add_backward, j, sizeof *j);
    return j->y;
}

Tensor *add(Run *r, const Tensor *a, const Tensor *b)
{
    assert(a->rows == b->rows && a->cols == b->cols);
    Job j = { .k = r->k, .a = a, .b = b, .y = tensor_new(r, a->rows, a->cols) };
    return add_recorded(r, &j);
}

Tensor *add_rows_repeated(Run *r, const Tensor *x, Vector table, int period)
{
    Job j = { .k = r->k, .a = x, .table = table, .period = period, .y = tensor_new(r, x->rows, x->cols) };
    return add_recorded(r, &j);
}

static void swiglu_range(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++)
        j->k->swiglu(tensor_row(j->y, i), tensor_row(j->a, i), tensor_row(j->b, i), j->a->cols);
}

static void swiglu_backward_range(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++)
        j->k->back->swiglu(tensor_grad_row(j->a, i), tensor_grad_row(j->b, i), tensor_row(j->a, i), tensor_row(j->b, i),
                           tensor_grad_row(j->y, i), j->a->cols);
}

static void swiglu_backward(Run *r, const void *job)
{
    Job j = *(const Job *)job;
    pool_ranges(r->pool, j.y->rows, GRAIN, swiglu_backward_range, &j);
}

Tensor *swiglu(Run *r, Tensor *gate, Tensor *up)
{
    assert(gate->rows == up->rows && gate->cols == up->cols);
    Job j = { .k = r->k, .a = gate, .b = up, .y = tensor_new(r, gate->rows, gate->cols) };
    pool_ranges(r->pool, gate->rows, GRAIN, swiglu_range, &j);
    if (!r->tape || !(gate->grad || up->grad)) return j.y;
    if (!gate->grad) tensor_ask_grad(r, gate); /* the two come together: one may be frozen, and then nobody reads it */
    if (!up->grad) tensor_ask_grad(r, up);
    tensor_ask_grad(r, j.y);
    tape_push(r, swiglu_backward, &j, sizeof j);
    return j.y;
}

/* ---- GELU ---- */

typedef struct {
    void (*forward)(float *y, const float *x, int n);
    void (*backward)(float *dx, const float *x, const float *dy, int n);
    const Tensor *x;
    Tensor *y;
} Gelu;

static void gelu_range(void *context, int begin, int end, int thread)
{
    const Gelu *j = context;
    (void)thread;
    for (int i = begin; i < end; i++) j->forward(tensor_row(j->y, i), tensor_row(j->x, i), j->y->cols);
}

static void gelu_backward_range(void *context, int begin, int end, int thread)
{
    const Gelu *j = context;
    (void)thread;
    for (int i = begin; i < end; i++)
        j->backward(tensor_grad_row(j->x, i), tensor_row(j->x, i), tensor_grad_row(j->y, i), j->y->cols);
}

static void gelu_backward(Run *r, const void *job)
{
    Gelu j = *(const Gelu *)job;
    pool_ranges(r->pool, j.y->rows, GRAIN, gelu_backward_range, &j);
}

/* In the place of x, unless the backward will ask for it. */
static Tensor *gelu(Run *r, Tensor *x, Gelu j)
{
    const bool recorded = r->tape && x->grad;
    j.x = x;
    j.y = recorded ? tensor_new(r, x->rows, x->cols) : x;
    pool_ranges(r->pool, x->rows, GRAIN, gelu_range, &j);
    if (!recorded) return x;
    tensor_ask_grad(r, j.y);
    tape_push(r, gelu_backward, &j, sizeof j);
    return j.y;
}

Tensor *gelu_tanh(Run *r, Tensor *x)
{
    return gelu(r, x, (Gelu){ .forward = r->k->gelu_tanh, .backward = r->k->back->gelu_tanh });
}

Tensor *gelu_erf(Run *r, Tensor *x)
{
    return gelu(r, x, (Gelu){ .forward = r->k->gelu_erf, .backward = r->k->back->gelu_erf });
}
