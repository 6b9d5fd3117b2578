/* neon.c - the kernels for NEON, which every aarch64 has. */
#include "kernels/levels.h"

#if defined(__aarch64__)
#include <assert.h>
#include <math.h>

#include "kernels/vector_neon.h"

#include "kernels/simd_math.inc"
#include "kernels/simd_matmul.inc"

const Kernels kernels_neon = SIMD_TABLE("neon", INT8_SCALAR, prepared_bytes_pairs, prepare_bf16_pairs, matmul_bf16);
#endif
