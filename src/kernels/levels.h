/* levels.h - inside the room: the table of each instruction set, and what the tables share. */
#ifndef VL2_KERNELS_LEVELS_H
#define VL2_KERNELS_LEVELS_H

#include "kernels/kernels.h"

/* int8 products of a level; INT8_PRODUCTS is its row of the table. */
#define INT8_LEVEL(level)                                                                                              \
    size_t level##_int8_bytes(int k);                                                                                  \
    INT8_PRODUCT(level, q8_0) INT8_PRODUCT(level, q4_0) INT8_PRODUCT(level, iq4_nl)
#define INT8_PRODUCT(level, type)                                                                                      \
    void level##_int8_prepare_##type(void *xp, const float *x, int k);                                                 \
    void level##_int8_matmul_##type(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride,       \
                                    int n, int k);
#define INT8_PRODUCTS(level)                                                                                           \
    {                                                                                                                  \
        [DT_Q8_0] = { level##_int8_bytes, level##_int8_prepare_q8_0, level##_int8_matmul_q8_0 },                       \
        [DT_Q4_0] = { level##_int8_bytes, level##_int8_prepare_q4_0, level##_int8_matmul_q4_0 },                       \
        [DT_IQ4_NL] = { level##_int8_bytes, level##_int8_prepare_iq4_nl, level##_int8_matmul_iq4_nl },                 \
    }

extern const Kernels kernels_scalar;
#if defined(__x86_64__)
extern const Kernels kernels_avx2, kernels_avx512, kernels_avx512vnni, kernels_avx512bf16;

/* avx2_int8.c, avx512_int8.c, avx512vnni.c: int8 products; the last for the level above it, too. */
INT8_LEVEL(avx2)
INT8_LEVEL(avx512)
INT8_LEVEL(avx512vnni)

/* avx512bf16.c: the one product that kernels_avx512bf16 has for itself. */
size_t avx512bf16_prepared_bytes(int k);
void avx512bf16_prepare(void *xp, const float *x, int k);
void avx512bf16_matmul(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride, int n, int k);
#elif defined(__aarch64__)
extern const Kernels kernels_neon, kernels_neon_dotprod;

/* neon_int8.c, neon_dotprod.c: int8 products. */
INT8_LEVEL(neon)
INT8_LEVEL(neon_dotprod)
#endif
#undef INT8_PRODUCT
#undef INT8_LEVEL

/* Quantised weights at levels that have no kernels of their own for them. */
size_t scalar_prepared_bytes_f32(int k);
size_t scalar_prepared_bytes_int8(int k);
void scalar_prepare_f32(void *xp, const float *x, int k);
void scalar_prepare_int8(void *xp, const float *x, int k);
#define SCALAR_QUANTISED(type)                                                                                         \
    void scalar_matmul_##type(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride, int n,      \
                              int k);                                                                                  \
    void scalar_matmul_int8_##type(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride, int n, \
                                   int k);
SCALAR_QUANTISED(q8_0)
SCALAR_QUANTISED(q4_0)
SCALAR_QUANTISED(iq4_nl)
#undef SCALAR_QUANTISED

/* The error function stays with the C library at every level: the exact gelu is rare (the mlp_gelu projector). */
void scalar_gelu_erf(float *y, const float *x, int n);

#endif
