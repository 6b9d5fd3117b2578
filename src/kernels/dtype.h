/* dtype.h - number types of weights, cache and files, and the exact conversions between them. */
#ifndef VL2_KERNELS_DTYPE_H
#define VL2_KERNELS_DTYPE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The first ones are what a matrix may hold; the others only appear in files. Of those, the plain ones hold elements by
 * themselves; the quantised ones hold blocks of 32 elements of a row, laid out as in GGUF:
 *     Q8_0    f16 d, int8 q[32]             d q
 *     Q4_0    f16 d, 16 bytes               d (q - 8); byte j: element j in the low half, element 16 + j in the high one
 *     IQ4_NL  f16 d, 16 bytes, as Q4_0      d iq4_nl[q]
 * The last block of a row is filled up with zeros; bytes of a row are dtype_row_bytes().
 *
 * The x16 types hold the same blocks, of 16 rows side by side, so that a vector of 16, 8 or 4 outputs is loaded in one
 * piece and a strip of rows is one stream: a matrix has whole strips of 16 rows, in order, each as large as its rows and holding
 *     for each block of k:  f16 d[16], then groups of four bytes of the 16 rows in turn: bytes 0-3 of q of each row, 4-7, ...
 * interleave.h makes them. */
typedef enum {
    DT_F32,
    DT_BF16,
    DT_F16,
    DT_PLAIN_TYPES,
    DT_Q8_0 = DT_PLAIN_TYPES,
    DT_Q4_0,
    DT_IQ4_NL,
    DT_ROW_TYPES,
    DT_Q8_0_X16 = DT_ROW_TYPES,
    DT_Q4_0_X16,
    DT_IQ4_NL_X16,
    DT_MATRIX_TYPES,
    DT_F64 = DT_MATRIX_TYPES,
    DT_I64,
    DT_I32,
    DT_U8,
    DT_BOOL,
    DT_COUNT
} DType;

size_t dtype_bytes(DType t);               /* of one element; not for quantised types */
size_t dtype_row_bytes(DType t, size_t n); /* of a row of n elements, its share of a strip; n below SIZE_MAX / 8 */
const char *dtype_name(DType t);           /* safetensors and GGUF names: "F32", "BF16", ..., "Q4_0" */

enum { QUANT_BLOCK = 32 };
extern const int8_t iq4_nl[16];

static inline int dtype_is_quantised(DType t)
{
    return t >= DT_PLAIN_TYPES && t < DT_MATRIX_TYPES;
}

enum { STRIP_ROWS = 16 };
static inline int dtype_is_x16(DType t)
{
    return t >= DT_ROW_TYPES && t < DT_MATRIX_TYPES;
}
/* The type whose blocks an x16 type holds; another type itself. */
static inline DType dtype_of_rows(DType t)
{
    return dtype_is_x16(t) ? (DType)(t - DT_ROW_TYPES + DT_PLAIN_TYPES) : t;
}
/* The x16 type of a quantised type, another type itself. */
static inline DType dtype_x16(DType t)
{
    return dtype_is_quantised(t) && !dtype_is_x16(t) ? (DType)(t - DT_PLAIN_TYPES + DT_ROW_TYPES) : t;
}

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
