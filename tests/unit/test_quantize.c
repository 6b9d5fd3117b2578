/* test_quantize.c - blocks keep what they can: held against plain rounding to nearest, done here the simple way. */
#include <math.h>

#include "base/rng.h"
#include "format/quantize.h"
#include "kernels/kernels.h"
#include "support.h"

enum { COLS = 32 * 512 };

static const DType TYPES[] = { DT_Q8_0, DT_Q4_0, DT_IQ4_NL };
enum { N_TYPES = sizeof TYPES / sizeof *TYPES };
static const char *const KINDS[] = { "normal", "heavy tails", "outliers" };
enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

static float normal(Rng *r)
{
    const double u = 1 - rng_uniform(r), v = rng_uniform(r);
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

static void fill(Rng *r, float *x, int n, int kind)
{
    for (int i = 0; i < n; i++) {
        x[i] = 0.02f * normal(r);
        if (kind == 1) x[i] *= normal(r) * fabsf(normal(r));
        if (kind == 2 && rng_uniform(r) < 0.01) x[i] *= 10;
    }
}

static void fill_importance(Rng *r, float *w, int n)
{
    for (int i = 0; i < n; i++) w[i] = expf(1.5f * normal(r));
}

static void decode(DType t, float *y, const void *row, int n)
{
    kernels_get(CPU_SCALAR)->to_f32[t](y, row, n);
}

static double error_of(const float *x, const float *y, const float *w, int n)
{
    double e = 0;
    for (int i = 0; i < n; i++) e += (w ? w[i] : 1.0) * ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
    return e;
}

/* The plain way: the largest |x| lands at the end of the codes, the others on the nearest. */
static void plain(DType t, float *y, const float *x)
{
    float peak = 0;
    for (int i = 0; i < QUANT_BLOCK; i++)
        if (fabsf(x[i]) > fabsf(peak)) peak = x[i];
    const float end = t == DT_Q8_0 ? 127 : t == DT_Q4_0 ? -8 : iq4_nl[0];
    const float d = f16_to_f32(f32_to_f16(peak / end));
    for (int i = 0; i < QUANT_BLOCK; i++) {
        const float v = d != 0 ? x[i] / d : 0;
        float q = t == DT_Q8_0 ? fmaxf(fminf(rintf(v), 127), -127) : fmaxf(fminf(rintf(v), 7), -8);
        for (int c = 0; t == DT_IQ4_NL && c < 16; c++)
            if (c == 0 || fabsf(v - (float)iq4_nl[c]) < fabsf(v - q)) q = (float)iq4_nl[c];
        y[i] = d * q;
    }
}

/* Every block is at most as bad as the plain one, and all together are clearly better. */
static void beats_plain(DType t, int kind, bool weighted)
{
    static float x[COLS], w[COLS], y[COLS];
    static unsigned char row[COLS * 2];
    float p[QUANT_BLOCK];
    double ours = 0, theirs = 0, worst = 0;
    Rng r = { .seed = 7 };
    fill(&r, x, COLS, kind);
    fill_importance(&r, w, COLS);
    quantise_row(t, row, x, weighted ? w : NULL, COLS);
    decode(t, y, row, COLS);
    for (int i = 0; i < COLS; i += QUANT_BLOCK) {
        plain(t, p, x + i);
        const double a = error_of(x + i, y + i, weighted ? w + i : NULL, QUANT_BLOCK);
        const double b = error_of(x + i, p, weighted ? w + i : NULL, QUANT_BLOCK);
        worst = fmax(worst, a / b);
        ours += a;
        theirs += b;
    }
    char what[64];
    snprintf(what, sizeof what, "%s %s%s: a block", dtype_name(t), KINDS[kind], weighted ? ", weighted" : "");
    assert_within(what, worst, 1 + 1e-5); /* the sums are f32 */
    snprintf(what, sizeof what, "%s %s%s: all", dtype_name(t), KINDS[kind], weighted ? ", weighted" : "");
    assert_within(what, ours / theirs, t == DT_Q8_0 ? 0.99 : 0.96);
}

static void no_block_is_worse_than_plain_rounding(void **state)
{
    (void)state;
    for (int t = 0; t < N_TYPES; t++)
        for (int kind = 0; kind < N_KINDS; kind++)
            for (int weighted = 0; weighted < 2; weighted++) beats_plain(TYPES[t], kind, weighted);
}

/* A block whose largest code is an end of the range comes back bit for bit: quantising twice changes nothing. */
static void representable_blocks_survive(void **state)
{
    (void)state;
    Rng r = { .seed = 8 };
    for (int round = 0; round < 3000; round++) {
        const DType t = TYPES[round % N_TYPES];
        float x[QUANT_BLOCK], w[QUANT_BLOCK], y[QUANT_BLOCK];
        unsigned char block[34], again[34];
        for (size_t i = 2; i < sizeof block; i++) block[i] = (unsigned char)rng_next(&r);
        for (int i = 2; t == DT_Q8_0 && i < 34; i++) block[i] = block[i] == 0x80 ? 0 : block[i]; /* -128 is not used */
        block[2] = t == DT_Q8_0 ? 127 : round % 2 ? 0x0f : 0x00;
        const uint16_t d = f32_to_f16(ldexpf(1 + (float)rng_uniform(&r), (int)(rng_next(&r) % 24) - 14));
        memcpy(block, &d, sizeof d);
        decode(t, x, block, QUANT_BLOCK);
        fill_importance(&r, w, QUANT_BLOCK);
        quantise_row(t, again, x, round % 4 ? w : NULL, QUANT_BLOCK);
        decode(t, y, again, QUANT_BLOCK);
        assert_memory_equal(x, y, sizeof x);
    }
}

static void zeros_and_dust_become_zeros(void **state)
{
    (void)state;
    for (int t = 0; t < N_TYPES; t++) {
        float x[QUANT_BLOCK] = { 0, -0.0f, 1e-9f, -1e-40f }, y[QUANT_BLOCK];
        unsigned char block[34];
        quantise_row(TYPES[t], block, x, NULL, QUANT_BLOCK);
        decode(TYPES[t], y, block, QUANT_BLOCK);
        for (int i = 0; i < QUANT_BLOCK; i++) assert_true(y[i] == 0);
    }
}

static void a_single_spike_survives(void **state)
{
    (void)state;
    static const float SPIKES[] = { 1, -1, 0.1f, -1000, 1e-3f, 60000 };
    for (int t = 0; t < N_TYPES; t++)
        for (size_t s = 0; s < sizeof SPIKES / sizeof *SPIKES; s++) {
            float x[QUANT_BLOCK] = { 0 }, y[QUANT_BLOCK];
            unsigned char block[34];
            x[s * 5] = SPIKES[s];
            quantise_row(TYPES[t], block, x, NULL, QUANT_BLOCK);
            decode(TYPES[t], y, block, QUANT_BLOCK);
            for (int i = 0; i < QUANT_BLOCK; i++) /* IQ4_NL has no zero: its smallest code is 1 of 127 */
                assert_true(fabsf(x[i] - y[i]) <= fabsf(SPIKES[s]) * (TYPES[t] == DT_IQ4_NL ? 0.01f : 0.02f));
        }
}

/* The columns that matter gain, those that do not pay for it. */
static void importance_moves_the_error(void **state)
{
    (void)state;
    static float x[COLS], w[COLS], without[COLS], with[COLS];
    static unsigned char row[COLS * 2];
    Rng r = { .seed = 9 };
    fill(&r, x, COLS, 0);
    for (int i = 0; i < COLS; i++) w[i] = i % 4 == 0 ? 1 : 0.01f;
    for (int t = 0; t < N_TYPES; t++) {
        quantise_row(TYPES[t], row, x, NULL, COLS);
        decode(TYPES[t], without, row, COLS);
        quantise_row(TYPES[t], row, x, w, COLS);
        decode(TYPES[t], with, row, COLS);
        double before[2] = { 0 }, after[2] = { 0 };
        for (int i = 0; i < COLS; i++) {
            before[i % 4 == 0] += error_of(x + i, without + i, NULL, 1);
            after[i % 4 == 0] += error_of(x + i, with + i, NULL, 1);
        }
        assert_within("important columns", after[1] / before[1], 0.75);
        assert_true(after[0] > before[0]);
    }
}

/* A huge value that does not count must not take the scale. */
static void columns_without_importance_are_given_up(void **state)
{
    (void)state;
    for (int t = 0; t < N_TYPES; t++) {
        float x[QUANT_BLOCK], w[QUANT_BLOCK], y[QUANT_BLOCK];
        unsigned char block[34];
        for (int i = 0; i < QUANT_BLOCK; i++) {
            x[i] = i == 3 ? 3e38f : (float)(i - 16) / 16;
            w[i] = i != 3;
        }
        quantise_row(TYPES[t], block, x, w, QUANT_BLOCK);
        decode(TYPES[t], y, block, QUANT_BLOCK);
        for (int i = 0; i < QUANT_BLOCK; i++) assert_true(i == 3 || fabsf(x[i] - y[i]) < 0.12f);
        memset(w, 0, sizeof w); /* nothing counts: as without importance */
        unsigned char other[34] = { 0 };
        x[3] = 0;
        quantise_row(TYPES[t], block, x, w, QUANT_BLOCK);
        quantise_row(TYPES[t], other, x, NULL, QUANT_BLOCK);
        assert_memory_equal(block, other, dtype_row_bytes(TYPES[t], QUANT_BLOCK));
    }
}

static void the_last_block_is_filled_up(void **state)
{
    (void)state;
    enum { N = 41 };
    static unsigned char row[128], whole[34];
    for (int t = 0; t < N_TYPES; t++) {
        float x[N], y[64], tail[QUANT_BLOCK] = { 0 };
        const size_t bytes = dtype_row_bytes(TYPES[t], N);
        Rng r = { .seed = 10 };
        fill(&r, x, N, 0);
        memset(row, 0xaa, sizeof row);
        quantise_row(TYPES[t], row, x, NULL, N);
        assert_int_equal(row[bytes], 0xaa); /* nothing beyond the row */
        decode(TYPES[t], y, row, N);
        for (int i = 0; i < N; i++) assert_true(fabsf(x[i] - y[i]) < 0.01f);
        memcpy(tail, x + QUANT_BLOCK, (N - QUANT_BLOCK) * sizeof *tail);
        quantise_row(TYPES[t], whole, x, NULL, QUANT_BLOCK);
        assert_memory_equal(row, whole, bytes / 2);
    }
}

static void values_beyond_the_largest_scale_are_cut(void **state)
{
    (void)state;
    for (int t = 0; t < N_TYPES; t++) {
        float x[QUANT_BLOCK] = { 3e38f, -3e38f, 1e30f, 5 }, y[QUANT_BLOCK];
        unsigned char block[34];
        quantise_row(TYPES[t], block, x, NULL, QUANT_BLOCK);
        decode(TYPES[t], y, block, QUANT_BLOCK);
        assert_true(isfinite(y[0]) && y[0] > 4e5f && isfinite(y[1]) && y[1] < -4e5f);
    }
}

static void non_finite_blocks_are_found_and_visible(void **state)
{
    (void)state;
    for (int t = 0; t < N_TYPES; t++) {
        float x[3 * QUANT_BLOCK], y[3 * QUANT_BLOCK];
        unsigned char row[3 * 34];
        for (int i = 0; i < 3 * QUANT_BLOCK; i++) x[i] = (float)i;
        assert_int_equal(row_non_finite(x, 3 * QUANT_BLOCK), -1);
        x[40] = t % 2 ? NAN : -INFINITY;
        assert_int_equal(row_non_finite(x, 3 * QUANT_BLOCK), 40);
        quantise_row(TYPES[t], row, x, NULL, 3 * QUANT_BLOCK);
        decode(TYPES[t], y, row, 3 * QUANT_BLOCK);
        for (int i = 0; i < 3 * QUANT_BLOCK; i++) assert_int_equal(isnan(y[i]) != 0, i / QUANT_BLOCK == 1);
    }
}

TEST_MAIN(TEST(no_block_is_worse_than_plain_rounding), TEST(representable_blocks_survive),
          TEST(zeros_and_dust_become_zeros), TEST(a_single_spike_survives), TEST(importance_moves_the_error),
          TEST(columns_without_importance_are_given_up), TEST(the_last_block_is_filled_up),
          TEST(values_beyond_the_largest_scale_are_cut), TEST(non_finite_blocks_are_found_and_visible))
