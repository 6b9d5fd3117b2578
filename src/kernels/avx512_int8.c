/* avx512_int8.c - quantised weights for AVX-512 without VNNI. */
#include "kernels/levels.h"

#if defined(__x86_64__)
#include <float.h>

#include "kernels/int512.h"

enum { INT8_M = 6 }; /* 12 sums, 12 accumulators, 2 weights, 1 activation */
#define INT8_MORE_TILES(TILE, planes, nv) TILE(planes, 5, nv) TILE(planes, 6, nv)
#define FEW_ROWS                          4
#include "kernels/simd_int8.inc"

INT8_FUNCTIONS(avx512)
#endif
