/* dtype.h - number types of weights, cache and files, and the exact conversions between them. */
#ifndef VL2_KERNELS_DTYPE_H
#define VL2_KERNELS_DTYPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The first three are what a matrix may hold; the others only appear in files. */
typedef enum {
    DT_F32,
    DT_BF16,
    DT_F16,
    DT_MATRIX_TYPES,
    DT_F64 = DT_MATRIX_TYPES,
    DT_I64,
    DT_I32,
    DT_U8,
    DT_BOOL,
    DT_COUNT
} DType;

size_t dtype_bytes(DType t);     /* of one element */
const char *dtype_name(DType t); /* safetensors' names: "F32", "BF16", ... */

static inline float bf16_to_f32(uint16_t b)
{
    const uint32_t u = (uint32_t)b << 16;
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* Round to nearest, ties to even; NaN stays NaN (quiet). */
static inline uint16_t f32_to_bf16(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    if ((u & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(u >> 16 | 0x40);
    return (uint16_t)((u + 0x7fffu + (u >> 16 & 1)) >> 16);
}

float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f); /* nearest even; too large becomes infinity */

#endif
