/* avx512bf16.c - y = x W^T with bf16 activations and weights by vdpbf16ps, which adds two products to a lane. All else of
 * this level is avx512.c's.
 *
 * The instruction takes subnormal numbers as zero and rounds after each of its two products, odd element first. */
#include "kernels/levels.h"

#if defined(__x86_64__)
#include "kernels/vector512.h"

/* The test of this file's tiles brings an emulation, for processors without the instruction. */
#ifndef DOT_BF16
#define DOT_BF16 dot_bf16
INLINE V dot_bf16(V sum, __m512i a, __m512i b)
{
    return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
}
#endif

typedef enum { WEIGHT_BF16 } WeightType;
INLINE int step_of(WeightType t)
{
    return (void)t, 2 * LANES;
}
INLINE size_t bytes_of(WeightType t)
{
    return (void)t, sizeof(uint16_t);
}
INLINE size_t x_bytes_of(WeightType t)
{
    return (void)t, sizeof(V);
}

INLINE void matmul_step(const WeightType t, const int mr, const int nr, V *acc, const Tile *at, int left)
{
    (void)t;
    __m512i wv[TILE_N];
    UNROLL
    for (int j = 0; j < nr; j++) v_prefetch(at->w + (size_t)j * at->ldw + at->ahead);
    UNROLL
    for (int j = 0; j < nr; j++) wv[j] = v_load_32_halves(at->w + (size_t)j * at->ldw, left);
    UNROLL
    for (int a = 0; a < mr * nr; a++)
        acc[a] = DOT_BF16(acc[a], v_load_32_halves(at->x + (size_t)(a / nr) * at->ldx, 2 * LANES), wv[a % nr]);
}

#include "kernels/simd_tiles.inc"

INLINE void matmul_block(const WeightType t, Tile at, Next next, int m, int n, int k)
{
    matmul_tiles(t, at, next, m, n, k);
}

size_t avx512bf16_prepared_bytes(int k)
{
    return prepared_size(WEIGHT_BF16, k);
}

void avx512bf16_prepare(void *xp, const float *x, int k)
{
    uint16_t *p = xp;
    for (int c = 0; c < k; c += LANES) v_store_bf16(p + c, v_round_bf16(v_load(x + c, k - c)), LANES);
    if (k % (2 * LANES) != 0 && k % (2 * LANES) <= LANES) /* the second half of the last step */
        v_store_bf16(p + (k + LANES - 1) / LANES * LANES, v_zero(), LANES);
}

void avx512bf16_matmul(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride, int n, int k)
{
    matmul(WEIGHT_BF16, y, ldy, xp, m, w, w_stride, n, k);
}
#endif
