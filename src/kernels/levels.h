/* levels.h - inside the room: the table of each instruction set, and what the tables share. */
#ifndef VL2_KERNELS_LEVELS_H
#define VL2_KERNELS_LEVELS_H

#include "kernels/kernels.h"

extern const Kernels kernels_scalar;
#if defined(__x86_64__)
extern const Kernels kernels_avx2, kernels_avx512, kernels_avx512bf16;

/* avx512bf16.c: the one product that kernels_avx512bf16 has for itself. */
size_t avx512bf16_prepared_bytes(int k);
void avx512bf16_prepare(void *xp, const float *x, int k);
void avx512bf16_matmul(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride, int n, int k);
#endif

/* The error function stays with the C library at every level: the exact gelu is rare (the mlp_gelu projector). */
void scalar_gelu_erf(float *y, const float *x, int n);

#endif
