/* scalar.c - the definition of every kernel: plain loops, no tricks. Other instruction sets are tested against it. */
#include <assert.h>
#include <float.h>
#include <math.h>

#include "kernels/interleave.h"
#include "kernels/levels.h"

/* Element c of a row; the address may be odd. */
static float load_f32(const unsigned char *row, int c)
{
    float f;
    memcpy(&f, row + (size_t)c * sizeof f, sizeof f);
    return f;
}

static uint16_t load_u16(const unsigned char *row, int c)
{
    uint16_t h;
    memcpy(&h, row + (size_t)c * sizeof h, sizeof h);
    return h;
}

static float load_bf16(const unsigned char *row, int c)
{
    return bf16_to_f32(load_u16(row, c));
}
static float load_f16(const unsigned char *row, int c)
{
    return f16_to_f32(load_u16(row, c));
}

static size_t round_up_64(size_t bytes)
{
    return (bytes + 63) / 64 * 64;
}

/* Prepared rows: the values themselves, as f32 or rounded to bf16. */
size_t scalar_prepared_bytes_f32(int k)
{
    return round_up_64((size_t)k * sizeof(float));
}
static size_t prepared_bytes_bf16(int k)
{
    return round_up_64((size_t)k * sizeof(uint16_t));
}

void scalar_prepare_f32(void *xp, const float *x, int k)
{
    float *p = xp;
    for (int c = 0; c < k; c++) p[c] = x[c];
}

static void prepare_bf16(void *xp, const float *x, int k)
{
    uint16_t *p = xp;
    for (int c = 0; c < k; c++) p[c] = f32_to_bf16(x[c]);
}

/* The loops are the same for every type; `load_x` and `load_w` read one value as f32. */
#define MATMUL(name, prepared_bytes, load_x, load_w)                                                                   \
    static void name(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride, int n, int k)        \
    {                                                                                                                  \
        for (int i = 0; i < m; i++) {                                                                                  \
            const unsigned char *x = (const unsigned char *)xp + (size_t)i * prepared_bytes(k);                        \
            for (int j = 0; j < n; j++) {                                                                              \
                const unsigned char *row = (const unsigned char *)w + (size_t)j * w_stride;                            \
                float sum = 0;                                                                                         \
                for (int c = 0; c < k; c++) sum += load_x(x, c) * load_w(row, c);                                      \
                y[(size_t)i * ldy + (size_t)j] = sum;                                                                  \
            }                                                                                                          \
        }                                                                                                              \
    }
MATMUL(matmul_f32, scalar_prepared_bytes_f32, load_f32, load_f32)
MATMUL(matmul_bf16, scalar_prepared_bytes_f32, load_f32, load_bf16)
MATMUL(matmul_f16, scalar_prepared_bytes_f32, load_f32, load_f16)
MATMUL(matmul_bf16_bf16, prepared_bytes_bf16, load_bf16, load_bf16)
#undef MATMUL

/* ---- quantised weights ---- */

/* The 32 whole numbers of a block; its scale is the f16 at its start. */
static void block_of(DType t, const unsigned char *block, int8_t *q)
{
    const unsigned char *p = block + sizeof(uint16_t);
    for (int i = 0; i < QUANT_BLOCK; i++) {
        const int half = QUANT_BLOCK / 2, nibble = i < half ? p[i] & 15 : p[i - half] >> 4;
        q[i] = t == DT_Q8_0 ? (int8_t)p[i] : t == DT_Q4_0 ? (int8_t)(nibble - 8) : iq4_nl[nibble];
    }
}

static void dequantise(DType t, float *y, const void *x, int n)
{
    const unsigned char *block = x;
    int8_t q[QUANT_BLOCK];
    for (int i = 0; i < n; i += QUANT_BLOCK, block += dtype_row_bytes(t, 1)) {
        const float d = load_f16(block, 0);
        block_of(t, block, q);
        for (int j = 0; j < QUANT_BLOCK && i + j < n; j++) y[i + j] = d * (float)q[j];
    }
}

/* A prepared int8 row: the scales of its blocks, then their whole numbers. */
static size_t int8_scales_bytes(int k)
{
    return round_up_64(((size_t)k + QUANT_BLOCK - 1) / QUANT_BLOCK * sizeof(float));
}
size_t scalar_prepared_bytes_int8(int k)
{
    return int8_scales_bytes(k) + ((size_t)k + 63) / 64 * 64;
}

void scalar_prepare_int8(void *xp, const float *x, int k)
{
    float *scale = xp;
    int8_t *q = (int8_t *)xp + int8_scales_bytes(k);
    for (int c = 0; c < k; c += QUANT_BLOCK, q += QUANT_BLOCK) {
        const int n = k - c < QUANT_BLOCK ? k - c : QUANT_BLOCK;
        float most = 0;
        for (int i = 0; i < n; i++) most = fabsf(x[c + i]) > most ? fabsf(x[c + i]) : most;
        const float d = most / 127, inverse = d >= FLT_MIN ? 1 / d : 0; /* 1 / d is finite */
        *scale++ = d;
        for (int i = 0; i < QUANT_BLOCK; i++) {
            const float v = i < n ? x[c + i] * inverse : 0;
            q[i] = isnan(v) ? 0 : (int8_t)lrintf(v); /* of a NaN, and of an infinity beside d = infinity */
        }
    }
}

/* Quantised rows of W, and how to find a block of one. */
typedef struct {
    DType type;
    const unsigned char *w;
    size_t stride;
} Blocks;
enum { MOST_BLOCK_BYTES = 34 };

/* Block b of row j; `room` is for one of a strip. */
static const unsigned char *block_at(const Blocks *s, int j, int b, unsigned char room[MOST_BLOCK_BYTES])
{
    const size_t bytes = dtype_row_bytes(s->type, 1), at = (size_t)b * bytes;
    if (!dtype_is_x16(s->type)) return s->w + (size_t)j * s->stride + at;
    const unsigned char *strip = s->w + (size_t)(j / STRIP_ROWS * STRIP_ROWS) * s->stride;
    interleaved_block(s->type, room, strip + STRIP_ROWS * at, j % STRIP_ROWS);
    return room;
}

/* Row j times x. Sums of whole numbers are exact; one f32 step a block. */
static float dot_int8(const Blocks *s, const unsigned char *x, int j, int k)
{
    unsigned char room[MOST_BLOCK_BYTES];
    const int8_t *xq = (const int8_t *)x + int8_scales_bytes(k);
    int8_t wq[QUANT_BLOCK];
    float sum = 0;
    for (int c = 0, b = 0; c < k; c += QUANT_BLOCK, b++) {
        const unsigned char *w = block_at(s, j, b, room);
        int whole = 0;
        block_of(dtype_of_rows(s->type), w, wq);
        for (int i = 0; i < QUANT_BLOCK; i++) whole += wq[i] * xq[c + i];
        sum += (float)whole * (load_f16(w, 0) * load_f32(x, b));
    }
    return sum;
}

static float dot_dequantised(const Blocks *s, const unsigned char *x, int j, int k)
{
    unsigned char room[MOST_BLOCK_BYTES];
    float wf[QUANT_BLOCK], sum = 0;
    for (int c = 0, b = 0; c < k; c += QUANT_BLOCK, b++) {
        const int n = k - c < QUANT_BLOCK ? k - c : QUANT_BLOCK;
        dequantise(dtype_of_rows(s->type), wf, block_at(s, j, b, room), n);
        for (int i = 0; i < n; i++) sum += load_f32(x, c + i) * wf[i];
    }
    return sum;
}

#define MATMUL(name, prepared_bytes, dot, type)                                                                        \
    void name(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride, int n, int k)               \
    {                                                                                                                  \
        const Blocks s = { type, w, w_stride };                                                                        \
        for (int i = 0; i < m; i++)                                                                                    \
            for (int j = 0; j < n; j++)                                                                                \
                y[(size_t)i * ldy + (size_t)j] =                                                                       \
                    dot(&s, (const unsigned char *)xp + (size_t)i * prepared_bytes(k), j, k);                          \
    }
#define QUANTISED_MATMULS(name, type)                                                                                  \
    MATMUL(scalar_matmul_##name, scalar_prepared_bytes_f32, dot_dequantised, type)                                     \
    MATMUL(scalar_matmul_int8_##name, scalar_prepared_bytes_int8, dot_int8, type)
QUANTISED_TYPES(QUANTISED_MATMULS)
#undef QUANTISED_MATMULS
#undef MATMUL

static void to_f32_q8_0(float *y, const void *x, int n)
{
    dequantise(DT_Q8_0, y, x, n);
}
static void to_f32_q4_0(float *y, const void *x, int n)
{
    dequantise(DT_Q4_0, y, x, n);
}
static void to_f32_iq4_nl(float *y, const void *x, int n)
{
    dequantise(DT_IQ4_NL, y, x, n);
}

#define MATMUL_ADD(name, load_b)                                                                                       \
    static void name(float *y, size_t ldy, const float *a, size_t lda, int m, const void *b, size_t b_stride, int n,   \
                     int k)                                                                                            \
    {                                                                                                                  \
        for (int i = 0; i < m; i++)                                                                                    \
            for (int c = 0; c < k; c++) {                                                                              \
                const float s = a[(size_t)i * lda + (size_t)c];                                                        \
                const unsigned char *row = (const unsigned char *)b + (size_t)c * b_stride;                            \
                float *to = y + (size_t)i * ldy;                                                                       \
                for (int j = 0; j < n; j++) to[j] += s * load_b(row, j);                                               \
            }                                                                                                          \
    }
MATMUL_ADD(matmul_add_f32, load_f32)
MATMUL_ADD(matmul_add_bf16, load_bf16)
MATMUL_ADD(matmul_add_f16, load_f16)
#undef MATMUL_ADD

static void to_f32_f32(float *y, const void *x, int n)
{
    for (int i = 0; i < n; i++) y[i] = load_f32(x, i);
}

static void to_f32_bf16(float *y, const void *x, int n)
{
    for (int i = 0; i < n; i++) y[i] = load_bf16(x, i);
}

static void to_f32_f16(float *y, const void *x, int n)
{
    for (int i = 0; i < n; i++) y[i] = load_f16(x, i);
}

static void store_u16(void *y, int i, uint16_t v)
{
    memcpy((unsigned char *)y + (size_t)i * sizeof v, &v, sizeof v);
}

static void from_f32_f32(void *y, const float *x, int n)
{
    if (n > 0) memcpy(y, x, (size_t)n * sizeof *x);
}

static void from_f32_bf16(void *y, const float *x, int n)
{
    for (int i = 0; i < n; i++) store_u16(y, i, f32_to_bf16(x[i]));
}

static void from_f32_f16(void *y, const float *x, int n)
{
    for (int i = 0; i < n; i++) store_u16(y, i, f32_to_f16(x[i]));
}

static void rms_norm(float *y, const float *x, const float *w, int n, float eps)
{
    float squares = 0;
    for (int i = 0; i < n; i++) squares += x[i] * x[i];
    const float r = 1 / sqrtf(squares / (float)n + eps);
    for (int i = 0; i < n; i++) y[i] = x[i] * r * w[i];
}

static void layer_norm(float *y, const float *x, const float *w, const float *b, int n, float eps)
{
    float sum = 0, squares = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    const float mean = sum / (float)n;
    for (int i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    const float r = 1 / sqrtf(squares / (float)n + eps);
    for (int i = 0; i < n; i++) y[i] = (x[i] - mean) * r * w[i] + b[i];
}

static void add(float *y, const float *a, const float *b, int n)
{
    for (int i = 0; i < n; i++) y[i] = a[i] + b[i];
}

static void add_scaled(float *y, const float *x, float s, int n)
{
    for (int i = 0; i < n; i++) y[i] += s * x[i];
}

static void scale(float *y, const float *x, float s, int n)
{
    for (int i = 0; i < n; i++) y[i] = s * x[i];
}

/* The gates are exactly zero below -1000: there x is cut off, so that -infinity gives -0 and not -infinity times 0. */
static float at_least_minus_1000(float x)
{
    return x < -1000 ? -1000 : x;
}

static void swiglu(float *y, const float *gate, const float *up, int n)
{
    for (int i = 0; i < n; i++) {
        const float g = at_least_minus_1000(gate[i]);
        y[i] = g / (1 + expf(-g)) * up[i];
    }
}

static void gelu_tanh(float *y, const float *x, int n)
{
    const float root_2_pi = 0.79788456080286535588f; /* sqrt(2 / pi) */
    for (int i = 0; i < n; i++) {
        const float v = at_least_minus_1000(x[i]);
        y[i] = 0.5f * v * (1 + tanhf(root_2_pi * (v + 0.044715f * v * v * v)));
    }
}

void scalar_gelu_erf(float *y, const float *x, int n)
{
    const float root_half = 0.70710678118654752440f;
    for (int i = 0; i < n; i++) {
        const float v = at_least_minus_1000(x[i]);
        y[i] = 0.5f * v * (1 + erff(v * root_half));
    }
}

static float max_of(const float *x, int n)
{
    assert(n >= 1);
    float m = -INFINITY;
    for (int i = 0; i < n; i++) m = x[i] > m ? x[i] : m;
    return m;
}

static float exp_sum(float *y, const float *x, float shift, int n)
{
    float sum = 0;
    for (int i = 0; i < n; i++) sum += y[i] = expf(x[i] - shift);
    return sum;
}

static void rope_halves(float *x, const float *cosine, const float *sine, int d)
{
    const int h = d / 2;
    for (int i = 0; i < h; i++) {
        const float a = x[i], b = x[i + h];
        x[i] = a * cosine[i] - b * sine[i];
        x[i + h] = b * cosine[i] + a * sine[i];
    }
}

static void rope_interleaved(float *x, const float *cosine, const float *sine, int d)
{
    assert(d <= KERNEL_MAX_ROPE);
    const int h = d / 2;
    float odd[KERNEL_MAX_ROPE / 2];
    for (int i = 0; i < h; i++) {
        const float a = x[2 * i], b = x[2 * i + 1]; /* i <= 2 i: nothing that is still to be read is overwritten */
        x[i] = a * cosine[i] - b * sine[i];
        odd[i] = b * cosine[i] + a * sine[i];
    }
    for (int i = 0; i < h; i++) x[i + h] = odd[i];
}

#define INT8_DEFINITION(name, type)                                                                                    \
    [type] = { scalar_prepared_bytes_int8, scalar_prepare_int8, scalar_matmul_int8_##name },
const Kernels kernels_scalar = {
    .name = "scalar",
    .matmul = {
        [COMPUTE_F32] = {
            [DT_F32] = { scalar_prepared_bytes_f32, scalar_prepare_f32, matmul_f32 },
            [DT_BF16] = { scalar_prepared_bytes_f32, scalar_prepare_f32, matmul_bf16 },
            [DT_F16] = { scalar_prepared_bytes_f32, scalar_prepare_f32, matmul_f16 },
            QUANTISED_TYPES(SCALAR_QUANTISED_ENTRY)
        },
        [COMPUTE_BF16] = { [DT_BF16] = { prepared_bytes_bf16, prepare_bf16, matmul_bf16_bf16 } },
        [COMPUTE_INT8] = {
            QUANTISED_TYPES(INT8_DEFINITION)
        },
    },
    .matmul_add = { [DT_F32] = matmul_add_f32, [DT_BF16] = matmul_add_bf16, [DT_F16] = matmul_add_f16 },
    .to_f32 = { [DT_F32] = to_f32_f32, [DT_BF16] = to_f32_bf16, [DT_F16] = to_f32_f16,
                [DT_Q8_0] = to_f32_q8_0, [DT_Q4_0] = to_f32_q4_0, [DT_IQ4_NL] = to_f32_iq4_nl },
    .from_f32 = { [DT_F32] = from_f32_f32, [DT_BF16] = from_f32_bf16, [DT_F16] = from_f32_f16 },
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .add = add,
    .add_scaled = add_scaled,
    .scale = scale,
    .swiglu = swiglu,
    .gelu_tanh = gelu_tanh,
    .gelu_erf = scalar_gelu_erf,
    .max = max_of,
    .exp_sum = exp_sum,
    .rope_halves = rope_halves,
    .rope_interleaved = rope_interleaved,
    .back = &backward_scalar,
};
