/* loss.c - cross-entropy: -log softmax(logits)[label], and its gradient, softmax - one at the label. */
#include <assert.h>
#include <math.h>

#include "nn/ops.h"
#include "nn/tape.h"

typedef struct {
    const Kernels *k;
    const Tensor *logits;
    const int32_t *label;
    float scale;
    double *loss; /* [rows] */
    Scratch scratch;
} Job;

static void loss_rows(void *context, int begin, int end, int thread)
{
    const Job *j = context;
    const int n = j->logits->cols;
    for (int i = begin; i < end; i++) {
        const float *x = tensor_row(j->logits, i);
        float *p = j->logits->grad ? tensor_grad_row(j->logits, i) : scratch_of(j->scratch, thread);
        assert(j->label[i] >= 0 && j->label[i] < n);
        const float most = j->k->max(x, n), sum = j->k->exp_sum(p, x, most, n);
        j->loss[i] = log((double)sum) + (double)most - (double)x[j->label[i]];
        j->k->scale(p, p, j->scale / sum, n);
        p[j->label[i]] -= j->scale;
    }
}

double cross_entropy(Run *r, Tensor *logits, const int32_t *label, float scale)
{
    const ArenaMark mark = arena_mark(r->arena);
    Job j = { .k = r->k, .logits = logits, .label = label, .scale = scale };
    j.loss = arena_get(r->arena, (size_t)logits->rows * sizeof *j.loss);
    j.scratch = scratch_new(r, (size_t)logits->cols * sizeof(float));
    pool_ranges(r->pool, logits->rows, 1, loss_rows, &j);
    double sum = 0;
    for (int i = 0; i < logits->rows; i++) sum += j.loss[i];
    arena_release(r->arena, mark);
    return sum;
}
