/* muon.c - see muon.h. A matrix with more columns than rows is worked on turned, so that the products X^T X are small. */
#include "train/muon.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { STEPS = 5 };
static const float MOMENTUM = 0.95f;

typedef struct {
    const Kernels *k;
    const MuonMatrix *matrix;
    double weight_decay;
    float factor;
    float *scratch;
    size_t scratch_floats; /* of one thread */
} Job;

static int larger(int a, int b)
{
    return a > b ? a : b;
}

static size_t scratch_of(const MuonMatrix *m)
{
    const size_t tall = (size_t)larger(m->rows, m->cols), n = (size_t)m->rows + (size_t)m->cols - tall;
    return 2 * tall * n + 2 * n * n;
}

/* g + 0.95 m, of length 1 as one vector, into x: [tall][n], turned where that is the larger side. */
static void direction(const MuonMatrix *m, float factor, float *x)
{
    const bool turned = m->cols > m->rows;
    double sum = 0;
    for (int i = 0; i < m->rows; i++)
        for (int j = 0; j < m->cols; j++) {
            const size_t at = (size_t)i * (size_t)m->cols + (size_t)j;
            const float g = factor * m->grad[at];
            m->momentum[at] = MOMENTUM * m->momentum[at] + g;
            const float v = g + MOMENTUM * m->momentum[at];
            x[turned ? (size_t)j * (size_t)m->rows + (size_t)i : at] = v;
            sum += (double)v * (double)v;
        }
    const float scale = (float)(1 / (sqrt(sum) + 1e-7));
    for (size_t i = 0; i < (size_t)m->rows * (size_t)m->cols; i++) x[i] *= scale;
}

/* x = 3.4445 x - 4.7750 x G + 2.0315 x G G with G = x^T x. */
static void newton_schulz(const Kernels *k, int tall, int n, float *x, float *next, float *gram, float *poly)
{
    const float a = 3.4445f, b = -4.7750f, c = 2.0315f;
    const size_t side = (size_t)n * (size_t)n, all = (size_t)tall * (size_t)n;
    memset(gram, 0, side * sizeof *gram);
    k->back->matmul_add_t(gram, (size_t)n, x, (size_t)n, n, x, (size_t)n, n, tall);
    memset(poly, 0, side * sizeof *poly);
    k->matmul_add[DT_F32](poly, (size_t)n, gram, (size_t)n, n, gram, (size_t)n * sizeof(float), n, n);
    for (size_t i = 0; i < side; i++) poly[i] = b * gram[i] + c * poly[i];
    for (size_t i = 0; i < all; i++) next[i] = a * x[i];
    k->matmul_add[DT_F32](next, (size_t)n, x, (size_t)n, tall, poly, (size_t)n * sizeof(float), n, n);
}

static void apply(const MuonMatrix *m, const float *x, double weight_decay)
{
    const bool turned = m->cols > m->rows;
    const float keep = (float)(1 - m->rate * weight_decay);
    const float step = (float)(m->rate * 0.2 * sqrt(larger(m->rows, m->cols)));
    for (int i = 0; i < m->rows; i++)
        for (int j = 0; j < m->cols; j++) {
            const size_t at = (size_t)i * (size_t)m->cols + (size_t)j;
            m->value[at] = keep * m->value[at] - step * x[turned ? (size_t)j * (size_t)m->rows + (size_t)i : at];
        }
}

static void update_matrix(void *context, int i, int thread)
{
    const Job *j = context;
    const MuonMatrix *m = &j->matrix[i];
    const int tall = larger(m->rows, m->cols), n = m->rows + m->cols - tall;
    const size_t all = (size_t)tall * (size_t)n, side = (size_t)n * (size_t)n;
    float *x = j->scratch + (size_t)thread * j->scratch_floats, *next = x + all;
    float *const gram = next + all, *const poly = gram + side;
    direction(m, j->factor, x);
    for (int s = 0; s < STEPS; s++) {
        newton_schulz(j->k, tall, n, x, next, gram, poly);
        float *const was = x;
        x = next;
        next = was;
    }
    apply(m, x, j->weight_decay);
}

void muon_update(const Kernels *k, Pool *pool, const MuonMatrix *m, int n, double weight_decay, float factor)
{
    Job j = { .k = k, .matrix = m, .weight_decay = weight_decay, .factor = factor };
    for (int i = 0; i < n; i++)
        if (scratch_of(&m[i]) > j.scratch_floats) j.scratch_floats = scratch_of(&m[i]);
    j.scratch = xcalloc((size_t)pool_threads(pool) * j.scratch_floats, sizeof *j.scratch);
    pool_run(pool, n, update_matrix, &j);
    free(j.scratch);
}
