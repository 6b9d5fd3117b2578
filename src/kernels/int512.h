/* int512.h - the i_ functions for AVX-512 F, BW, VL, DQ: vectors of 16 int32 or 64 bytes, for products of quantised
 * weights. Beside vector512.h; only for files that are compiled for it. */
#ifndef VL2_KERNELS_INT512_H
#define VL2_KERNELS_INT512_H

#include <stdint.h>
#include <string.h>

#include "kernels/vector512.h"

typedef __m512i I;
enum { SIGNED_WEIGHTS = 0 };

INLINE I i_set1(int v)
{
    return _mm512_set1_epi32(v);
}
INLINE I i_set1_pairs(int v)
{
    return _mm512_set1_epi16((short)v);
}
INLINE I i_set1_bytes(int v)
{
    return _mm512_set1_epi8((char)v);
}
/* The four bytes at p in every lane. */
INLINE I i_broadcast(const void *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm512_set1_epi32(four);
}
INLINE I i_load(const void *p)
{
    return _mm512_loadu_si512(p);
}
INLINE I i_add(I a, I b)
{
    return _mm512_add_epi32(a, b);
}
INLINE I i_add_pairs(I a, I b)
{
    return _mm512_add_epi16(a, b);
}
INLINE I i_and(I a, I b)
{
    return _mm512_and_si512(a, b);
}
INLINE I i_xor(I a, I b)
{
    return _mm512_xor_si512(a, b);
}
/* Every byte shifted right by 4. */
INLINE I i_high_nibbles(I v)
{
    return i_and(_mm512_srli_epi16(v, 4), i_set1_bytes(15));
}
/* The bytes of a table of 16 that the bytes of v, below 16, choose. */
INLINE I i_choose(const int8_t table[16], I v)
{
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128((const void *)table)), v);
}
/* Unsigned bytes of u times signed bytes of s, added in pairs; these must fit an int16. */
INLINE I i_multiply_bytes(I u, I s)
{
    return _mm512_maddubs_epi16(u, s);
}
/* int16 products, added in pairs. */
INLINE I i_multiply_pairs(I a, I b)
{
    return _mm512_madd_epi16(a, b);
}

/* 16 bytes of each of 16 rows, as 4 vectors of columns: lane r of out[j] is bytes 4 j to 4 j + 3 of row r. */
INLINE void i_load_columns(I out[4], const unsigned char *const row[LANES])
{
    I four[4];
    UNROLL
    for (int g = 0; g < 4; g++) {
        four[g] = _mm512_castsi128_si512(_mm_loadu_si128((const void *)row[g]));
        four[g] = _mm512_inserti32x4(four[g], _mm_loadu_si128((const void *)row[4 + g]), 1);
        four[g] = _mm512_inserti32x4(four[g], _mm_loadu_si128((const void *)row[8 + g]), 2);
        four[g] = _mm512_inserti32x4(four[g], _mm_loadu_si128((const void *)row[12 + g]), 3);
    }
    const I low_01 = _mm512_unpacklo_epi32(four[0], four[1]), high_01 = _mm512_unpackhi_epi32(four[0], four[1]);
    const I low_23 = _mm512_unpacklo_epi32(four[2], four[3]), high_23 = _mm512_unpackhi_epi32(four[2], four[3]);
    out[0] = _mm512_unpacklo_epi64(low_01, low_23);
    out[1] = _mm512_unpackhi_epi64(low_01, low_23);
    out[2] = _mm512_unpacklo_epi64(high_01, high_23);
    out[3] = _mm512_unpackhi_epi64(high_01, high_23);
}

/* The f16 at the start of each of 16 rows, `index` bytes apart from w; four bytes of each are read. */
INLINE V i_load_scales(const unsigned char *w, I index)
{
    return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(_mm512_i32gather_epi32(index, w, 1)));
}
/* Where the rows of a strip begin, from the first on: rows past the last one are the last one. */
INLINE I i_row_index(size_t ldw, int rows)
{
    const I lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return _mm512_mullo_epi32(_mm512_min_epi32(lane, i_set1(rows - 1)), i_set1((int)ldw));
}

/* The same bits. */
INLINE V v_from_int_bits(I v)
{
    return _mm512_castsi512_ps(v);
}
INLINE I i_from_float_bits(V v)
{
    return _mm512_castps_si512(v);
}
INLINE V v_from_int(I v)
{
    return _mm512_cvtepi32_ps(v);
}
/* To nearest even; NaN becomes 0. */
INLINE I i_from_float(V v)
{
    return _mm512_maskz_cvtps_epi32(_mm512_cmp_ps_mask(v, v, _CMP_ORD_Q), v);
}
INLINE V v_abs(V v)
{
    return _mm512_abs_ps(v);
}
INLINE int i_sum(I v)
{
    return _mm512_reduce_add_epi32(v);
}
/* Lanes from -128 to 127 as bytes. */
INLINE void i_store_bytes(int8_t *p, I v)
{
    _mm_storeu_si128((void *)p, _mm512_cvtepi32_epi8(v));
}

#endif
