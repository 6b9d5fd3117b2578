/* avx512vnni.c - quantised weights for AVX512-VNNI: vpdpbusd adds four products of bytes to a lane. All else of this level is avx512.c's. */
#include "kernels/levels.h"

#if defined(__x86_64__)
#include <float.h>

#include "kernels/int512.h"

enum { INT8_M = 6 }; /* 12 sums, 12 accumulators, 2 weights, 1 activation */
#define DOT_INT8                          _mm512_dpbusd_epi32
#define INT8_MORE_TILES(TILE, planes, nv) TILE(planes, 5, nv) TILE(planes, 6, nv)
#define FEW_ROWS                          8
#include "kernels/simd_int8.inc"

INT8_FUNCTIONS(avx512vnni)
#endif
