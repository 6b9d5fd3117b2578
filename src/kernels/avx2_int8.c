/* avx2_int8.c - quantised weights for AVX2. */
#include "kernels/levels.h"

#if defined(__x86_64__)
#include <float.h>

#include "kernels/int256.h"

enum { INT8_M = 4 }; /* 8 sums, 2 weights, 1 activation; the accumulators rest in memory */
#define INT8_MORE_TILES(TILE, planes, nv)
#define FEW_ROWS 4
#include "kernels/simd_int8.inc"

INT8_FUNCTIONS(avx2)
#endif
