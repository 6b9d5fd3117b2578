/* kernels.h - the only code that touches elements of a tensor: a table of functions for one instruction set.
 *
 * scalar.c fills the whole table and is the definition of every entry; the file of an instruction set overwrites what it
 * does better. A table is immutable. All arithmetic accumulates in f32.
 *
 * The promise on which "served equals alone, bit for bit" stands: every output is computed by one chain of operations
 * that depends on its own row and column and on k alone - never on m, n, on how a caller cut the matrix into blocks, or on
 * addresses and alignment. Different tables may differ in the last bits; one engine uses one table. */
#ifndef VL2_KERNELS_KERNELS_H
#define VL2_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/dtype.h"

enum { KERNEL_MAX_ROPE = 1024 };

/* What a matrix product reads its activations as. COMPUTE_F32 takes them as they are, against every weight type.
 * COMPUTE_BF16 rounds them to bf16 first, as the official bf16 run does; it exists for bf16 weights. COMPUTE_INT8 takes
 * them as int8 in blocks of 32 with a scale each, max |x| / 127; it exists for quantised weights. */
typedef enum { COMPUTE_F32, COMPUTE_BF16, COMPUTE_INT8, COMPUTE_TYPES } Compute;

/* y = x W^T for one compute type and one weight type. Rows of x are prepared once (rounded, reordered, padded: the
 * kernel's own layout) and then used against any number of weight rows. */
typedef struct {
    size_t (*prepared_bytes)(int k);                  /* of one prepared row; a multiple of 64 */
    void (*prepare)(void *xp, const float *x, int k); /* xp is 64-byte aligned */
    /* y[i * ldy + j] = sum over c of x[i][c] * w[j][c], for i < m, j < n, c < k.
     * xp: m prepared rows, one after the other. w: rows `w_stride` bytes apart, any alignment, in place from the file. */
    void (*run)(float *y, size_t ldy, const void *xp, int m, const void *w, size_t w_stride, int n, int k);
} Matmul;

/* What one AdamW step is made of. The caller has folded the corrections of the young averages into the first three. */
typedef struct {
    float step;         /* lr / (1 - beta1^t) */
    float inverse_root; /* 1 / sqrt(1 - beta2^t) */
    float keep;         /* 1 - lr * weight_decay */
    float beta1, beta2, epsilon;
    float gradient; /* the gradient is multiplied by this first: clipping */
} AdamStep;

/* Training: the backward of the functions of the same name in Kernels, and the optimizer. `dy` is the gradient of the result;
 * gradients of inputs are added to. */
typedef struct {
    /* y[i * ldy + j] += a[c * lda + i] * b[c * ldb + j], one c after the other, for i < m, j < n, c < k: A^T B. */
    void (*matmul_add_t)(float *y, size_t ldy, const float *a, size_t lda, int m, const float *b, size_t ldb, int n,
                         int k);
    float (*dot)(const float *a, const float *b, int n);
    void (*add_product)(float *y, const float *a, const float *b, int n); /* y += a * b, one by one */
    /* normal: what w is multiplied with, x / rms or (x - mean) / deviation: written, not added to */
    void (*rms_norm)(float *dx, float *normal, const float *x, const float *w, const float *dy, int n, float eps);
    void (*layer_norm)(float *dx, float *normal, const float *x, const float *w, const float *dy, int n, float eps);
    void (*swiglu)(float *dgate, float *dup, const float *gate, const float *up, const float *dy, int n);
    void (*gelu_tanh)(float *dx, const float *x, const float *dy, int n);
    void (*gelu_erf)(float *dx, const float *x, const float *dy, int n);
    /* dx = scale * p * (dp - mean), p the softmax of scale * x and mean the sum of p * dp; dx may be dp */
    void (*softmax)(float *dx, const float *p, const float *dp, float mean, float scale, int n);
    void (*rope_halves)(float *dx, const float *cosine, const float *sine, int d); /* in place, as the forward */
    void (*rope_interleaved)(float *dx, const float *cosine, const float *sine, int d);
    /* m, v: the averages of the gradient g and of its square */
    void (*adamw)(float *w, float *m, float *v, const float *g, const AdamStep *s, int n);
} BackwardKernels;

typedef struct Kernels {
    const char *name; /* as --cpu says it: "scalar", "avx2", ... */

    Matmul matmul[COMPUTE_TYPES][DT_MATRIX_TYPES]; /* run == NULL where a compute type does not exist */

    /* y[i * ldy + j] += a[i * lda + c] * b[c][j], one c after the other (so that k may be cut anywhere), for i < m,
     * j < n, c < k; b of type t with rows b_stride bytes apart, any alignment. Attention: probabilities times values;
     * also W^UK absorbed into a query. */
    void (*matmul_add[DT_PLAIN_TYPES])(float *y, size_t ldy, const float *a, size_t lda, int m, const void *b,
                                       size_t b_stride, int n, int k);

    void (*to_f32[DT_MATRIX_TYPES])(float *y, const void *x, int n); /* quantised: whole blocks are read */
    void (*from_f32[DT_PLAIN_TYPES])(void *y, const float *x, int n);

    void (*rms_norm)(float *y, const float *x, const float *w, int n, float eps); /* x / sqrt(mean(x^2) + eps) * w */
    void (*layer_norm)(float *y, const float *x, const float *w, const float *b, int n, float eps);
    void (*add)(float *y, const float *a, const float *b, int n);
    void (*add_scaled)(float *y, const float *x, float s, int n);        /* y += s * x */
    void (*scale)(float *y, const float *x, float s, int n);             /* y = s * x; y may be x */
    void (*swiglu)(float *y, const float *gate, const float *up, int n); /* silu(gate) * up; y may be gate */
    void (*gelu_tanh)(float *y, const float *x, int n);                  /* y may be x */
    void (*gelu_erf)(float *y, const float *x, int n);                   /* y may be x */
    float (*max)(const float *x, int n);                                 /* n >= 1; -inf is fine; NaN is passed over */
    float (*exp_sum)(float *y, const float *x, float shift,
                     int n); /* y = exp(x - shift); returns the sum; exp(-inf) = 0 */

    /* Rotates one head in place by the angles of one position; cosine and sine hold d / 2 values each.
     * halves: pairs (i, i + d/2), LlamaAttention. interleaved: pairs (2i, 2i+1), written as [even | odd]: MLA;
     * d <= KERNEL_MAX_ROPE. */
    void (*rope_halves)(float *x, const float *cosine, const float *sine, int d);
    void (*rope_interleaved)(float *x, const float *cosine, const float *sine, int d);

    const BackwardKernels *back;
} Kernels;

const char *compute_name(Compute c); /* "f32", "bf16", "int8" */

/* The instruction sets of the architecture that this is compiled for, lowest first. */
typedef enum {
    CPU_SCALAR,
#if defined(__x86_64__)
    CPU_AVX2,
    CPU_AVX512,
    CPU_AVX512VNNI,
    CPU_AVX512BF16,
#elif defined(__aarch64__)
    CPU_NEON, /* every aarch64 has it */
    CPU_NEON_DOTPROD,
#endif
    CPU_LEVELS
} CpuLevel;

CpuLevel cpu_best(void);              /* the highest that this processor has */
bool cpu_multiplies_bf16(CpuLevel l); /* has instructions for COMPUTE_BF16, which make it the faster one */
const char *cpu_level_name(CpuLevel l);
bool cpu_level_find(const char *name, CpuLevel *out, Error *e); /* an error lists the names, or says the CPU lacks it */
const Kernels *kernels_get(CpuLevel l);                         /* l <= cpu_best() */

#endif
