/* vector512.h - the v_ functions for AVX-512 F, BW, VL, DQ: vectors of 16 f32, masks for what is left at an end. Only for
 * files that are compiled for it. */
#ifndef VL2_KERNELS_VECTOR512_H
#define VL2_KERNELS_VECTOR512_H

#include <immintrin.h>
#include <stdint.h>

#include "kernels/simd.h"

typedef __m512 V;
enum { LANES = 16 };
enum { TILE_M = 6, TILE_N = 4 }; /* 24 accumulators, 4 weights, 1 activation, 1 mask */
enum { ADD_M = 6, ADD_N = 4 };   /* 24 accumulators, 4 vectors of B */

/* `left`: how many elements are there, at least 1 or more than fit; the others are zero and their memory is not touched. */
INLINE __mmask16 first(int left)
{
    return (__mmask16)(left >= LANES ? 0xffffu : (1u << left) - 1);
}

INLINE void v_prefetch(const unsigned char *p)
{
    _mm_prefetch((const char *)p, _MM_HINT_T0);
}
INLINE void v_prefetch_l2(const unsigned char *p)
{
    _mm_prefetch((const char *)p, _MM_HINT_T1);
}
INLINE V v_zero(void)
{
    return _mm512_setzero_ps();
}
INLINE V v_load(const float *p, int left)
{
    return left >= LANES ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(first(left), p);
}
INLINE void v_store(float *p, V v, int left)
{
    if (left >= LANES)
        _mm512_storeu_ps(p, v);
    else
        _mm512_mask_storeu_ps(p, first(left), v);
}
INLINE V v_fma(V a, V b, V c)
{
    return _mm512_fmadd_ps(a, b, c);
} /* a b + c */

INLINE V v_widen_f16(const void *p, int left)
{
    return _mm512_cvtph_ps(left >= LANES ? _mm256_loadu_si256(p) : _mm256_maskz_loadu_epi16(first(left), p));
}

INLINE __m512i v_load_32_halves(const void *p, int left)
{
    return left >= 2 * LANES ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi16((1u << left) - 1, p);
}
INLINE V v_bf16_even(const void *p, int left)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(v_load_32_halves(p, left), 16));
}
INLINE V v_bf16_odd(const void *p, int left)
{
    return _mm512_castsi512_ps(_mm512_and_si512(v_load_32_halves(p, left), _mm512_set1_epi32((int)0xffff0000u)));
}

/* The value of a bf16 that is nearest, ties to even; NaN stays NaN. */
INLINE V v_round_bf16(V v)
{
    const __m512i u = _mm512_castps_si512(v), top = _mm512_set1_epi32((int)0xffff0000u);
    const __m512i even = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(u, _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff)));
    const __mmask16 nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    const __m512i quiet = _mm512_or_si512(u, _mm512_set1_epi32(0x400000));
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_mask_mov_epi32(up, nan, quiet), top));
}

/* 2 LANES floats as those of even and of odd index. */
INLINE void v_load_pairs(const float *p, int left, V *even, V *odd)
{
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const V low = v_load(p, left), high = left > LANES ? v_load(p + LANES, left - LANES) : v_zero();
    *even = _mm512_permutex2var_ps(low, evens, high);
    *odd = _mm512_permutex2var_ps(low, _mm512_add_epi32(evens, _mm512_set1_epi32(1)), high);
}

/* The sums of four vectors. The tree of each is the same, whatever its neighbours: (0 + 2) + (1 + 3) within every
 * four lanes, then the halves, then the quarters. */
INLINE __m128 sums_of_4(V a, V b, V c, V d)
{
    const V ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
    const V cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
    const V abcd = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd))),
                                 _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd))));
    const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(abcd), _mm512_extractf32x8_ps(abcd, 1));
    return _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1));
}
INLINE void v_store_sums(float *y, V a, V b, V c, V d)
{
    _mm_storeu_ps(y, sums_of_4(a, b, c, d));
}
INLINE float v_sum(V v)
{
    return _mm_cvtss_f32(sums_of_4(v, v, v, v));
}

INLINE V v_widen_bf16(const void *p, int left)
{
    const __m256i halves = left >= LANES ? _mm256_loadu_si256(p) : _mm256_maskz_loadu_epi16(first(left), p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}
INLINE void store_16_halves(void *p, __m256i halves, int left)
{
    if (left >= LANES)
        _mm256_storeu_si256(p, halves);
    else
        _mm256_mask_storeu_epi16(p, first(left), halves);
}
INLINE void v_store_f16(void *p, V v, int left)
{
    store_16_halves(p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), left);
}
/* v is rounded already. */
INLINE void v_store_bf16(void *p, V v, int left)
{
    store_16_halves(p, _mm512_cvtepi32_epi16(_mm512_srli_epi32(_mm512_castps_si512(v), 16)), left);
}

INLINE V v_set1(float f)
{
    return _mm512_set1_ps(f);
}

/* LANES small integers as numbers. */
INLINE V v_from_int8(const int8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p)));
}
/* table[q] of the 32 half bytes of p: the low halves, then the high ones. */
INLINE void v_look_up_halves(int8_t out[32], const uint8_t p[16], const int8_t table[16])
{
    const __m128i b = _mm_loadu_si128((const void *)p), t = _mm_loadu_si128((const void *)table);
    const __m128i low = _mm_set1_epi8(15);
    _mm_storeu_si128((void *)out, _mm_shuffle_epi8(t, _mm_and_si128(b, low)));
    _mm_storeu_si128((void *)(out + 16), _mm_shuffle_epi8(t, _mm_and_si128(_mm_srli_epi16(b, 4), low)));
}
INLINE V v_add(V a, V b)
{
    return _mm512_add_ps(a, b);
}
INLINE V v_sub(V a, V b)
{
    return _mm512_sub_ps(a, b);
}
INLINE V v_mul(V a, V b)
{
    return _mm512_mul_ps(a, b);
}
INLINE V v_div(V a, V b)
{
    return _mm512_div_ps(a, b);
}
INLINE V v_min(V a, V b)
{
    return _mm512_min_ps(a, b);
} /* b if either is NaN */
INLINE V v_max(V a, V b)
{
    return _mm512_max_ps(a, b);
} /* b if either is NaN */
INLINE V v_sqrt(V v)
{
    return _mm512_sqrt_ps(v);
}
INLINE V v_round(V v)
{
    return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
INLINE V v_times_power_of_2(V v, V p)
{
    return _mm512_scalef_ps(v, p);
}
INLINE V v_keep(V v, int left)
{
    return left >= LANES ? v : _mm512_maskz_mov_ps(first(left), v);
}
INLINE V v_load_or(const float *p, int left, V other)
{
    return left >= LANES ? _mm512_loadu_ps(p) : _mm512_mask_loadu_ps(other, first(left), p);
}
INLINE float v_max_lane(V v)
{
    return _mm512_reduce_max_ps(v);
}

#endif
