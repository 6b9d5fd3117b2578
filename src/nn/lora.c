/* lora.c - y += scale * B (A x), Hu et al. 2021. With dropout A reads x with elements left out at random and the others grown,
 * so that the mean stays. The mask is a function of seed, row and column: a block that runs again for its backward
 * sees the same one. */
#include "nn/lora.h"

#include "base/rng.h"
#include "nn/ops.h"
#include "nn/product.h"
#include "nn/tape.h"

typedef struct {
    const Kernels *k;
    const Lora *l;
    const Tensor *x, *seen; /* what A reads: x, or x with a mask on */
    Tensor *t, *y;
    float scale;
} Job;

static void add_scaled_rows(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    (void)thread;
    for (int i = begin; i < end; i++) j->k->add_scaled(tensor_row(j->y, i), tensor_row(j->t, i), j->scale, j->y->cols);
}

/* y += s * t */
static void add_scaled(Run *r, Tensor *y, Tensor *t, float s)
{
    Job j = { .k = r->k, .t = t, .y = y, .scale = s };
    pool_ranges(r->pool, y->rows, 8, add_scaled_rows, &j);
}

/* t += x with the mask on. */
static void add_masked_rows(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    const float keep = 1 / (1 - j->l->dropout);
    const uint64_t threshold = (uint64_t)((double)j->l->dropout * 0x1p32);
    (void)thread;
    for (int i = begin; i < end; i++) {
        const float *x = tensor_row(j->x, i);
        float *t = tensor_row(j->t, i);
        for (int c = 0; c < j->x->cols; c++) {
            const uint64_t at = (uint64_t)i * (uint64_t)j->x->cols + (uint64_t)c;
            if (rng_at(j->l->seed, at) >> 32 >= threshold) t[c] += keep * x[c];
        }
    }
}

static void add_masked(Run *r, const Lora *l, const Tensor *x, Tensor *t)
{
    Job j = { .k = r->k, .l = l, .x = x, .t = t };
    pool_ranges(r->pool, x->rows, 8, add_masked_rows, &j);
}

/* dt = scale dy B;  dB += dy^T scale t;  dA += dt^T x;  dx += dt A, through the mask. */
static void lora_backward(Run *r, const void *job)
{
    const Job *j = job;
    const Lora *l = j->l;
    const int m = j->x->rows;
    Tensor *back = tensor_zero(r, m, l->a.rows), *dt = tensor_zero(r, m, l->a.rows);
    ProductAdd p = product_dx(back->data, back->ld, j->y->grad, j->y->ld, m, &l->b);
    products_add(r, &p, 1);
    add_scaled(r, dt, back, l->scale);
    if (l->b.grad) {
        Tensor *t = tensor_zero(r, m, l->a.rows);
        add_scaled(r, t, j->t, l->scale);
        p = product_dw(&l->b, j->y->grad, j->y->ld, t->data, t->ld, m);
        products_add(r, &p, 1);
    }
    if (l->a.grad) {
        p = product_dw(&l->a, dt->data, dt->ld, j->seen->data, j->seen->ld, m);
        products_add(r, &p, 1);
    }
    if (!j->x->grad) return;
    const bool masked = j->seen != j->x;
    Tensor *dx = masked ? tensor_zero(r, m, j->x->cols) : NULL;
    p = product_dx(masked ? dx->data : j->x->grad, masked ? dx->ld : j->x->ld, dt->data, dt->ld, m, &l->a);
    products_add(r, &p, 1);
    if (masked) add_masked(r, l, dx, &(Tensor){ .data = j->x->grad, .rows = m, .cols = j->x->cols, .ld = j->x->ld });
}

static void add_one(Run *r, const Tensor *x, const Lora *l, Tensor *y)
{
    const ArenaMark before = arena_mark(r->arena);
    const bool recorded = r->tape && (x->grad || l->a.grad || l->b.grad);
    Job j = { .k = r->k, .l = l, .x = x, .seen = x, .y = y };
    if (r->training && l->dropout > 0) {
        Tensor *masked = tensor_zero(r, x->rows, x->cols);
        add_masked(r, l, x, masked);
        j.seen = masked;
    }
    j.t = tensor_new(r, x->rows, l->a.rows);
    if (recorded) tape_push(r, lora_backward, &j, sizeof j);
    const ArenaMark mark = arena_mark(r->arena);
    Tensor *u = tensor_new(r, x->rows, l->b.rows);
    multiply_rows(r, j.seen, &l->a, j.t);
    multiply_rows(r, j.t, &l->b, u);
    add_scaled(r, y, u, l->scale);
    arena_release(r->arena, recorded ? mark : before);
}

void lora_add(Run *r, const Tensor *x, const Lora *list, Tensor *y)
{
    for (const Lora *l = list; l && x->rows > 0; l = l->next) add_one(r, x, l, y);
}
