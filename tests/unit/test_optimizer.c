/* test_optimizer.c - learning rates, clipping, and AdamW against its definition in f64. */
#include "train/bias_update.h"
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

static void bias_moves_against_the_load(void **state)
{
    (void)state;
    const int load[4] = { 10, 4, 2, 0 }; /* the mean is 4 */
    float bias[4] = { 0.5f, 0.5f, 0.5f, 0.5f };
    bias_update(bias, load, 4, 0.25f);
    assert_true(bias[0] == 0.25f && bias[1] == 0.5f && bias[2] == 0.75f && bias[3] == 0.75f);
}

TEST_MAIN(TEST(bias_moves_against_the_load), TEST(rates_follow_their_schedules),
          TEST(clipping_leaves_small_gradients_alone), TEST(norms_have_one_value), TEST(steps_equal_their_definition))
