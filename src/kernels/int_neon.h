/* int_neon.h - the i_ functions for NEON: vectors of 4 int32 or 16 bytes, for products of quantised weights. Beside
 * vector_neon.h. */
#ifndef VL2_KERNELS_INT_NEON_H
#define VL2_KERNELS_INT_NEON_H

#include <stdint.h>
#include <string.h>

#include "kernels/vector_neon.h"

typedef int32x4_t I;
enum { SIGNED_WEIGHTS = 1 };

INLINE I i_set1(int v)
{
    return vdupq_n_s32(v);
}
INLINE I i_set1_bytes(int v)
{
    return vreinterpretq_s32_s8(vdupq_n_s8((int8_t)v));
}
/* The four bytes at p in every lane. */
INLINE I i_broadcast(const void *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    return vdupq_n_s32(four);
}
INLINE I i_load(const void *p)
{
    return vreinterpretq_s32_u8(vld1q_u8(p));
}
INLINE I i_add(I a, I b)
{
    return vaddq_s32(a, b);
}
INLINE I i_and(I a, I b)
{
    return vandq_s32(a, b);
}
INLINE I i_xor(I a, I b)
{
    return veorq_s32(a, b);
}
/* Every byte shifted right by 4. */
INLINE I i_high_nibbles(I v)
{
    return vreinterpretq_s32_u8(vshrq_n_u8(vreinterpretq_u8_s32(v), 4));
}
/* The bytes of a table of 16 that the bytes of v, below 16, choose. */
INLINE I i_choose(const int8_t table[16], I v)
{
    return vreinterpretq_s32_s8(vqtbl1q_s8(vld1q_s8(table), vreinterpretq_u8_s32(v)));
}
/* To each lane of sum the four products of its bytes, by instructions of every aarch64: two products of at most 128 x 127
 * fit into 16 bits. */
INLINE I i_dot_bytes(I sum, I a, I b)
{
    const int8x16_t u = vreinterpretq_s8_s32(a), v = vreinterpretq_s8_s32(b);
    const int16x8_t low = vmull_s8(vget_low_s8(u), vget_low_s8(v)), high = vmull_high_s8(u, v);
    return vpadalq_s16(sum, vpaddq_s16(low, high));
}

/* 16 bytes of each of 4 rows, as 4 vectors of columns: lane r of out[j] is bytes 4 j to 4 j + 3 of row r. */
INLINE void i_load_columns(I out[4], const unsigned char *const row[LANES])
{
    I v[LANES];
    UNROLL
    for (int r = 0; r < LANES; r++) v[r] = vreinterpretq_s32_u8(vld1q_u8(row[r]));
    const int64x2_t even_01 = vreinterpretq_s64_s32(vtrn1q_s32(v[0], v[1]));
    const int64x2_t even_23 = vreinterpretq_s64_s32(vtrn1q_s32(v[2], v[3]));
    const int64x2_t odd_01 = vreinterpretq_s64_s32(vtrn2q_s32(v[0], v[1]));
    const int64x2_t odd_23 = vreinterpretq_s64_s32(vtrn2q_s32(v[2], v[3]));
    out[0] = vreinterpretq_s32_s64(vtrn1q_s64(even_01, even_23));
    out[1] = vreinterpretq_s32_s64(vtrn1q_s64(odd_01, odd_23));
    out[2] = vreinterpretq_s32_s64(vtrn2q_s64(even_01, even_23));
    out[3] = vreinterpretq_s32_s64(vtrn2q_s64(odd_01, odd_23));
}

/* Where the rows of a strip begin, from the first on: rows past the last one are the last one. */
INLINE I i_row_index(size_t ldw, int rows)
{
    static const int32_t LANE[LANES] = { 0, 1, 2, 3 };
    return vmulq_n_s32(vminq_s32(vld1q_s32(LANE), i_set1(rows - 1)), (int)ldw);
}
/* The f16 at the start of each of 4 rows, `index` bytes apart from w. */
INLINE V i_load_scales(const unsigned char *w, I index)
{
    int32_t at[LANES];
    uint16_t scale[LANES];
    vst1q_s32(at, index);
    for (int r = 0; r < LANES; r++) memcpy(&scale[r], w + at[r], sizeof scale[r]);
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(scale)));
}

/* The same bits. */
INLINE V v_from_int_bits(I v)
{
    return vreinterpretq_f32_s32(v);
}
INLINE I i_from_float_bits(V v)
{
    return vreinterpretq_s32_f32(v);
}
INLINE V v_from_int(I v)
{
    return vcvtq_f32_s32(v);
}
/* To nearest even; NaN becomes 0. */
INLINE I i_from_float(V v)
{
    return vcvtnq_s32_f32(v);
}
INLINE V v_abs(V v)
{
    return vabsq_f32(v);
}
INLINE int i_sum(I v)
{
    return vaddvq_s32(v);
}
/* Lanes from -128 to 127 as bytes. */
INLINE void i_store_bytes(int8_t *p, I v)
{
    const int16x4_t halves = vmovn_s32(v);
    const int32x2_t four = vreinterpret_s32_s8(vmovn_s16(vcombine_s16(halves, halves)));
    const int32_t bytes = vget_lane_s32(four, 0);
    memcpy(p, &bytes, sizeof bytes);
}

#endif
