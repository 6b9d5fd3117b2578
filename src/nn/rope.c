/* rope.c - rotary positions. Angles are f32: position * inv_freq, as the official code computes them.
 *
 * Dynamic NTK scaling lets the base depend on the length of the sequence: base * ((factor * length / max) - (factor - 1))
 * ^ (d / (d - 2)) once length > max. The length of a row is that of its whole prompt (or its own position + 1 in the
 * answer), which is what one prefill of the whole prompt gives, and does not change with the prefill chunk. */
#include <assert.h>
#include <math.h>

#include "nn/ops.h"
#include "nn/tape.h"

static void fill_row(const Rope *p, const BatchRow *row, float *cosine, float *sine)
{
    const bool stretched = p->dynamic && row->length > p->max_position;
    double base = 0;
    if (stretched) {
        const double grow = p->factor * row->length / p->max_position - (p->factor - 1);
        base = p->theta * pow(grow, (double)p->d / (p->d - 2));
    }
    const float position = (float)row->position / p->divisor;
    for (int i = 0; i < p->d / 2; i++) {
        const float f = stretched ? (float)(1.0 / pow(base, 2.0 * i / p->d)) : p->inv_freq[i];
        const float angle = position * f;
        cosine[i] = cosf(angle) * p->mscale;
        sine[i] = sinf(angle) * p->mscale;
    }
}

RopeAngles *rope_angles(Run *r, const Rope *rope, const Batch *b)
{
    RopeAngles *a = arena_get(r->arena, sizeof *a);
    *a = (RopeAngles){ rope, tensor_new(r, b->n, rope->d / 2), tensor_new(r, b->n, rope->d / 2) };
    for (int i = 0; i < b->n; i++) fill_row(rope, &b->row[i], tensor_row(a->cosine, i), tensor_row(a->sine, i));
    return a;
}

typedef struct {
    const Kernels *k;
    const RopeAngles *a;
    Tensor *x;
    int n_heads, d_head, offset;
    bool backward; /* turns the gradient back instead */
} Job;

static void rotate_rows(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    const Rope *p = j->a->rope;
    const BackwardKernels *back = j->k->back;
    const bool halves = p->pairs == ROPE_PAIRS_HALVES;
    void (*turn)(float *x, const float *cosine, const float *sine, int d) =
        j->backward ? (halves ? back->rope_halves : back->rope_interleaved)
                    : (halves ? j->k->rope_halves : j->k->rope_interleaved);
    (void)thread;
    for (int i = begin; i < end; i++) {
        float *row = j->backward ? tensor_grad_row(j->x, i) : tensor_row(j->x, i);
        for (int h = 0; h < j->n_heads; h++)
            turn(row + (size_t)h * (size_t)j->d_head + j->offset, tensor_row(j->a->cosine, i),
                 tensor_row(j->a->sine, i), p->d);
    }
}

static void rope_backward(Run *r, const void *job)
{
    Job j = *(const Job *)job;
    pool_ranges(r->pool, j.x->rows, 8, rotate_rows, &j);
}

void rope_apply(Run *r, const RopeAngles *a, Tensor *x, int n_heads, int d_head, int offset)
{
    assert(n_heads * d_head <= x->cols && offset + a->rope->d <= d_head);
    Job j = { r->k, a, x, n_heads, d_head, offset, false };
    pool_ranges(r->pool, x->rows, 8, rotate_rows, &j);
    if (!r->tape || !x->grad) return;
    j.backward = true;
    tape_push(r, rope_backward, &j, sizeof j);
}
