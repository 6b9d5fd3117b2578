/* levels.h - inside the room: the table of each instruction set, and what the tables share. */
#ifndef VL2_KERNELS_LEVELS_H
#define VL2_KERNELS_LEVELS_H

#include "kernels/kernels.h"

/* X(name, type) for each quantised type. */
#define QUANTISED_TYPES(X)                                                                                             \
    X(q8_0, DT_Q8_0)                                                                                                   \
    X(q4_0, DT_Q4_0)                                                                                                   \
    X(iq4_nl, DT_IQ4_NL) X(q8_0_x16, DT_Q8_0_X16) X(q4_0_x16, DT_Q4_0_X16) X(iq4_nl_x16, DT_IQ4_NL_X16)

/* int8 products of a level; INT8_PRODUCTS is its row of the table. */
#define INT8_LEVEL(level)                                                                                              \
    size_t level##_int8_bytes(int k);                                                                                  \
    INT8_PRODUCT(level, q8_0)                                                                                          \
    INT8_PRODUCT(level, q4_0)                                                                                          \
    INT8_PRODUCT(level, iq4_nl)                                                                                        \
    INT8_PRODUCT(level, q8_0_x16) INT8_PRODUCT(level, q4_0_x16) INT8_PRODUCT(level, iq4_nl_x16)
#define INT8_PRODUCT(level, type)                                                                                      \
    void level##_int8_prepare_##type(void *xp, const float *x, int k);                                                 \
    void level##_int8_matmul_##type(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride,       \
                                    int n, int k);
#define INT8_ENTRY(level, name)                                                                                        \
    {                                                                                                                  \
        level##_int8_bytes, level##_int8_prepare_##name, level##_int8_matmul_##name                                    \
    }
#define INT8_PRODUCTS(level)                                                                                           \
    {                                                                                                                  \
        [DT_Q8_0] = INT8_ENTRY(level, q8_0), [DT_Q8_0_X16] = INT8_ENTRY(level, q8_0_x16),                              \
        [DT_Q4_0] = INT8_ENTRY(level, q4_0), [DT_Q4_0_X16] = INT8_ENTRY(level, q4_0_x16),                              \
        [DT_IQ4_NL] = INT8_ENTRY(level, iq4_nl), [DT_IQ4_NL_X16] = INT8_ENTRY(level, iq4_nl_x16),                      \
    }

extern const Kernels kernels_scalar;
extern const BackwardKernels backward_scalar; /* scalar_backward.c */
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
#define SCALAR_QUANTISED(name, type)                                                                                   \
    void scalar_matmul_##name(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride, int n,      \
                              int k);                                                                                  \
    void scalar_matmul_int8_##name(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride, int n, \
                                   int k);
QUANTISED_TYPES(SCALAR_QUANTISED)
#undef SCALAR_QUANTISED
#define SCALAR_QUANTISED_ENTRY(name, type)                                                                             \
    [type] = { scalar_prepared_bytes_f32, scalar_prepare_f32, scalar_matmul_##name },

/* The error function stays with the C library at every level: the exact gelu is rare (the mlp_gelu projector). */
void scalar_gelu_erf(float *y, const float *x, int n);
void scalar_gelu_erf_backward(float *dx, const float *x, const float *dy, int n);

#endif
