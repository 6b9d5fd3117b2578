/* avx512.c - the kernels for AVX-512 F, BW, VL, DQ; and the tables of the levels above, which differ in some
 * products. */
#include "kernels/levels.h"

#if defined(__x86_64__)
#include <assert.h>
#include <math.h>

#include "kernels/vector512.h"

#include "kernels/simd_math.inc"
#include "kernels/simd_matmul.inc"
#include "kernels/simd_backward.inc"

const Kernels kernels_avx512 =
    SIMD_TABLE("avx512", INT8_PRODUCTS(avx512), prepared_bytes_pairs, prepare_bf16_pairs, matmul_bf16);
const Kernels kernels_avx512vnni =
    SIMD_TABLE("avx512vnni", INT8_PRODUCTS(avx512vnni), prepared_bytes_pairs, prepare_bf16_pairs, matmul_bf16);
const Kernels kernels_avx512bf16 = SIMD_TABLE("avx512bf16", INT8_PRODUCTS(avx512vnni), avx512bf16_prepared_bytes,
                                              avx512bf16_prepare, avx512bf16_matmul);
#endif
