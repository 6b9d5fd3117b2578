/* vector256.h - the v_ functions for AVX2 with FMA and F16C: vectors of 8 f32. What is left at an end goes through masked
 * moves of floats, and of halves through a small copy. Only for files that are compiled for it. */
#ifndef VL2_KERNELS_VECTOR256_H
#define VL2_KERNELS_VECTOR256_H

#include <immintrin.h>
#include <stdint.h>
#include <stdint.h>
#include <string.h>

#include "kernels/simd.h"

typedef __m256 V;
enum { LANES = 8 };
enum { TILE_M = 3, TILE_N = 4 }; /* 12 accumulators, 4 weights */
enum { ADD_M = 4, ADD_N = 2 };   /* 8 accumulators, 2 rows of B, 1 element of A */

/* `left`: how many elements are there, at least 1 or more than fit; the others are zero and their memory is not touched. */
INLINE __m256i first(int left)
{
    static const int32_t ON_OFF[2 * LANES] = { -1, -1, -1, -1, -1, -1, -1, -1 };
    return _mm256_loadu_si256((const void *)(ON_OFF + LANES - (left < LANES ? left : LANES)));
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
    return _mm256_setzero_ps();
}
INLINE V v_set1(float f)
{
    return _mm256_set1_ps(f);
}

/* LANES small integers as numbers. */
INLINE V v_from_int8(const int8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p)));
}
/* table[q] of the 32 half bytes of p: the low halves, then the high ones. */
INLINE void v_look_up_halves(int8_t out[32], const uint8_t p[16], const int8_t table[16])
{
    const __m128i b = _mm_loadu_si128((const void *)p), t = _mm_loadu_si128((const void *)table);
    const __m128i low = _mm_set1_epi8(15);
    _mm_storeu_si128((void *)out, _mm_shuffle_epi8(t, _mm_and_si128(b, low)));
    _mm_storeu_si128((void *)(out + 16), _mm_shuffle_epi8(t, _mm_and_si128(_mm_srli_epi16(b, 4), low)));
}
INLINE V v_load(const float *p, int left)
{
    return left >= LANES ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, first(left));
}
INLINE V v_load_or(const float *p, int left, V other)
{
    return left >= LANES ? _mm256_loadu_ps(p)
                         : _mm256_blendv_ps(other, v_load(p, left), _mm256_castsi256_ps(first(left)));
}
INLINE V v_keep(V v, int left)
{
    return _mm256_and_ps(v, _mm256_castsi256_ps(first(left)));
}
INLINE void v_store(float *p, V v, int left)
{
    if (left >= LANES)
        _mm256_storeu_ps(p, v);
    else
        _mm256_maskstore_ps(p, first(left), v);
}

INLINE V v_add(V a, V b)
{
    return _mm256_add_ps(a, b);
}
INLINE V v_sub(V a, V b)
{
    return _mm256_sub_ps(a, b);
}
INLINE V v_mul(V a, V b)
{
    return _mm256_mul_ps(a, b);
}
INLINE V v_div(V a, V b)
{
    return _mm256_div_ps(a, b);
}
INLINE V v_fma(V a, V b, V c)
{
    return _mm256_fmadd_ps(a, b, c);
} /* a b + c */
INLINE V v_min(V a, V b)
{
    return _mm256_min_ps(a, b);
} /* b if either is NaN */
INLINE V v_max(V a, V b)
{
    return _mm256_max_ps(a, b);
} /* b if either is NaN */
INLINE V v_sqrt(V v)
{
    return _mm256_sqrt_ps(v);
}
INLINE V v_round(V v)
{
    return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* v 2^p for whole p from -252 to 254, in two steps: 2^p alone may be no float. */
INLINE V v_times_power_of_2(V v, V p)
{
    const __m256i bias = _mm256_set1_epi32(127), whole = _mm256_cvtps_epi32(p), half = _mm256_srai_epi32(whole, 1);
    const __m256i rest = _mm256_sub_epi32(whole, half);
    v = v_mul(v, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23)));
    return v_mul(v, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23)));
}

/* Halves: the 16-bit types. */
INLINE __m128i load_8_halves(const void *p, int left)
{
    if (left >= LANES) return _mm_loadu_si128(p);
    uint16_t part[LANES] = { 0 };
    memcpy(part, p, (size_t)left * sizeof part[0]);
    return _mm_loadu_si128((const void *)part);
}
INLINE __m256i load_16_halves(const void *p, int left)
{
    if (left >= 2 * LANES) return _mm256_loadu_si256(p);
    uint16_t part[2 * LANES] = { 0 };
    memcpy(part, p, (size_t)left * sizeof part[0]);
    return _mm256_loadu_si256((const void *)part);
}
INLINE void store_8_halves(void *p, __m128i halves, int left)
{
    uint16_t part[LANES];
    _mm_storeu_si128((void *)part, halves);
    memcpy(p, part, (size_t)(left < LANES ? left : LANES) * sizeof part[0]);
}
INLINE V v_widen_f16(const void *p, int left)
{
    return _mm256_cvtph_ps(load_8_halves(p, left));
}
INLINE V v_widen_bf16(const void *p, int left)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_8_halves(p, left)), 16));
}
INLINE V v_bf16_even(const void *p, int left)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(load_16_halves(p, left), 16));
}
INLINE V v_bf16_odd(const void *p, int left)
{
    return _mm256_castsi256_ps(_mm256_and_si256(load_16_halves(p, left), _mm256_set1_epi32((int)0xffff0000u)));
}
INLINE void v_store_f16(void *p, V v, int left)
{
    store_8_halves(p, _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC), left);
}

/* The value of a bf16 that is nearest, ties to even; NaN stays NaN. */
INLINE V v_round_bf16(V v)
{
    const __m256i u = _mm256_castps_si256(v), top = _mm256_set1_epi32((int)0xffff0000u);
    const __m256i even = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(u, _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff)));
    const __m256i quiet = _mm256_or_si256(u, _mm256_set1_epi32(0x400000));
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    return _mm256_castsi256_ps(_mm256_and_si256(_mm256_blendv_epi8(up, quiet, nan), top));
}
/* v is rounded already. */
INLINE void v_store_bf16(void *p, V v, int left)
{
    const __m256i u = _mm256_srli_epi32(_mm256_castps_si256(v), 16);
    store_8_halves(p, _mm_packus_epi32(_mm256_castsi256_si128(u), _mm256_extracti128_si256(u, 1)), left);
}

/* 2 LANES floats as those of even and of odd index. */
INLINE void v_load_pairs(const float *p, int left, V *even, V *odd)
{
    const V low = v_load(p, left), high = left > LANES ? v_load(p + LANES, left - LANES) : v_zero();
    const V a = _mm256_permute2f128_ps(low, high, 0x20), b = _mm256_permute2f128_ps(low, high, 0x31);
    *even = _mm256_shuffle_ps(a, b, _MM_SHUFFLE(2, 0, 2, 0));
    *odd = _mm256_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1));
}

/* The sums of four vectors. The tree of each is the same, whatever its neighbours: (0 + 2) + (1 + 3) within each four
 * lanes, then the halves. */
INLINE __m128 sums_of_4(V a, V b, V c, V d)
{
    const V ab = v_add(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
    const V cd = v_add(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
    const V abcd =
        v_add(_mm256_shuffle_ps(ab, cd, _MM_SHUFFLE(1, 0, 1, 0)), _mm256_shuffle_ps(ab, cd, _MM_SHUFFLE(3, 2, 3, 2)));
    return _mm_add_ps(_mm256_castps256_ps128(abcd), _mm256_extractf128_ps(abcd, 1));
}
INLINE void v_store_sums(float *y, V a, V b, V c, V d)
{
    _mm_storeu_ps(y, sums_of_4(a, b, c, d));
}
INLINE float v_sum(V v)
{
    return _mm_cvtss_f32(sums_of_4(v, v, v, v));
}
INLINE float v_max_lane(V v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_shuffle_ps(m, m, 1)));
}

#endif
