/* int256.h - the i_ functions for AVX2: vectors of 8 int32 or 32 bytes, for products of quantised weights. Beside
 * vector256.h; only for files that are compiled for it. */
#ifndef VL2_KERNELS_INT256_H
#define VL2_KERNELS_INT256_H

#include "kernels/vector256.h"

typedef __m256i I;
enum { SIGNED_WEIGHTS = 0 };

INLINE I i_set1(int v)
{
    return _mm256_set1_epi32(v);
}
INLINE I i_set1_pairs(int v)
{
    return _mm256_set1_epi16((short)v);
}
INLINE I i_set1_bytes(int v)
{
    return _mm256_set1_epi8((char)v);
}
/* The four bytes at p in every lane. */
INLINE I i_broadcast(const void *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm256_set1_epi32(four);
}
INLINE I i_load(const void *p)
{
    return _mm256_loadu_si256(p);
}
INLINE I i_add(I a, I b)
{
    return _mm256_add_epi32(a, b);
}
INLINE I i_add_pairs(I a, I b)
{
    return _mm256_add_epi16(a, b);
}
INLINE I i_and(I a, I b)
{
    return _mm256_and_si256(a, b);
}
INLINE I i_xor(I a, I b)
{
    return _mm256_xor_si256(a, b);
}
/* Every byte shifted right by 4. */
INLINE I i_high_nibbles(I v)
{
    return i_and(_mm256_srli_epi16(v, 4), i_set1_bytes(15));
}
/* The bytes of a table of 16 that the bytes of v, below 16, choose. */
INLINE I i_choose(const int8_t table[16], I v)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)table)), v);
}
/* Unsigned bytes of u times signed bytes of s, added in pairs; these must fit an int16. */
INLINE I i_multiply_bytes(I u, I s)
{
    return _mm256_maddubs_epi16(u, s);
}
/* int16 products, added in pairs. */
INLINE I i_multiply_pairs(I a, I b)
{
    return _mm256_madd_epi16(a, b);
}

/* 16 bytes of each of 8 rows, as 4 vectors of columns: lane r of out[j] is bytes 4 j to 4 j + 3 of row r. */
INLINE void i_load_columns(I out[4], const unsigned char *const row[LANES])
{
    I four[4];
    UNROLL
    for (int g = 0; g < 4; g++)
        four[g] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const void *)row[g])),
                                          _mm_loadu_si128((const void *)row[4 + g]), 1);
    const I low_01 = _mm256_unpacklo_epi32(four[0], four[1]), high_01 = _mm256_unpackhi_epi32(four[0], four[1]);
    const I low_23 = _mm256_unpacklo_epi32(four[2], four[3]), high_23 = _mm256_unpackhi_epi32(four[2], four[3]);
    out[0] = _mm256_unpacklo_epi64(low_01, low_23);
    out[1] = _mm256_unpackhi_epi64(low_01, low_23);
    out[2] = _mm256_unpacklo_epi64(high_01, high_23);
    out[3] = _mm256_unpackhi_epi64(high_01, high_23);
}

/* Where the rows of a strip begin, from the first on: rows past the last one are the last one. */
INLINE I i_row_index(size_t ldw, int rows)
{
    const I lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_mullo_epi32(_mm256_min_epi32(lane, i_set1(rows - 1)), i_set1((int)ldw));
}
/* The f16 at the start of each of 8 rows, `index` bytes apart from w; four bytes of each are read. */
INLINE V i_load_scales(const unsigned char *w, I index)
{
    const I whole = i_and(_mm256_i32gather_epi32((const void *)w, index, 1), i_set1(0xffff));
    const __m128i low = _mm256_castsi256_si128(whole), high = _mm256_extracti128_si256(whole, 1);
    return _mm256_cvtph_ps(_mm_packus_epi32(low, high));
}

/* The same bits. */
INLINE V v_from_int_bits(I v)
{
    return _mm256_castsi256_ps(v);
}
INLINE I i_from_float_bits(V v)
{
    return _mm256_castps_si256(v);
}
INLINE V v_from_int(I v)
{
    return _mm256_cvtepi32_ps(v);
}
/* To nearest even; NaN becomes 0. */
INLINE I i_from_float(V v)
{
    return i_and(_mm256_cvtps_epi32(v), _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_ORD_Q)));
}
INLINE V v_abs(V v)
{
    return _mm256_and_ps(v, _mm256_castsi256_ps(i_set1(0x7fffffff)));
}
INLINE int i_sum(I v)
{
    __m128i sum = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(1, 0, 3, 2)));
    return _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(2, 3, 0, 1))));
}
/* Lanes from -128 to 127 as bytes. */
INLINE void i_store_bytes(int8_t *p, I v)
{
    const __m128i halves = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64((void *)p, _mm_packs_epi16(halves, halves));
}

#endif
