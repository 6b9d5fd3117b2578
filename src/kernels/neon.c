/* neon.c - the kernels for NEON, which every aarch64 has; and the table of the level above, which differs in its int8
 * products. */
#include "kernels/levels.h"

#if defined(__aarch64__)
#include <assert.h>
#include <math.h>

#include "kernels/vector_neon.h"

#include "kernels/simd_math.inc"
#include "kernels/simd_matmul.inc"
#include "kernels/simd_backward.inc"

const Kernels kernels_neon =
    SIMD_TABLE("neon", INT8_PRODUCTS(neon), prepared_bytes_pairs, prepare_bf16_pairs, matmul_bf16);
const Kernels kernels_neon_dotprod =
    SIMD_TABLE("neon-dotprod", INT8_PRODUCTS(neon_dotprod), prepared_bytes_pairs, prepare_bf16_pairs, matmul_bf16);
#endif
