/* scalar_backward.c - the definition of every backward kernel and of the optimizer's: plain loops, no tricks. */
#include <math.h>

#include "kernels/levels.h"

static void matmul_add_t(float *y, size_t ldy, const float *a, size_t lda, int m, const float *b, size_t ldb, int n,
                         int k)
{
    for (int c = 0; c < k; c++)
        for (int i = 0; i < m; i++) {
            const float s = a[(size_t)c * lda + (size_t)i];
            const float *row = b + (size_t)c * ldb;
            float *to = y + (size_t)i * ldy;
            for (int j = 0; j < n; j++) to[j] += s * row[j];
        }
}

static float dot(const float *a, const float *b, int n)
{
    float sum = 0;
    for (int i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void add_product(float *y, const float *a, const float *b, int n)
{
    for (int i = 0; i < n; i++) y[i] += a[i] * b[i];
}

/* y = x r w with r = 1 / rms:  dx = r (w dy - n mean(w dy n)), n = x r */
static void rms_norm(float *dx, float *normal, const float *x, const float *w, const float *dy, int n, float eps)
{
    float squares = 0, along = 0;
    for (int i = 0; i < n; i++) squares += x[i] * x[i];
    const float r = 1 / sqrtf(squares / (float)n + eps);
    for (int i = 0; i < n; i++) {
        normal[i] = x[i] * r;
        along += w[i] * dy[i] * normal[i];
    }
    along /= (float)n;
    for (int i = 0; i < n; i++) dx[i] += r * (w[i] * dy[i] - normal[i] * along);
}

/* The same, and the mean goes, too:  dx = r (w dy - mean(w dy) - n mean(w dy n)) */
static void layer_norm(float *dx, float *normal, const float *x, const float *w, const float *dy, int n, float eps)
{
    float sum = 0, squares = 0, along = 0, all = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    const float mean = sum / (float)n;
    for (int i = 0; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    const float r = 1 / sqrtf(squares / (float)n + eps);
    for (int i = 0; i < n; i++) {
        normal[i] = (x[i] - mean) * r;
        along += w[i] * dy[i] * normal[i];
        all += w[i] * dy[i];
    }
    along /= (float)n;
    all /= (float)n;
    for (int i = 0; i < n; i++) dx[i] += r * (w[i] * dy[i] - all - normal[i] * along);
}

/* As in the forward: below -1000 a gate is shut. */
static float at_least_minus_1000(float x)
{
    return x < -1000 ? -1000 : x;
}

/* silu(g) = g s, s = 1 / (1 + e^-g):  silu'(g) = s (1 + g (1 - s)) */
static void swiglu(float *dgate, float *dup, const float *gate, const float *up, const float *dy, int n)
{
    for (int i = 0; i < n; i++) {
        const float g = at_least_minus_1000(gate[i]), s = 1 / (1 + expf(-g));
        dup[i] += dy[i] * g * s;
        dgate[i] += dy[i] * up[i] * s * (1 + g * (1 - s));
    }
}

/* 0.5 x (1 + tanh u) = x s(2u):  s + x s (1 - s) (2u)', 2u = c1 x + c3 x^3 */
static void gelu_tanh(float *dx, const float *x, const float *dy, int n)
{
    const float c1 = 2 * 0.79788456080286535588f, c3 = c1 * 0.044715f; /* 2 sqrt(2 / pi) */
    for (int i = 0; i < n; i++) {
        const float v = at_least_minus_1000(x[i]), s = 1 / (1 + expf(-v * (c1 + c3 * v * v)));
        dx[i] += dy[i] * (s + v * s * (1 - s) * (c1 + 3 * c3 * v * v));
    }
}

/* x F(x), F the normal distribution:  F + x F' */
void scalar_gelu_erf_backward(float *dx, const float *x, const float *dy, int n)
{
    const float root_half = 0.70710678118654752440f, density_at_0 = 0.39894228040143267794f; /* 1 / sqrt(2 pi) */
    for (int i = 0; i < n; i++) {
        const float v = at_least_minus_1000(x[i]);
        dx[i] += dy[i] * (0.5f * (1 + erff(v * root_half)) + v * density_at_0 * expf(-0.5f * v * v));
    }
}

static void softmax(float *dx, const float *p, const float *dp, float mean, float scale, int n)
{
    for (int i = 0; i < n; i++) dx[i] = scale * p[i] * (dp[i] - mean);
}

/* A rotation backwards is the rotation by the negative angle. */
static void rope_halves(float *dx, const float *cosine, const float *sine, int d)
{
    const int h = d / 2;
    for (int i = 0; i < h; i++) {
        const float a = dx[i], b = dx[i + h];
        dx[i] = a * cosine[i] + b * sine[i];
        dx[i + h] = b * cosine[i] - a * sine[i];
    }
}

static void rope_interleaved(float *dx, const float *cosine, const float *sine, int d)
{
    const int h = d / 2;
    float even[KERNEL_MAX_ROPE / 2];
    for (int i = 0; i < h; i++) even[i] = dx[i];
    for (int i = 0; i < h; i++) { /* 2 i + 1 < h + i + 1: what is overwritten was read */
        const float a = even[i], b = dx[i + h];
        dx[2 * i] = a * cosine[i] + b * sine[i];
        dx[2 * i + 1] = b * cosine[i] - a * sine[i];
    }
}

/* Loshchilov, Hutter 2019, decoupled weight decay; the order of operations is PyTorch's. */
static void adamw(float *w, float *m, float *v, const float *g, const AdamStep *s, int n)
{
    for (int i = 0; i < n; i++) {
        const float gi = g[i] * s->gradient;
        m[i] = s->beta1 * m[i] + (1 - s->beta1) * gi;
        v[i] = s->beta2 * v[i] + (1 - s->beta2) * gi * gi;
        w[i] = w[i] * s->keep - s->step * m[i] / (sqrtf(v[i]) * s->inverse_root + s->epsilon);
    }
}

const BackwardKernels backward_scalar = {
    .matmul_add_t = matmul_add_t,
    .dot = dot,
    .add_product = add_product,
    .rms_norm = rms_norm,
    .layer_norm = layer_norm,
    .swiglu = swiglu,
    .gelu_tanh = gelu_tanh,
    .gelu_erf = scalar_gelu_erf_backward,
    .softmax = softmax,
    .rope_halves = rope_halves,
    .rope_interleaved = rope_interleaved,
    .adamw = adamw,
};
