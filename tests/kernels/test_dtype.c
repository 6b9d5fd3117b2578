/* The number types, exhaustively. */
#include "support.h"

#include <math.h>
#include <stdbool.h>

#include "base/rng.h"
#include "kernels/dtype.h"

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}

/* From the definition: sign, exponent with bias 15, ten bits of fraction. */
static double f16_value(unsigned h)
{
    const int exponent = (int)(h >> 10 & 31), fraction = (int)(h & 1023);
    const double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                             : exponent == 0 ? ldexp(fraction, -24)
                                             : ldexp(1024 + fraction, exponent - 25);
    return h & 0x8000 ? -magnitude : magnitude;
}

static void f16_widens_exactly(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const double want = f16_value(h);
        const float got = f16_to_f32((uint16_t)h);
        if (isnan(want))
            assert_true(isnan(got));
        else
            assert_true(got == want && (signbit(got) != 0) == (h >= 0x8000));
    }
}

static void f16_survives_the_way_to_f32_and_back(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const bool nan = (h & 0x7c00) == 0x7c00 && (h & 0x3ff);
        assert_int_equal(f32_to_f16(f16_to_f32((uint16_t)h)), nan ? h | 0x200 : h);
    }
}

static void bf16_survives_the_way_to_f32_and_back(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        const bool nan = (h & 0x7f80) == 0x7f80 && (h & 0x7f);
        assert_int_equal(bits_of(bf16_to_f32((uint16_t)h)), h << 16);
        assert_int_equal(f32_to_bf16(bf16_to_f32((uint16_t)h)), nan ? h | 0x40 : h);
    }
}

/* Between every two neighbours lower < upper of a 16-bit type: their middle goes to the even one, the floats beside
 * the middle to the nearer one. */
static void check_between(uint16_t lower, float low, float high, uint16_t (*narrow)(float))
{
    const uint16_t even = lower & 1 ? (uint16_t)(lower + 1) : lower;
    const float middle = (float)(((double)low + (double)high) / 2);
    assert_int_equal(narrow(middle), even);
    assert_int_equal(narrow(nextafterf(middle, low)), lower);
    assert_int_equal(narrow(nextafterf(middle, high)), lower + 1);
    assert_int_equal(narrow(-middle), even | 0x8000);
}

static void ties_go_to_even(void **state)
{
    (void)state;
    for (unsigned h = 0; h < 0x7c00; h++) {
        const float above = h == 0x7bff ? 65536.0f : f16_to_f32((uint16_t)(h + 1));
        check_between((uint16_t)h, f16_to_f32((uint16_t)h), above, f32_to_f16);
    }
    for (unsigned h = 1; h < 0x7f7f; h++) /* the middle of 0 and its neighbour is the smallest float's business */
        check_between((uint16_t)h, bf16_to_f32((uint16_t)h), bf16_to_f32((uint16_t)(h + 1)), f32_to_bf16);
    assert_int_equal(f32_to_bf16(3.4028235e38f), 0x7f80); /* above the last middle: infinity */
}

static void every_narrowing_is_the_nearest(void **state)
{
    (void)state;
    Rng r = { 11, 0 };
    for (int i = 0; i < 2000000; i++) {
        const uint32_t u = (uint32_t)rng_next(&r);
        float f;
        memcpy(&f, &u, sizeof f);
        const uint16_t h = f32_to_f16(f), b = f32_to_bf16(f);
        if (isnan(f)) {
            assert_true(isnan(f16_to_f32(h)) && isnan(bf16_to_f32(b)));
            continue;
        }
        if ((h & 0x7c00) != 0x7c00) {
            const double error = fabs(f16_value(h) - (double)f);
            assert_true(error <= fabs(f16_value(h + 1u) - (double)f));
            if (h & 0x7fff) assert_true(error <= fabs(f16_value(h - 1u) - (double)f));
        } else {
            assert_true(fabsf(f) >= 65520);
        }
        if ((b & 0x7fff) < 0x7f7f && (b & 0x7fff) > 0) {
            const double error = fabs((double)bf16_to_f32(b) - (double)f);
            assert_true(error <= fabs((double)bf16_to_f32((uint16_t)(b + 1)) - (double)f));
            assert_true(error <= fabs((double)bf16_to_f32((uint16_t)(b - 1)) - (double)f));
        }
    }
}

static void types_have_their_size_and_name(void **state)
{
    (void)state;
    assert_int_equal(dtype_bytes(DT_BF16), 2);
    assert_int_equal(dtype_bytes(DT_I64), 8);
    assert_int_equal(dtype_bytes(DT_BOOL), 1);
    assert_string_equal(dtype_name(DT_F16), "F16");
    assert_string_equal(dtype_name(DT_U8), "U8");
}

TEST_MAIN(TEST(f16_widens_exactly), TEST(f16_survives_the_way_to_f32_and_back),
          TEST(bf16_survives_the_way_to_f32_and_back), TEST(ties_go_to_even), TEST(every_narrowing_is_the_nearest),
          TEST(types_have_their_size_and_name))
