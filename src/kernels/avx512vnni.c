/* avx512vnni.c - products of quantised weights and int8 activations by vpdpbusd, which adds four products of bytes to a
 * lane. All else of this level is avx512.c's. */
#include "kernels/levels.h"

#if defined(__x86_64__)
#include <float.h>

#include "kernels/int512.h"

#define DOT_INT8 _mm512_dpbusd_epi32
#include "kernels/simd_int8.inc"

INT8_FUNCTIONS(avx512vnni)
#endif
