/* vector_neon.h - the v_ functions for NEON as every aarch64 has it: vectors of 4 f32. What is left at an end goes through
 * a small copy. */
#ifndef VL2_KERNELS_VECTOR_NEON_H
#define VL2_KERNELS_VECTOR_NEON_H

#include <arm_neon.h>
#include <string.h>

#include "kernels/simd.h"

typedef float32x4_t V;
enum { LANES = 4 };
enum { TILE_M = 6, TILE_N = 4 }; /* 24 accumulators, 4 weights, 1 activation */
enum { ADD_M = 6, ADD_N = 4 };   /* 24 accumulators, 4 vectors of B, 1 element of A */

/* `left`: how many elements are there, at least 1 or more than fit; the others are zero and their memory is not touched. */
INLINE uint32x4_t first(int left)
{
    static const uint32_t LANE[LANES] = { 0, 1, 2, 3 };
    return vcltq_u32(vld1q_u32(LANE), vdupq_n_u32((uint32_t)left));
}
INLINE void v_prefetch(const unsigned char *p)
{
    __builtin_prefetch(p, 0, 3);
}
INLINE void v_prefetch_l2(const unsigned char *p)
{
    __builtin_prefetch(p, 0, 2);
}
INLINE V v_zero(void)
{
    return vdupq_n_f32(0);
}
INLINE V v_set1(float f)
{
    return vdupq_n_f32(f);
}

/* LANES small integers as numbers. */
INLINE V v_from_int8(const int8_t *p)
{
    const int8_t four[8] = { p[0], p[1], p[2], p[3] };
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vld1_s8(four)))));
}
/* table[q] of the 32 half bytes of p: the low halves, then the high ones. */
INLINE void v_look_up_halves(int8_t out[32], const uint8_t p[16], const int8_t table[16])
{
    const uint8x16_t b = vld1q_u8(p);
    const int8x16_t t = vld1q_s8(table);
    vst1q_s8(out, vqtbl1q_s8(t, vandq_u8(b, vdupq_n_u8(15))));
    vst1q_s8(out + 16, vqtbl1q_s8(t, vshrq_n_u8(b, 4)));
}
INLINE V v_load(const float *p, int left)
{
    if (left >= LANES) return vld1q_f32(p);
    float part[LANES] = { 0 };
    memcpy(part, p, (size_t)left * sizeof part[0]);
    return vld1q_f32(part);
}
INLINE V v_keep(V v, int left)
{
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), first(left)));
}
INLINE V v_load_or(const float *p, int left, V other)
{
    return left >= LANES ? vld1q_f32(p) : vbslq_f32(first(left), v_load(p, left), other);
}
INLINE void v_store(float *p, V v, int left)
{
    if (left >= LANES) {
        vst1q_f32(p, v);
        return;
    }
    float part[LANES];
    vst1q_f32(part, v);
    memcpy(p, part, (size_t)left * sizeof part[0]);
}

INLINE V v_add(V a, V b)
{
    return vaddq_f32(a, b);
}
INLINE V v_sub(V a, V b)
{
    return vsubq_f32(a, b);
}
INLINE V v_mul(V a, V b)
{
    return vmulq_f32(a, b);
}
INLINE V v_div(V a, V b)
{
    return vdivq_f32(a, b);
}
INLINE V v_fma(V a, V b, V c)
{
    return vfmaq_f32(c, a, b);
} /* a b + c */
INLINE V v_min(V a, V b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
} /* b if either is NaN */
INLINE V v_max(V a, V b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
} /* b if either is NaN */
INLINE V v_sqrt(V v)
{
    return vsqrtq_f32(v);
}
INLINE V v_round(V v)
{
    return vrndnq_f32(v);
}

/* v 2^p for whole p from -252 to 254, in two steps: 2^p alone may be no float. */
INLINE V v_times_power_of_2(V v, V p)
{
    const int32x4_t bias = vdupq_n_s32(127), whole = vcvtnq_s32_f32(p), half = vshrq_n_s32(whole, 1);
    const int32x4_t rest = vsubq_s32(whole, half);
    v = v_mul(v, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(half, bias), 23)));
    return v_mul(v, vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(rest, bias), 23)));
}

/* Halves: the 16-bit types. */
INLINE uint16x4_t load_4_halves(const void *p, int left)
{
    uint16_t part[LANES] = { 0 };
    memcpy(part, p, (size_t)(left < LANES ? left : LANES) * sizeof part[0]);
    return vld1_u16(part);
}
INLINE uint16x8_t load_8_halves(const void *p, int left)
{
    uint16_t part[2 * LANES] = { 0 };
    memcpy(part, p, (size_t)(left < 2 * LANES ? left : 2 * LANES) * sizeof part[0]);
    return vld1q_u16(part);
}
INLINE void store_4_halves(void *p, uint16x4_t halves, int left)
{
    uint16_t part[LANES];
    vst1_u16(part, halves);
    memcpy(p, part, (size_t)(left < LANES ? left : LANES) * sizeof part[0]);
}
INLINE V v_widen_f16(const void *p, int left)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(load_4_halves(p, left)));
}
INLINE V v_widen_bf16(const void *p, int left)
{
    return vreinterpretq_f32_u32(vshll_n_u16(load_4_halves(p, left), 16));
}
INLINE V v_bf16_even(const void *p, int left)
{
    return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_u16(load_8_halves(p, left)), 16));
}
INLINE V v_bf16_odd(const void *p, int left)
{
    const uint32x4_t pairs = vreinterpretq_u32_u16(load_8_halves(p, left));
    return vreinterpretq_f32_u32(vandq_u32(pairs, vdupq_n_u32(0xffff0000u)));
}
INLINE void v_store_f16(void *p, V v, int left)
{
    store_4_halves(p, vreinterpret_u16_f16(vcvt_f16_f32(v)), left);
}

/* The value of a bf16 that is nearest, ties to even; NaN stays NaN. */
INLINE V v_round_bf16(V v)
{
    const uint32x4_t u = vreinterpretq_u32_f32(v), even = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));
    const uint32x4_t up = vaddq_u32(u, vaddq_u32(even, vdupq_n_u32(0x7fff)));
    const uint32x4_t quiet = vorrq_u32(u, vdupq_n_u32(0x400000));
    const uint32x4_t rounded = vbslq_u32(vceqq_f32(v, v), up, quiet);
    return vreinterpretq_f32_u32(vandq_u32(rounded, vdupq_n_u32(0xffff0000u)));
}
/* v is rounded already. */
INLINE void v_store_bf16(void *p, V v, int left)
{
    store_4_halves(p, vshrn_n_u32(vreinterpretq_u32_f32(v), 16), left);
}

/* 2 LANES floats as those of even and of odd index. */
INLINE void v_load_pairs(const float *p, int left, V *even, V *odd)
{
    const V low = v_load(p, left), high = left > LANES ? v_load(p + LANES, left - LANES) : v_zero();
    *even = vuzp1q_f32(low, high);
    *odd = vuzp2q_f32(low, high);
}

/* The sums of four vectors. The tree of each is the same, whatever its neighbours: (0 + 1) + (2 + 3). */
INLINE V sums_of_4(V a, V b, V c, V d)
{
    return vpaddq_f32(vpaddq_f32(a, b), vpaddq_f32(c, d));
}
INLINE void v_store_sums(float *y, V a, V b, V c, V d)
{
    vst1q_f32(y, sums_of_4(a, b, c, d));
}
INLINE float v_sum(V v)
{
    return vgetq_lane_f32(sums_of_4(v, v, v, v), 0);
}
INLINE float v_max_lane(V v)
{
    return vmaxvq_f32(v);
}

#endif
