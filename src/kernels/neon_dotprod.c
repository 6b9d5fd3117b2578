/* neon_dotprod.c - quantised weights for NEON with dot products (ARMv8.2 and later): sdot adds four products of bytes to a
 * lane. All else of this level is neon.c's. */
#include "kernels/levels.h"

#if defined(__aarch64__)
#include <float.h>

#include "kernels/int_neon.h"

INLINE I dot_bytes(I sum, I a, I b)
{
    return vdotq_s32(sum, vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b));
}

enum { INT8_M = 6 }; /* 12 sums, 12 accumulators, 2 weights, 1 activation */
#define DOT_INT8                          dot_bytes
#define INT8_MORE_TILES(TILE, planes, nv) TILE(planes, 5, nv) TILE(planes, 6, nv)
#define FEW_ROWS                          4
#include "kernels/simd_int8.inc"

INT8_FUNCTIONS(neon_dotprod)
#endif
