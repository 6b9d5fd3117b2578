/* emulated_bf16.h - see emulated_bf16.c. */
#ifndef VL2_TESTS_EMULATED_BF16_H
#define VL2_TESTS_EMULATED_BF16_H

#include <stddef.h>

size_t emulated_prepared_bytes(int k);
void emulated_prepare(void *xp, const float *x, int k);
void emulated_matmul(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride, int n, int k);

#endif
