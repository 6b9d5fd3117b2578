/* dtype.c - see dtype.h. The conversions of f16 by integer arithmetic alone: the same bits on every processor, and the
 * same as the instructions that some have (NaN keeps the top of its payload and becomes quiet). */
#include "kernels/dtype.h"

#include <assert.h>

static const struct {
    size_t bytes; /* of an element, or of a block of QUANT_BLOCK elements */
    const char *name;
} TYPE[DT_COUNT] = {
    [DT_F32] = { 4, "F32" },
    [DT_BF16] = { 2, "BF16" },
    [DT_F16] = { 2, "F16" },
    [DT_Q8_0] = { 34, "Q8_0" },
    [DT_Q4_0] = { 18, "Q4_0" },
    [DT_IQ4_NL] = { 18, "IQ4_NL" },
    [DT_F64] = { 8, "F64" },
    [DT_I64] = { 8, "I64" },
    [DT_Q8_0_X16] = { 34, "Q8_0x16" },
    [DT_Q4_0_X16] = { 18, "Q4_0x16" },
    [DT_IQ4_NL_X16] = { 18, "IQ4_NLx16" },
    [DT_I32] = { 4, "I32" },
    [DT_U8] = { 1, "U8" },
    [DT_BOOL] = { 1, "BOOL" },
};

const int8_t iq4_nl[16] = { -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113 };

size_t dtype_bytes(DType t)
{
    assert((unsigned)t < DT_COUNT && !dtype_is_quantised(t));
    return TYPE[t].bytes;
}

size_t dtype_row_bytes(DType t, size_t n)
{
    assert((unsigned)t < DT_COUNT);
    return dtype_is_quantised(t) ? (n + QUANT_BLOCK - 1) / QUANT_BLOCK * TYPE[t].bytes : n * TYPE[t].bytes;
}

const char *dtype_name(DType t)
{
    assert((unsigned)t < DT_COUNT);
    return TYPE[t].name;
}

static float float_of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* f16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
float f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31u, fraction = h & 0x3ffu;
    if (exponent == 31) return float_of_bits(sign | 0x7f800000u | fraction << 13 | (fraction ? 0x400000u : 0));
    if (exponent != 0) return float_of_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
    const float subnormal = (float)fraction * 0x1p-24f; /* exact */
    return sign ? -subnormal : subnormal;
}

/* Drops the low `bits` of v, rounding to nearest even. */
static uint32_t round_shift(uint32_t v, uint32_t bits)
{
    const uint32_t half = 1u << (bits - 1);
    return (v + half - 1 + (v >> bits & 1u)) >> bits;
}

uint16_t f32_to_f16(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    const uint32_t sign = u >> 16 & 0x8000u, magnitude = u & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u | (magnitude >> 13 & 0x3ffu));
    if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* 65520 and more round to infinity */
    if (magnitude >= 0x38800000u)                                    /* 2^-14 and more: a carry moves the exponent up */
        return (uint16_t)(sign | round_shift(magnitude - ((127u - 15u) << 23), 13));
    if (magnitude < 0x33000000u) return (uint16_t)sign; /* below 2^-25: zero */
    const uint32_t shift = 126 - (magnitude >> 23);     /* subnormal, in units of 2^-24 */
    return (uint16_t)(sign | round_shift((magnitude & 0x7fffffu) | 0x800000u, shift));
}
