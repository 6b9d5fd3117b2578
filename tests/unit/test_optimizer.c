/* test_optimizer.c - learning rates, clipping, AdamW and Muon against their definitions in f64. */
#include "train/bias_update.h"
#include "train/muon.h"
#include "train/optimizer.h"

#include <math.h>

#include "base/mem.h"
#include "base/rng.h"

#include "support.h" /* last: cmocka has a macro fail() */

static void rates_follow_their_schedules(void **state)
{
    (void)state;
    static const struct {
        Schedule s;
        int64_t step;
        double rate;
    } rows[] = {
        { { SCHEDULE_CONSTANT, 2, 0, 0, 10 }, 9, 2 },    { { SCHEDULE_CONSTANT, 2, 0, 4, 10 }, 0, 0.5 },
        { { SCHEDULE_CONSTANT, 2, 0, 4, 10 }, 3, 2 },    { { SCHEDULE_LINEAR, 2, 0, 0, 10 }, 5, 1 },
        { { SCHEDULE_LINEAR, 2, 0.5, 2, 10 }, 6, 1.5 },  { { SCHEDULE_LINEAR, 2, 0, 0, 10 }, 20, 0 },
        { { SCHEDULE_COSINE, 2, 0, 0, 10 }, 0, 2 },      { { SCHEDULE_COSINE, 2, 0, 0, 10 }, 5, 1 },
        { { SCHEDULE_COSINE, 2, 0.1, 0, 10 }, 10, 0.2 }, { { SCHEDULE_COSINE, 2, 0, 10, 10 }, 10, 0 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_within(schedule_name(rows[i].s.kind), fabs(schedule_rate(&rows[i].s, rows[i].step) - rows[i].rate),
                      1e-12);
}

static void clipping_leaves_small_gradients_alone(void **state)
{
    (void)state;
    const AdamOptions o = { .clip_norm = 1 }, never = { 0 };
    assert_true(clip_factor(&o, 0.5) == 1 && clip_factor(&never, 1e9) == 1);
    assert_within("factor of a norm of 4", fabs((double)clip_factor(&o, 4) - 0.25), 1e-6);
}

enum { N = 10007 };

/* The norm does not depend on threads, and is not finite if one number is not. */
static void norms_have_one_value(void **state)
{
    (void)state;
    Error e;
    float *g = xcalloc(N, sizeof *g);
    double sum = 0;
    for (int i = 0; i < N; i++) {
        g[i] = (float)(rng_at(1, (uint64_t)i) >> 40) * 0x1p-24f;
        sum += (double)g[i] * (double)g[i];
    }
    Pool *one = pool_open(1, &e), *three = pool_open(3, &e);
    const Kernels *k = kernels_get(cpu_best());
    const double norm = gradient_norm(k, one, g, N);
    assert_true(norm == gradient_norm(k, three, g, N));
    assert_within("norm", fabs(norm / sqrt(sum) - 1), 1e-6);
    g[5000] = NAN;
    assert_false(isfinite(gradient_norm(k, one, g, N)));
    pool_close(one);
    pool_close(three);
    free(g);
}

static void steps_equal_their_definition(void **state)
{
    (void)state;
    Error e;
    Adam a;
    const AdamOptions o = { 0.9f, 0.999f, 1e-8f, 0.01f, 0 };
    Pool *pool = pool_open(2, &e);
    assert_true(adam_open(&a, &o, N, &e));
    float *w = xcalloc(N, sizeof *w), *g = xcalloc(N, sizeof *g);
    double *truth = xcalloc(N, sizeof *truth), *m = xcalloc(N, sizeof *m), *v = xcalloc(N, sizeof *v), worst = 0;
    for (int i = 0; i < N; i++) truth[i] = (double)(w[i] = (float)i / N - 0.5f);
    for (int step = 1; step <= 4; step++) {
        for (int i = 0; i < N; i++) g[i] = (float)(rng_at((uint64_t)step, (uint64_t)i) >> 40) * 0x1p-24f - 0.5f;
        a.step++;
        adam_update(&a, kernels_get(cpu_best()), pool, w, g, 0, N, 1e-2, 0.5f);
        for (int i = 0; i < N; i++) {
            const double gi = 0.5 * (double)g[i];
            m[i] = 0.9 * m[i] + 0.1 * gi;
            v[i] = 0.999 * v[i] + 0.001 * gi * gi;
            truth[i] -= 1e-2 * 0.01 * truth[i];
            truth[i] -= 1e-2 * m[i] / (1 - pow(0.9, step)) / (sqrt(v[i] / (1 - pow(0.999, step))) + 1e-8);
            worst = fmax(worst, fabs(truth[i] - (double)w[i]));
        }
    }
    assert_within("four steps of 1e-2", worst, 1e-6); /* f32 averages: 1e-5 of a step, which is 1e-2 */
    adam_close(&a);
    pool_close(pool);
    free(w);
    free(g);
    free(truth);
    free(m);
    free(v);
}

/* c [m][n] = a [m][k] b [k][n], b turned: [n][k] */
static void product(const double *a, const double *b, bool b_turned, int m, int n, int k, double *c)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) {
            double sum = 0;
            for (int l = 0; l < k; l++) sum += a[i * k + l] * (b_turned ? b[j * k + l] : b[l * n + j]);
            c[i * n + j] = sum;
        }
}

enum { MOST = 40 * 40 };

/* The definition as it is written, with X X^T whichever side is longer. */
static void orthogonal(double *x, int rows, int cols)
{
    double norm = 0;
    double *gram = xcalloc(MOST, sizeof *gram), *square = xcalloc(MOST, sizeof *square), *y = xcalloc(MOST, sizeof *y);
    for (int i = 0; i < rows * cols; i++) norm += x[i] * x[i];
    for (int i = 0; i < rows * cols; i++) x[i] /= sqrt(norm) + 1e-7;
    for (int step = 0; step < 5; step++) {
        product(x, x, true, rows, rows, cols, gram);
        product(gram, gram, false, rows, rows, rows, square);
        for (int i = 0; i < rows * rows; i++) square[i] = -4.7750 * gram[i] + 2.0315 * square[i];
        product(square, x, false, rows, cols, rows, y);
        for (int i = 0; i < rows * cols; i++) x[i] = 3.4445 * x[i] + y[i];
    }
    free(gram);
    free(square);
    free(y);
}

static double worst_of_muon(int rows, int cols)
{
    Error e;
    const int n = rows * cols;
    float *w = xcalloc(MOST, sizeof *w), *again = xcalloc(MOST, sizeof *w), *m = xcalloc(MOST, sizeof *m),
          *m_again = xcalloc(MOST, sizeof *m), *g = xcalloc(MOST, sizeof *g);
    double *truth = xcalloc(MOST, sizeof *truth), *mean = xcalloc(MOST, sizeof *mean), *x = xcalloc(MOST, sizeof *x);
    double worst = 0;
    Pool *one = pool_open(1, &e), *three = pool_open(3, &e);
    for (int i = 0; i < n; i++) truth[i] = (double)(w[i] = again[i] = (float)i / (float)n - 0.5f);
    for (int step = 1; step <= 3; step++) {
        for (int i = 0; i < n; i++) {
            g[i] = (float)(rng_at((uint64_t)step, (uint64_t)i) >> 40) * 0x1p-24f - 0.5f;
            mean[i] = 0.95 * mean[i] + 0.5 * (double)g[i];
            x[i] = 0.5 * (double)g[i] + 0.95 * mean[i];
        }
        const MuonMatrix a = { w, m, g, rows, cols, 1e-2 }, b = { again, m_again, g, rows, cols, 1e-2 };
        muon_update(kernels_get(cpu_best()), one, &a, 1, 0.1, 0.5f);
        muon_update(kernels_get(cpu_best()), three, &b, 1, 0.1, 0.5f);
        orthogonal(x, rows, cols);
        for (int i = 0; i < n; i++) {
            truth[i] = (1 - 1e-3) * truth[i] - 1e-2 * 0.2 * sqrt(rows > cols ? rows : cols) * x[i];
            worst = fmax(worst, fabs(truth[i] - (double)w[i]));
        }
    }
    assert_memory_equal(w, again, (size_t)n * sizeof *w);
    pool_close(one);
    pool_close(three);
    free(w), free(again), free(m), free(m_again), free(g), free(truth), free(mean), free(x);
    return worst;
}

static void muon_equals_its_definition(void **state)
{
    (void)state;
    assert_within("a wide matrix", worst_of_muon(12, 40), 2e-6); /* steps of 1e-2, in f32 */
    assert_within("a tall matrix", worst_of_muon(40, 12), 2e-6);
    assert_within("a square", worst_of_muon(17, 17), 2e-6);
}

static void bias_moves_against_the_load(void **state)
{
    (void)state;
    const double load[4] = { 10, 4, 2, 0 }; /* the mean is 4 */
    float bias[4] = { 0.5f, 0.5f, 0.5f, 0.5f };
    bias_update(bias, load, 4, 0.25f);
    assert_true(bias[0] == 0.25f && bias[1] == 0.5f && bias[2] == 0.75f && bias[3] == 0.75f);
}

TEST_MAIN(TEST(bias_moves_against_the_load), TEST(rates_follow_their_schedules),
          TEST(clipping_leaves_small_gradients_alone), TEST(norms_have_one_value), TEST(steps_equal_their_definition),
          TEST(muon_equals_its_definition))
