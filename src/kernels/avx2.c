/* avx2.c - the kernels for AVX2 with FMA and F16C. */
#include "kernels/levels.h"

#if defined(__x86_64__)
#include <assert.h>
#include <math.h>

#include "kernels/vector256.h"

#include "kernels/simd_math.inc"
#include "kernels/simd_matmul.inc"
#include "kernels/simd_backward.inc"

const Kernels kernels_avx2 =
    SIMD_TABLE("avx2", INT8_PRODUCTS(avx2), prepared_bytes_pairs, prepare_bf16_pairs, matmul_bf16);
#endif
