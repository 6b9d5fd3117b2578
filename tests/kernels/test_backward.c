/* test_backward.c - the backward kernels of every level that this processor has, against their definition (scalar), with sizes
 * that are no multiple of a vector; memory before and behind a result stays as it is. That the definition is right is the
 * business of tests/grad. VL2_SEED sets the seed. */
#include <math.h>

#include "base/rng.h"
#include "kernels/kernels.h"

#include "support.h" /* last: cmocka has a macro fail() */

enum { MOST = 700, GUARD = 32 };

static Rng rng;

static float draw(void)
{
    return (float)(4 * rng_uniform(&rng) - 2);
}

/* Three rows of numbers with guards around them, for two levels side by side. */
typedef struct {
    float *at[2];
    float memory[2][MOST + 2 * GUARD];
} Row;

static void fill(Row *r, int n)
{
    for (int i = 0; i < MOST + 2 * GUARD; i++) r->memory[0][i] = i < GUARD || i >= GUARD + n ? 12345 : draw();
    memcpy(r->memory[1], r->memory[0], sizeof r->memory[0]);
    for (int l = 0; l < 2; l++) r->at[l] = r->memory[l] + GUARD;
}

static double compare(const Row *r, int n)
{
    double worst = 0;
    for (int i = 0; i < n; i++) {
        const double a = (double)r->at[0][i], d = fabs(a - (double)r->at[1][i]) / (1 + fabs(a));
        if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
    }
    for (int i = 0; i < MOST + 2 * GUARD; i++)
        if (i < GUARD || i >= GUARD + n) assert_true(r->memory[1][i] == 12345);
    return worst;
}

typedef enum {
    RMS_NORM,
    LAYER_NORM,
    SWIGLU,
    GELU_TANH,
    GELU_ERF,
    SOFTMAX,
    ROPE_HALVES,
    ROPE_INTERLEAVED,
    ADD_PRODUCT,
    DOT,
    ADAMW,
    KINDS
} Kind;
static const char *const kind_name[] = { "rms_norm",    "layer_norm", "swiglu",      "gelu_tanh",
                                         "gelu_erf",    "softmax",    "rope_halves", "rope_interleaved",
                                         "add_product", "dot",        "adamw" };

/* One kernel with rows 0 .. 4 in the place of its arguments, in order. */
static void apply(const BackwardKernels *k, Kind kind, Row *r, int level, int n)
{
    float *x[5];
    for (int i = 0; i < 5; i++) x[i] = r[i].at[level];
    const AdamStep step = { 0.01f, 1.5f, 0.999f, 0.9f, 0.99f, 1e-8f, 0.5f };
    for (int i = 0; i < n && kind == ADAMW; i++) x[2][i] = fabsf(x[2][i]);
    switch (kind) {
    case RMS_NORM: k->rms_norm(x[0], x[1], x[2], x[3], x[4], n, 1e-3f); break;
    case LAYER_NORM: k->layer_norm(x[0], x[1], x[2], x[3], x[4], n, 1e-3f); break;
    case SWIGLU: k->swiglu(x[0], x[1], x[2], x[3], x[4], n); break;
    case GELU_TANH: k->gelu_tanh(x[0], x[1], x[2], n); break;
    case GELU_ERF: k->gelu_erf(x[0], x[1], x[2], n); break;
    case SOFTMAX: k->softmax(x[0], x[1], x[2], 0.3f, 0.7f, n); break;
    case ROPE_HALVES: k->rope_halves(x[0], x[1], x[2], n / 2 * 2); break;
    case ROPE_INTERLEAVED: k->rope_interleaved(x[0], x[1], x[2], n / 2 * 2); break;
    case ADD_PRODUCT: k->add_product(x[0], x[1], x[2], n); break;
    case DOT:
        if (n > 0) x[0][0] = k->dot(x[1], x[2], n) / (float)n;
        break;
    case ADAMW: k->adamw(x[0], x[1], x[2], x[3], &step, n); break;
    case KINDS: break;
    }
}

static void rows_equal_their_definition(void **state)
{
    (void)state;
    static Row r[5];
    for (int level = CPU_SCALAR + 1; level <= (int)cpu_best(); level++)
        for (Kind kind = 0; kind < KINDS; kind++) {
            double worst = 0;
            char what[64];
            for (int round = 0; round < test_rounds(60); round++) {
                const int n = round < 40 ? round : (int)(rng_next(&rng) % MOST);
                for (int i = 0; i < 5; i++) fill(&r[i], n);
                apply(kernels_get(CPU_SCALAR)->back, kind, r, 0, n);
                apply(kernels_get((CpuLevel)level)->back, kind, r, 1, n);
                for (int i = 0; i < 5; i++) worst = fmax(worst, compare(&r[i], n));
            }
            snprintf(what, sizeof what, "%s, %s", kernels_get((CpuLevel)level)->name, kind_name[kind]);
            assert_within(what, worst, 3e-5); /* sums of up to 700 numbers in another order, each 6e-8 of its size */
        }
}

/* A gate far in the negative is shut in both directions. */
static void shut_gates_give_zero(void **state)
{
    (void)state;
    for (int level = 0; level <= (int)cpu_best(); level++) {
        const BackwardKernels *k = kernels_get((CpuLevel)level)->back;
        const float x[3] = { -INFINITY, -1e30f, -2000 }, ones[3] = { 1, 1, 1 };
        float dgate[3] = { 0 }, dup[3] = { 0 }, dx[3] = { 0 };
        k->swiglu(dgate, dup, x, ones, ones, 3);
        k->gelu_tanh(dx, x, ones, 3);
        for (int i = 0; i < 3; i++) assert_true(dgate[i] == 0 && dup[i] == 0 && dx[i] == 0);
    }
}

/* y += A^T B is its sum; an element does not know m, n or how k was cut. */
static void transposed_products_are_sums_of_one_chain(void **state)
{
    enum { M = 23, N = 140, K = 37 };
    (void)state;
    static float a[K * M], b[K * N], whole[M * N], cut[M * N];
    for (int level = 0; level <= (int)cpu_best(); level++) {
        const Kernels *k = kernels_get((CpuLevel)level);
        double worst = 0;
        for (int i = 0; i < K * M; i++) a[i] = draw();
        for (int i = 0; i < K * N; i++) b[i] = draw();
        for (int i = 0; i < M * N; i++) whole[i] = cut[i] = draw();
        double truth[M * N];
        for (int i = 0; i < M * N; i++) {
            truth[i] = (double)whole[i];
            for (int c = 0; c < K; c++) truth[i] += (double)a[c * M + i / N] * (double)b[c * N + i % N];
        }
        k->back->matmul_add_t(whole, N, a, M, M, b, N, N, K);
        for (int i = 0; i < M * N; i++) worst = fmax(worst, fabs(truth[i] - (double)whole[i]));
        assert_within(k->name, worst, 2e-5); /* 37 products of up to 4 */
        for (int i = 0, m; i < M; i += m) {
            m = 1 + i % 7 < M - i ? 1 + i % 7 : M - i;
            for (int j = 0, n; j < N; j += n) {
                n = 5 + j % 60 < N - j ? 5 + j % 60 : N - j;
                for (int c = 0, part; c < K; c += part) {
                    part = 10 < K - c ? 10 : K - c;
                    k->back->matmul_add_t(cut + i * N + j, N, a + c * M + i, M, m, b + c * N + j, N, n, part);
                }
            }
        }
        assert_memory_equal(whole, cut, sizeof whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(rows_equal_their_definition), TEST(shut_gates_give_zero),
                                        TEST(transposed_products_are_sums_of_one_chain) };
    const char *seed = getenv("VL2_SEED");
    rng.seed = seed ? strtoull(seed, NULL, 10) : 1;
    printf("# VL2_SEED=%llu\n", (unsigned long long)rng.seed);
    return run_as_tap(tests, (int)(sizeof tests / sizeof *tests));
}
