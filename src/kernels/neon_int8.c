/* neon_int8.c - quantised weights for NEON as every aarch64 has it. */
#include "kernels/levels.h"

#if defined(__aarch64__)
#include <float.h>

#include "kernels/int_neon.h"

enum { INT8_M = 5 }; /* 10 sums, 10 accumulators, 2 weights, 1 activation, 2 products */
#define DOT_INT8                          i_dot_bytes
#define INT8_MORE_TILES(TILE, planes, nv) TILE(planes, 5, nv)
#define FEW_ROWS                          4
#include "kernels/simd_int8.inc"

INT8_FUNCTIONS(neon)
#endif
