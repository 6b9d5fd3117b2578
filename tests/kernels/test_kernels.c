/* Every kernel of every level that this processor has, against its definition in double precision, and against itself:
 * the bits of an output must not know what else was computed with it. All memory given to a kernel ends at a page that
 * may not be touched, and is followed backwards by bytes that must stay as they are. VL2_SEED sets the seed. */
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "base/rng.h"
#include "bench_kernels.h"
#include "emulated_bf16.h"
#include "kernels/interleave.h"
#include "kernels/machine.h"

#include "support.h" /* last: cmocka has a macro fail() */

static Rng rng;

/* A sanitizer watches the memory of every kernel; a few of the random shapes do for that. */
static int rounds(int n)
{
    return test_rounds(SANITIZED ? n / 5 : n);
}

static int pick(int below)
{
    return (int)(rng_next(&rng) % (uint64_t)below);
}
static float normal(void)
{
    return (float)(rng_uniform(&rng) + rng_uniform(&rng) + rng_uniform(&rng) - 1.5) * 2;
}

/* The larger error; a NaN is larger than all. */
static double worse(double worst, double error)
{
    return error <= worst ? worst : isnan(error) ? INFINITY : error;
}

/* --- memory with fences --- */

enum { FENCE = 64, PAGE = 4096 };

typedef struct {
    unsigned char *map, *data;
    size_t mapped, bytes;
} Fenced;

static Fenced fenced(size_t bytes)
{
    Fenced f = { .bytes = bytes };
    const size_t pages = (bytes + FENCE + PAGE - 1) / PAGE;
    f.mapped = (pages + 1) * PAGE;
    f.map = mmap(NULL, f.mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(f.map != MAP_FAILED);
    assert_int_equal(mprotect(f.map + pages * PAGE, PAGE, PROT_NONE), 0);
    f.data = f.map + pages * PAGE - bytes;
    memset(f.map, 0xa5, pages * PAGE);
    return f;
}

static void fence_stands(const Fenced *f)
{
    for (const unsigned char *p = f->map; p < f->data; p++) assert_int_equal(*p, 0xa5);
}

static void unfence(Fenced *f)
{
    fence_stands(f);
    munmap(f->map, f->mapped);
}

static Fenced fenced_floats(int n, float (*value)(void))
{
    Fenced f = fenced((size_t)n * sizeof(float));
    for (int i = 0; i < n; i++) ((float *)(void *)f.data)[i] = value();
    return f;
}

static float *floats(const Fenced *f)
{
    return (float *)(void *)f->data;
}

/* --- the products --- */

/* A product under test: of a level's table, or the emulated one. */
typedef struct {
    const char *name;
    Matmul matmul;
    Compute compute;
    DType type;
} Product;

static int all_products(Product *p)
{
    int n = 0;
    for (int l = 0; l <= (int)cpu_best(); l++)
        for (int c = 0; c < COMPUTE_TYPES; c++)
            for (int t = 0; t < DT_MATRIX_TYPES; t++) {
                const Kernels *k = kernels_get((CpuLevel)l);
                if (k->matmul[c][t].run) p[n++] = (Product){ k->name, k->matmul[c][t], (Compute)c, (DType)t };
            }
#if defined(__x86_64__)
    if (cpu_best() >= CPU_AVX512)
        p[n++] = (Product){ "avx512bf16, emulated",
                            { emulated_prepared_bytes, emulated_prepare, emulated_matmul },
                            COMPUTE_BF16,
                            DT_BF16 };
#endif
    return n;
}

enum { MOST_PRODUCTS = CPU_LEVELS * COMPUTE_TYPES * DT_MATRIX_TYPES + 1 };

/* Rows of weights. */
typedef struct {
    DType type;
    const unsigned char *at;
    size_t stride;
} Matrix;

/* The whole number of element c of a quantised row, and the scale of its block. */
static int quantum(const Matrix *w, int row, int c, double *d)
{
    const bool x16 = dtype_is_x16(w->type);
    const DType t = dtype_of_rows(w->type);
    const int lane = x16 ? row % 16 : 0, i = c % QUANT_BLOCK, byte = t == DT_Q8_0 ? i : i % 16;
    const size_t block = (size_t)(c / QUANT_BLOCK) * dtype_row_bytes(w->type, 1) * (x16 ? 16 : 1);
    const unsigned char *b = w->at + (size_t)(row - lane) * w->stride + block;
    const unsigned char *q = x16 ? b + 32 + byte / 4 * 64 + lane * 4 + byte % 4 : b + 2 + byte;
    const int nibble = i < 16 ? *q & 15 : *q >> 4;
    uint16_t h;
    memcpy(&h, b + 2 * lane, sizeof h);
    *d = (double)f16_to_f32(h);
    return t == DT_Q8_0 ? (int8_t)*q : t == DT_Q4_0 ? nibble - 8 : iq4_nl[nibble];
}

static double weight_value(const Matrix *w, int row, int c)
{
    uint16_t h;
    float f;
    double d;
    if (dtype_is_quantised(w->type)) return quantum(w, row, c, &d) * d;
    const unsigned char *at = w->at + (size_t)row * w->stride + (size_t)c * dtype_bytes(w->type);
    memcpy(&h, at, sizeof h);
    if (w->type == DT_BF16) return (double)bf16_to_f32(h);
    if (w->type == DT_F16) return (double)f16_to_f32(h);
    memcpy(&f, at, sizeof f);
    return (double)f;
}

static void random_plain_row(DType t, unsigned char *row, int k)
{
    for (int c = 0; c < k; c++) {
        const float v = normal();
        const uint16_t h = t == DT_BF16 ? f32_to_bf16(v) : f32_to_f16(v);
        memcpy(row + (size_t)c * dtype_bytes(t), t == DT_F32 ? (const void *)&v : &h, dtype_bytes(t));
    }
}

/* Whole strips of an x16 type, for which `stride` is the row. */
static void interleave(DType t, unsigned char *w, int rows, int k, size_t stride)
{
    assert_int_equal(rows % STRIP_ROWS, 0);
    assert_int_equal(stride, dtype_row_bytes(t, (size_t)k));
    Fenced strip = fenced(STRIP_ROWS * stride), row = fenced(stride);
    for (int j = 0; j < rows; j += STRIP_ROWS) {
        unsigned char *at = w + (size_t)j * stride;
        interleave_rows(t, strip.data, at, (size_t)k);
        for (int r = 0; r < STRIP_ROWS; r++) {
            interleaved_row(t, row.data, strip.data, r, (size_t)k);
            assert_memory_equal(row.data, at + (size_t)r * stride, stride);
        }
        memcpy(at, strip.data, strip.bytes);
    }
    unfence(&strip), unfence(&row);
}

/* Any bytes, many of them -128, and scales that differ, now and then zero; past k there are no zeros, as a foreign file may have it. */
static void random_blocks(DType t, unsigned char *row, int k)
{
    const size_t bytes = dtype_row_bytes(t, 1);
    for (int c = 0; c < k; c += QUANT_BLOCK, row += bytes) {
        const uint16_t d = f32_to_f16(pick(9) ? ldexpf(normal(), -pick(6)) : 0);
        for (size_t i = sizeof d; i < bytes; i++) row[i] = pick(9) ? (unsigned char)pick(256) : 0x80;
        memcpy(row, &d, sizeof d);
    }
}

/* Rows of random weights `stride` bytes apart. What lies between them is NaN, for every type. */
static Fenced random_weights(DType t, int rows, int k, size_t stride)
{
    Fenced f = fenced(rows > 0 ? (size_t)(rows - 1) * stride + dtype_row_bytes(t, (size_t)k) : 0);
    memset(f.data, 0xff, f.bytes);
    for (int j = 0; j < rows; j++)
        (dtype_is_quantised(t) ? random_blocks : random_plain_row)(t, f.data + (size_t)j * stride, k);
    if (dtype_is_x16(t)) interleave(t, f.data, rows, k, stride);
    return f;
}

typedef struct {
    int m, n, k;
    size_t stride, ldy;
    Fenced x, xp, w, y;
} Case;

/* How many columns of y are computed together at least: the rows of a strip. */
static int columns(DType t)
{
    return dtype_is_x16(t) ? STRIP_ROWS : 1;
}

/* n is rounded up to whole strips. */
static Case make_case(const Product *p, int m, int n, int k)
{
    const int strip = columns(p->type);
    n = (n + strip - 1) / strip * strip;
    Case c = { .m = m, .n = n, .k = k };
    c.stride = dtype_row_bytes(p->type, (size_t)k) + (size_t)(strip > 1 ? 0 : pick(12));
    c.ldy = (size_t)(n + pick(3));
    c.x = fenced_floats(m * k, normal);
    c.xp = fenced((size_t)m * p->matmul.prepared_bytes(k));
    c.w = random_weights(p->type, n, k, c.stride);
    c.y = fenced(m > 0 && n > 0 ? ((size_t)(m - 1) * c.ldy + (size_t)n) * sizeof(float) : 0);
    for (int i = 0; i < m; i++)
        p->matmul.prepare(c.xp.data + (size_t)i * p->matmul.prepared_bytes(k), floats(&c.x) + i * k, k);
    return c;
}

static Matrix matrix_of(const Product *p, const Case *c)
{
    return (Matrix){ p->type, c->w.data, c->stride };
}

static void end_case(Case *c)
{
    unfence(&c->x);
    unfence(&c->xp);
    unfence(&c->w);
    unfence(&c->y);
}

/* A sum, and the sum of the sizes of what it adds up. */
typedef struct {
    double sum, size;
} Truth;

static void add_to(Truth *t, double v)
{
    t->sum += v;
    t->size += fabs(v);
}

/* A block's activations as whole numbers, rounded by the definition. Returns their scale. */
static float quantise(int *q, const float *x, int n)
{
    float most = 0;
    for (int i = 0; i < n; i++) most = fmaxf(most, fabsf(x[i]));
    const float d = most / 127, inverse = d >= FLT_MIN ? 1 / d : 0;
    for (int i = 0; i < n; i++) {
        const float v = x[i] * inverse;
        q[i] = isnan(v) ? 0 : (int)nearbyintf(v);
    }
    return d;
}

static Truth true_int8(const Matrix *w, const float *x, int row, int k)
{
    Truth y = { 0 };
    for (int c = 0; c < k; c += QUANT_BLOCK) {
        const int n = k - c < QUANT_BLOCK ? k - c : QUANT_BLOCK;
        int q[QUANT_BLOCK], whole = 0;
        double d = 0;
        const float dx = quantise(q, x + c, n);
        for (int i = 0; i < n; i++) whole += q[i] * quantum(w, row, c + i, &d);
        add_to(&y, whole * (double)((float)d * dx));
    }
    return y;
}

static Truth true_product(const Product *p, const Case *in, const float *x, int row)
{
    const Matrix w = matrix_of(p, in);
    if (p->compute == COMPUTE_INT8) return true_int8(&w, x, row, in->k);
    Truth y = { 0 };
    for (int c = 0; c < in->k; c++) {
        const double xc = p->compute == COMPUTE_BF16 ? (double)bf16_to_f32(f32_to_bf16(x[c])) : (double)x[c];
        add_to(&y, xc * weight_value(&w, row, c));
    }
    return y;
}

static void gaps_hold(const Case *c)
{
    for (int i = 0; c->n > 0 && i + 1 < c->m; i++)
        for (size_t g = (size_t)c->n * sizeof(float); g < c->ldy * sizeof(float); g++)
            assert_int_equal(c->y.data[(size_t)i * c->ldy * sizeof(float) + g], 0xa5);
}

/* The worst |error| / (sum of the sizes) over the case, in every `every`th column. Gaps in y hold. */
static double product_error(const Product *p, const Case *c, int every)
{
    double worst = 0;
    gaps_hold(c);
    for (int i = 0; i < c->m; i++)
        for (int j = 0; j < c->n; j += every) {
            const Truth t = true_product(p, c, floats(&c->x) + i * c->k, j);
            const double error = fabs((double)floats(&c->y)[(size_t)i * c->ldy + (size_t)j] - t.sum);
            if (!(error <= t.size)) return INFINITY;
            if (t.size > 0) worst = worse(worst, error / t.size);
        }
    return worst;
}

static void products_are_exact_sums(void **state)
{
    (void)state;
    Product product[MOST_PRODUCTS];
    const int n_products = all_products(product);
    for (int p = 0; p < n_products; p++) {
        double worst = 0;
        for (int round = 0; round < rounds(150); round++) {
            Case c = make_case(&product[p], pick(16), pick(24), pick(4) ? pick(140) : pick(1500));
            product[p].matmul.run(floats(&c.y), c.ldy, c.xp.data, c.m, c.w.data, c.stride, c.n, c.k);
            const double e = product_error(&product[p], &c, 1);
            if (e > worst) worst = e;
            end_case(&c);
        }
        char what[80];
        snprintf(what, sizeof what, "%s, %s x %s", product[p].name, compute_name(product[p].compute),
                 dtype_name(product[p].type));
        assert_within(what, worst, 1e-6); /* a random walk of at most 1500 roundings of 2^-24, in sizes that add up */
    }
}

/* Each (i, j) computed alone has the bits that it has in the product. */
static void products_do_not_know_their_company(void **state)
{
    (void)state;
    Product product[MOST_PRODUCTS];
    const int n_products = all_products(product);
    for (int p = 0; p < n_products; p++)
        for (int round = 0; round < rounds(40); round++) {
            Case c = make_case(&product[p], 1 + pick(15), 1 + pick(40), pick(300));
            const Matmul *mm = &product[p].matmul;
            mm->run(floats(&c.y), c.ldy, c.xp.data, c.m, c.w.data, c.stride, c.n, c.k);
            for (int i = 0; i < c.m; i++)
                for (int j = 0, nb; j < c.n; j += nb) {
                    const int strip = columns(product[p].type);
                    float alone[64];
                    nb = (1 + pick((c.n - j) / strip)) * strip;
                    mm->run(alone, 1, c.xp.data + (size_t)i * mm->prepared_bytes(c.k), 1,
                            c.w.data + (size_t)j * c.stride, c.stride, nb, c.k);
                    assert_memory_equal(alone, floats(&c.y) + (size_t)i * c.ldy + j, (size_t)nb * sizeof(float));
                }
            end_case(&c);
        }
}

/* More rows than a block of the cache holds, long rows: the blocks meet without a gap. */
static void large_products_have_no_seams(void **state)
{
    (void)state;
    const int every = 1000 / rounds(1000) | 1; /* columns; odd, to meet every lane */
    Product product[MOST_PRODUCTS];
    const int n_products = all_products(product);
    for (int p = 0; p < n_products; p++) {
        Case c = make_case(&product[p], 13, 5000, 33);
        product[p].matmul.run(floats(&c.y), c.ldy, c.xp.data, c.m, c.w.data, c.stride, c.n, c.k);
        assert_true(product_error(&product[p], &c, every) < 1e-6);
        end_case(&c);
        c = make_case(&product[p], 7, 70, 5000);
        product[p].matmul.run(floats(&c.y), c.ldy, c.xp.data, c.m, c.w.data, c.stride, c.n, c.k);
        assert_true(product_error(&product[p], &c, every) < 2e-6);
        end_case(&c);
    }
}

/* --- int8 products at their limits --- */

/* Values that a broken model may bring: nothing crashes, a value alone has the bits that it has in company, what is finite
 * by the definition is near it. */
static float any_float(void)
{
    static const float ODD[] = { 0, -0.0f, 1e-45f, -1e-39f, FLT_MIN, 3e38f, -FLT_MAX, INFINITY, -INFINITY, NAN };
    const int kind = pick(60);
    return kind < (int)(sizeof ODD / sizeof ODD[0]) ? ODD[kind] : ldexpf(normal(), pick(40) ? 0 : pick(250) - 125);
}

/* Scales of any bits, too. */
static void spoil_scales(const Case *c, DType t)
{
    for (int j = 0; j < c->n; j++)
        for (int b = 0; b < (c->k + QUANT_BLOCK - 1) / QUANT_BLOCK; b++) {
            const int lane = dtype_is_x16(t) ? j % STRIP_ROWS : 0;
            const size_t block = (size_t)b * dtype_row_bytes(t, 1) * (size_t)columns(t);
            const uint16_t d = (uint16_t)rng_next(&rng);
            if (pick(4) == 0)
                memcpy(c->w.data + (size_t)(j - lane) * c->stride + block + (size_t)lane * sizeof d, &d, sizeof d);
        }
}

static void check_spoilt(const Product *p, const Case *c)
{
    const int strip = columns(p->type);
    for (int i = 0; i < c->m; i++)
        for (int j = 0; j < c->n; j++) {
            float alone[STRIP_ROWS];
            const unsigned char *row = c->w.data + (size_t)(j / strip * strip) * c->stride;
            p->matmul.run(alone, 1, c->xp.data + (size_t)i * p->matmul.prepared_bytes(c->k), 1, row, c->stride, strip,
                          c->k);
            const float *y = floats(&c->y) + (size_t)i * c->ldy + j;
            const float one = alone[j % strip];
            assert_memory_equal(&one, y, sizeof one);
            const Truth t = true_product(p, c, floats(&c->x) + i * c->k, j);
            if (t.size < 1e37) /* no step overflows; products of scales may be subnormal */
                assert_true(fabs((double)one - t.sum) <= 1e-6 * t.size + 1e-39 * c->k);
            else if (isnan(t.sum))
                assert_false(isfinite(one));
        }
}

static void int8_products_stand_any_values(void **state)
{
    (void)state;
    Product product[MOST_PRODUCTS];
    const int n_products = all_products(product);
    for (int p = 0; p < n_products; p++)
        for (int round = 0; round < rounds(40) && product[p].compute == COMPUTE_INT8; round++) {
            Case c = make_case(&product[p], 1 + pick(14), 1 + pick(40), 1 + pick(100));
            const Matmul *mm = &product[p].matmul;
            spoil_scales(&c, product[p].type);
            for (int i = 0; i < c.m * c.k; i++) floats(&c.x)[i] = any_float();
            for (int i = 0; i < c.m; i++)
                mm->prepare(c.xp.data + (size_t)i * mm->prepared_bytes(c.k), floats(&c.x) + i * c.k, c.k);
            mm->run(floats(&c.y), c.ldy, c.xp.data, c.m, c.w.data, c.stride, c.n, c.k);
            check_spoilt(&product[p], &c);
            end_case(&c);
        }
}

/* --- the levels, one by one --- */

#define FOR_LEVELS(K)                                                                                                  \
    for (int l_ = 0; l_ <= (int)cpu_best(); l_++)                                                                      \
        for (const Kernels *K = kernels_get((CpuLevel)l_); K; K = NULL)

/* One call, and the same in parts: a row at a time, n and k cut in two. */
static void add_in_parts(const Kernels *K, DType t, float *y, size_t ldy, const float *a, size_t lda, int m,
                         const unsigned char *b, size_t stride, int n, int k)
{
    const int cut_n = pick(n + 1), cut_k = pick(k + 1);
    const int from_n[2] = { 0, cut_n }, count_n[2] = { cut_n, n - cut_n };
    const int from_k[2] = { 0, cut_k }, count_k[2] = { cut_k, k - cut_k };
    for (int i = 0; i < m; i++)
        for (int q = 0; q < 4; q++) {
            const int j = from_n[q / 2], c = from_k[q % 2];
            K->matmul_add[t](y + (size_t)i * ldy + j, ldy, a + (size_t)i * lda + c, lda, 1,
                             b + (size_t)c * stride + (size_t)j * dtype_bytes(t), stride, count_n[q / 2],
                             count_k[q % 2]);
        }
}

static double matmul_add_error(const Kernels *K, DType t, int m, int n, int k)
{
    const size_t stride = (size_t)n * dtype_bytes(t) + (size_t)pick(12);
    const size_t lda = (size_t)(k + pick(3)), ldy = (size_t)(n + pick(3));
    Fenced a = fenced_floats(m * (int)lda, normal), b = random_weights(t, k, n, stride);
    Fenced y = fenced_floats(m * (int)ldy, normal), before = fenced(y.bytes), parts = fenced(y.bytes);
    memcpy(before.data, y.data, y.bytes);
    memcpy(parts.data, y.data, y.bytes);
    K->matmul_add[t](floats(&y), ldy, floats(&a), lda, m, b.data, stride, n, k);
    add_in_parts(K, t, floats(&parts), ldy, floats(&a), lda, m, b.data, stride, n, k);
    assert_memory_equal(y.data, parts.data, y.bytes);
    double worst = 0;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < (int)ldy; j++) {
            const size_t at = (size_t)i * ldy + (size_t)j;
            double sum = (double)floats(&before)[at], size = fabs(sum);
            for (int c = 0; c < k && j < n; c++) {
                const Matrix w = { t, b.data, stride };
                const double v = (double)floats(&a)[(size_t)i * lda + (size_t)c] * weight_value(&w, c, j);
                sum += v;
                size += fabs(v);
            }
            const double error = fabs((double)floats(&y)[at] - sum);
            if (!(error <= 0)) worst = worse(worst, size > 0 && error <= size ? error / size : INFINITY);
        }
    unfence(&a), unfence(&b), unfence(&y), unfence(&before), unfence(&parts);
    return worst;
}

static void matmul_add_goes_through_k_in_order(void **state)
{
    (void)state;
    FOR_LEVELS(K)
    for (int t = 0; t < DT_PLAIN_TYPES; t++) {
        double worst = 0;
        for (int round = 0; round < rounds(150); round++)
            worst = worse(worst, matmul_add_error(K, (DType)t, pick(15), pick(3) ? pick(90) : pick(300), pick(60)));
        char what[80];
        snprintf(what, sizeof what, "%s, += f32 x %s", K->name, dtype_name((DType)t));
        assert_within(what, worst, 5e-7); /* 60 roundings of 2^-24, in sizes that add up */
    }
}

/* --- conversions --- */

static void conversions_have_the_bits_of_the_definition(void **state)
{
    (void)state;
    const Kernels *S = kernels_get(CPU_SCALAR);
    FOR_LEVELS(K)
    for (int t = 0; t < DT_PLAIN_TYPES; t++) {
        const size_t size = dtype_bytes((DType)t);
        Fenced all = fenced(65536 * size), y = fenced(65536 * 4), want = fenced(65536 * 4), back = fenced(65536 * size),
               want_back = fenced(65536 * size);
        for (uint32_t i = 0; i < 65536; i++) {
            const uint32_t u = t == DT_F32 ? (uint32_t)rng_next(&rng) : i;
            memcpy(all.data + i * size, &u, size);
        }
        K->to_f32[t](floats(&y), all.data, 65536);
        S->to_f32[t](floats(&want), all.data, 65536);
        assert_memory_equal(y.data, want.data, y.bytes);
        for (int round = 0; round < rounds(30);
             round++) { /* random bits: every exponent, NaN, subnormal; and exact ties */
            for (int i = 0; i < 65536; i++) {
                const uint32_t u = (uint32_t)rng_next(&rng) & (pick(2)   ? 0xffffffffu
                                                               : pick(2) ? 0xffff8000u
                                                                         : 0xfffff000u);
                memcpy(floats(&y) + i, &u, sizeof u);
            }
            K->from_f32[t](back.data, floats(&y), 65536);
            S->from_f32[t](want_back.data, floats(&y), 65536);
            assert_memory_equal(back.data, want_back.data, back.bytes);
        }
        unfence(&all), unfence(&y), unfence(&want), unfence(&back), unfence(&want_back);
    }
}

static void quantised_rows_have_the_bits_of_the_definition(void **state)
{
    (void)state;
    FOR_LEVELS(K)
    for (int t = DT_PLAIN_TYPES; t < DT_ROW_TYPES; t++)
        for (int n = 0; n < 150; n++) {
            Fenced x = random_weights((DType)t, 1, n, 0), y = fenced((size_t)n * 4);
            const Matrix w = { (DType)t, x.data, 0 };
            K->to_f32[t](floats(&y), x.data, n);
            for (int i = 0; i < n; i++)
                assert_true((double)floats(&y)[i] == weight_value(&w, 0, i)); /* 8 + 11 bits: exact */
            unfence(&x), unfence(&y);
        }
}

static void conversions_of_any_length_stay_in_bounds(void **state)
{
    (void)state;
    FOR_LEVELS(K)
    for (int t = 0; t < DT_PLAIN_TYPES; t++)
        for (int n = 0; n < 100; n++) {
            Fenced x = random_weights((DType)t, 1, n, 0), y = fenced((size_t)n * 4), back = fenced(x.bytes);
            const Matrix w = { (DType)t, x.data, 0 };
            K->to_f32[t](floats(&y), x.data, n);
            for (int i = 0; i < n; i++) assert_true((double)floats(&y)[i] == weight_value(&w, 0, i));
            K->from_f32[t](back.data, floats(&y), n);
            assert_memory_equal(back.data, x.data, x.bytes);
            unfence(&x), unfence(&y), unfence(&back);
        }
}

/* --- functions of single elements --- */

/* Every function of single elements in one shape: y from a, b and a number. */
typedef void Elementwise(const Kernels *K, float *y, const float *a, const float *b, int n);

static void op_add(const Kernels *K, float *y, const float *a, const float *b, int n)
{
    K->add(y, a, b, n);
}
static void op_scale(const Kernels *K, float *y, const float *a, const float *b, int n)
{
    (void)b;
    K->scale(y, a, 0.3f, n);
}
static void op_add_scaled(const Kernels *K, float *y, const float *a, const float *b, int n)
{
    K->scale(y, b, 1, n);
    K->add_scaled(y, a, 0.3f, n);
}
static void op_swiglu(const Kernels *K, float *y, const float *a, const float *b, int n)
{
    K->swiglu(y, a, b, n);
}
static void op_gelu_tanh(const Kernels *K, float *y, const float *a, const float *b, int n)
{
    (void)b;
    K->gelu_tanh(y, a, n);
}
static void op_gelu_erf(const Kernels *K, float *y, const float *a, const float *b, int n)
{
    (void)b;
    K->gelu_erf(y, a, n);
}
static void op_exp(const Kernels *K, float *y, const float *a, const float *b, int n)
{
    (void)b;
    (void)K->exp_sum(y, a, 0, n);
}

static double true_add(double a, double b)
{
    return a + b;
}
static double true_scale(double a, double b)
{
    return (void)b, (double)0.3f * a;
}
static double true_add_scaled(double a, double b)
{
    return b + (double)0.3f * a;
}
static double true_swiglu(double a, double b)
{
    return a / (1 + exp(-a)) * b;
}
static double true_gelu_tanh(double a, double b)
{
    (void)b;
    return a / (1 + exp(-2 * 0.79788456080286535588 * (a + 0.044715 * a * a * a)));
}
static double true_gelu_erf(double a, double b)
{
    return (void)b, 0.5 * a * erfc(-a * 0.70710678118654752440);
}
static double true_exp(double a, double b)
{
    return (void)b, exp(a);
}

/* The bound: |error| <= ulps of the result + absolute |a|. Where 1 + tanh cancels, the definition in f32 has an error of
 * half an ulp of 1 times |x|. */
static const struct {
    const char *name;
    Elementwise *op;
    double (*truth)(double a, double b);
    double ulps, absolute;
} OP[] = {
    { "add", op_add, true_add, 0.5, 0 },
    { "scale", op_scale, true_scale, 0.5, 0 },
    { "add_scaled", op_add_scaled, true_add_scaled, 1, 0x1p-24 },
    { "swiglu", op_swiglu, true_swiglu, 5, 0x1p-120 },
    { "gelu_tanh", op_gelu_tanh, true_gelu_tanh, 5, 0x1.8p-23 },
    { "gelu_erf", op_gelu_erf, true_gelu_erf, 5, 0x1.8p-23 },
    { "exp", op_exp, true_exp, 1.5, 0 },
};
enum { N_OPS = sizeof OP / sizeof OP[0] };

static double ulp_of(double value)
{
    const float f = (float)fabs(value);
    return f >= FLT_MAX ? ldexp(1, 104) : (double)(nextafterf(f, INFINITY) - f);
}

static void elements_are_near_the_truth(void **state)
{
    (void)state;
    const int n = rounds(1 << 21);
    float *a = malloc((size_t)n * sizeof *a), *b = malloc((size_t)n * sizeof *b), *y = malloc((size_t)n * sizeof *y);
    for (int i = 0; i < n; i++) {
        a[i] = -110.0f + 200.0f * (float)i / (float)n; /* e^x from zero to infinity */
        if (i % 4 == 0) a[i] *= 0.05f;                 /* denser near zero */
        if (i % 16 == 0) a[i] *= 1e-4f;
        b[i] = normal();
    }
    FOR_LEVELS(K)
    for (int o = 0; o < N_OPS; o++) {
        OP[o].op(K, y, a, b, n);
        double worst = 0;
        for (int i = 0; i < n; i++) {
            const double want = OP[o].truth((double)a[i], (double)b[i]);
            if (fabs(want) > (double)FLT_MAX) {
                assert_true(isinf(y[i]));
                continue;
            }
            const double error = fabs((double)y[i] - want) - OP[o].absolute * fabs((double)a[i]);
            if (isnan(y[i])) fail_msg("%s %s(%g) is NaN", K->name, OP[o].name, (double)a[i]);
            worst = worse(worst, error / ulp_of(want));
        }
        char what[80];
        snprintf(what, sizeof what, "%s, %s, ulp", K->name, OP[o].name);
        assert_within(what, worst, OP[o].ulps);
    }
    free(a), free(b), free(y);
}

/* In one call, in any pieces, in place: the same bits, and nothing else is touched. */
static void elements_do_not_know_their_place(void **state)
{
    (void)state;
    FOR_LEVELS(K)
    for (int o = 0; o < N_OPS; o++)
        for (int round = 0; round < rounds(60); round++) {
            const int n = pick(100);
            Fenced a = fenced_floats(n, normal), b = fenced_floats(n, normal), y = fenced(a.bytes), z = fenced(a.bytes);
            OP[o].op(K, floats(&y), floats(&a), floats(&b), n);
            for (int i = 0, piece; i < n; i += piece) {
                piece = 1 + pick(n - i);
                OP[o].op(K, floats(&z) + i, floats(&a) + i, floats(&b) + i, piece);
            }
            assert_memory_equal(y.data, z.data, y.bytes);
            if (OP[o].op != op_add_scaled) { /* that one reads a after it has written y */
                OP[o].op(K, floats(&a), floats(&a), floats(&b), n);
                assert_memory_equal(y.data, a.data, y.bytes);
            }
            unfence(&a), unfence(&b), unfence(&y), unfence(&z);
        }
}

static void special_values_come_through(void **state)
{
    (void)state;
    FOR_LEVELS(K)
    for (int place = 0; place < 35; place++) { /* in the body of the vectors and in what is left */
        float a[35], b[35], y[35];
        for (int o = 0; o < N_OPS; o++) {
            for (int i = 0; i < 35; i++) a[i] = b[i] = 1;
            a[place] = NAN;
            OP[o].op(K, y, a, b, 35);
            for (int i = 0; i < 35; i++) assert_int_equal(isnan(y[i]) != 0, i == place);
        }
        for (int i = 0; i < 35; i++) a[i] = -INFINITY, b[i] = 2;
        a[place] = INFINITY;
        for (int o = 3; o < N_OPS; o++) { /* the gates and exp */
            OP[o].op(K, y, a, b, 35);
            for (int i = 0; i < 35; i++) assert_true(i == place ? y[i] == INFINITY : y[i] == 0);
        }
        a[place] = -3e38f;
        for (int o = 3; o < N_OPS; o++) {
            OP[o].op(K, y, a, b, 35);
            assert_true(y[place] == 0);
        }
        a[place] = 3e38f;
        K->gelu_tanh(y, a, 35);
        assert_true(y[place] == 3e38f);
    }
}

/* --- sums and norms --- */

static void exp_sum_is_the_sum_of_what_it_wrote(void **state)
{
    (void)state;
    FOR_LEVELS(K)
    {
        double worst = 0;
        for (int round = 0; round < rounds(300); round++) {
            const int n = pick(800);
            Fenced x = fenced_floats(n, normal), y = fenced(x.bytes);
            const float sum = K->exp_sum(floats(&y), floats(&x), 0.7f, n);
            double want = 0;
            for (int i = 0; i < n; i++) want += (double)floats(&y)[i];
            worst = worse(worst, n ? fabs((double)sum - want) / want : fabs((double)sum));
            unfence(&x), unfence(&y);
        }
        assert_within(K->name, worst, 3e-6);
        float masked[20], y[20]; /* a row of scores with masked keys */
        for (int i = 0; i < 20; i++) masked[i] = i % 3 ? -INFINITY : 1.5f;
        assert_true(K->exp_sum(y, masked, 1.5f, 20) == 7);
        for (int i = 0; i < 20; i++) assert_true(y[i] == (i % 3 ? 0.0f : 1.0f));
    }
}

static void max_finds_the_largest(void **state)
{
    (void)state;
    FOR_LEVELS(K)
    for (int n = 1; n < 120; n++) {
        Fenced x = fenced_floats(n, normal);
        const int place = pick(n);
        float want = -INFINITY;
        for (int i = 0; i < n; i++) want = fmaxf(want, floats(&x)[i] -= 10); /* the empty lanes must not win */
        assert_true(K->max(floats(&x), n) == want);
        floats(&x)[place] = 5;
        assert_true(K->max(floats(&x), n) == 5);
        floats(&x)[place] = INFINITY;
        assert_true(K->max(floats(&x), n) == INFINITY);
        floats(&x)[place] = NAN;
        if (n > 1) assert_true(K->max(floats(&x), n) < 0);
        for (int i = 0; i < n; i++) floats(&x)[i] = -INFINITY;
        assert_true(K->max(floats(&x), n) == -INFINITY);
        unfence(&x);
    }
}

static void norms_are_near_the_truth(void **state)
{
    (void)state;
    FOR_LEVELS(K)
    {
        double worst_rms = 0, worst_layer = 0;
        for (int round = 0; round < rounds(300); round++) {
            const int n = round < 100 ? round : pick(2600);
            Fenced x = fenced_floats(n, normal), w = fenced_floats(n, normal), b = fenced_floats(n, normal);
            Fenced rms = fenced(x.bytes), layer = fenced(x.bytes);
            for (int i = 0; i < n; i++) floats(&x)[i] += 3; /* a mean that is not small beside the deviation */
            double mean = 0, squares = 0, variance = 0;
            for (int i = 0; i < n; i++) mean += (double)floats(&x)[i] / n;
            for (int i = 0; i < n; i++) squares += pow((double)floats(&x)[i], 2) / n;
            for (int i = 0; i < n; i++) variance += pow((double)floats(&x)[i] - mean, 2) / n;
            K->rms_norm(floats(&rms), floats(&x), floats(&w), n, 1e-6f);
            K->layer_norm(floats(&layer), floats(&x), floats(&w), floats(&b), n, 1e-5f);
            for (int i = 0; i < n; i++) {
                const double xi = (double)floats(&x)[i], wi = (double)floats(&w)[i], bi = (double)floats(&b)[i];
                const double true_rms = xi / sqrt(squares + 1e-6) * wi;
                const double true_layer = (xi - mean) / sqrt(variance + 1e-5) * wi + bi;
                worst_rms = worse(worst_rms, fabs((double)floats(&rms)[i] - true_rms));
                worst_layer = worse(worst_layer, fabs((double)floats(&layer)[i] - true_layer));
            }
            K->rms_norm(floats(&x), floats(&x), floats(&w), n, 1e-6f); /* in place */
            assert_memory_equal(x.data, rms.data, x.bytes);
            unfence(&x), unfence(&w), unfence(&b), unfence(&rms), unfence(&layer);
        }
        char what[80];
        snprintf(what, sizeof what, "%s, rms_norm", K->name);
        assert_within(what, worst_rms, 3e-5);
        snprintf(what, sizeof what, "%s, layer_norm", K->name);
        assert_within(what, worst_layer, 1e-4); /* a mean three deviations off, of up to 2600 values */
    }
}

static void rope_turns_the_pairs(void **state)
{
    (void)state;
    FOR_LEVELS(K)
    {
        double worst = 0;
        for (int d = 0; d <= 260; d += 2) {
            const int h = d / 2;
            Fenced x = fenced_floats(d, normal), halves = fenced(x.bytes), pairs = fenced(x.bytes);
            Fenced cosine = fenced_floats(h, normal), sine = fenced_floats(h, normal);
            memcpy(halves.data, x.data, x.bytes);
            memcpy(pairs.data, x.data, x.bytes);
            K->rope_halves(floats(&halves), floats(&cosine), floats(&sine), d);
            K->rope_interleaved(floats(&pairs), floats(&cosine), floats(&sine), d);
            for (int i = 0; i < h; i++)
                for (int form = 0; form < 2; form++) {
                    const float *out = form ? floats(&pairs) : floats(&halves);
                    const double a = (double)floats(&x)[form ? 2 * i : i],
                                 b = (double)floats(&x)[form ? 2 * i + 1 : i + h];
                    const double c = (double)floats(&cosine)[i], s = (double)floats(&sine)[i];
                    worst = worse(worst, fabs((double)out[i] - (a * c - b * s)));
                    worst = worse(worst, fabs((double)out[i + h] - (b * c + a * s)));
                }
            unfence(&x), unfence(&halves), unfence(&pairs), unfence(&cosine), unfence(&sine);
        }
        assert_within(K->name, worst, 3e-6); /* values up to 3, products up to 9: two roundings of 2^-24 */
    }
}

/* --- choosing a level --- */

static void a_level_is_found_by_its_name(void **state)
{
    (void)state;
    Error e;
    for (int l = 0; l < CPU_LEVELS; l++) {
        CpuLevel found = CPU_LEVELS;
        const bool ok = cpu_level_find(cpu_level_name((CpuLevel)l), &found, &e);
        assert_int_equal(ok, l <= (int)cpu_best());
        if (ok)
            assert_string_equal(kernels_get(found)->name, cpu_level_name((CpuLevel)l));
        else
            assert_non_null(strstr(e.text, "this processor has only"));
    }
    CpuLevel found;
    assert_false(cpu_level_find("sse9", &found, &e));
    assert_non_null(strstr(e.text, cpu_level_name((CpuLevel)(CPU_LEVELS - 1))));
}

static void the_machine_has_limits(void **state)
{
    (void)state;
    Error e;
    Pool *p = pool_open(2, &e);
    assert_non_null(p);
    MachineLimits limits;
    assert_true(machine_measure(p, cpu_best(), &limits, &e));
    assert_int_equal(limits.threads, 2);
    assert_true(limits.read_one.median > 0 && limits.read_one.best >= limits.read_one.median);
    assert_true(limits.read_all.best > 0);
    assert_int_equal(limits.f32_one.best > 0, cpu_best() > CPU_SCALAR);
    assert_int_equal(limits.bf16_all.best > 0, cpu_multiplies_bf16(cpu_best()));
    assert_int_equal(limits.int8_all.best > 0, cpu_best() > CPU_SCALAR);
    pool_close(p);
}

static void limits_can_be_asked_at_any_moment(void **state)
{
    (void)state;
    Error e;
    Pool *p = pool_open(2, &e);
    ReadProbe *r = read_probe_open(p, &e);
    assert_non_null(r);
    for (int i = 0; i < 3; i++) assert_true(read_probe_now(r) > 0);
    assert_int_equal(machine_peak_now(p, cpu_best(), COMPUTE_INT8) > 0, cpu_best() > CPU_SCALAR);
    assert_true(machine_peak_now(p, CPU_SCALAR, COMPUTE_F32) == 0);
    read_probe_close(r);
    pool_close(p);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--bench") == 0) return bench_kernels(argc > 2 ? argv[2] : NULL);
    const struct CMUnitTest tests[] = {
        TEST(products_are_exact_sums),
        TEST(products_do_not_know_their_company),
        TEST(large_products_have_no_seams),
        TEST(int8_products_stand_any_values),
        TEST(matmul_add_goes_through_k_in_order),
        TEST(conversions_have_the_bits_of_the_definition),
        TEST(quantised_rows_have_the_bits_of_the_definition),
        TEST(conversions_of_any_length_stay_in_bounds),
        TEST(elements_are_near_the_truth),
        TEST(elements_do_not_know_their_place),
        TEST(special_values_come_through),
        TEST(exp_sum_is_the_sum_of_what_it_wrote),
        TEST(max_finds_the_largest),
        TEST(norms_are_near_the_truth),
        TEST(rope_turns_the_pairs),
        TEST(a_level_is_found_by_its_name),
        TEST(the_machine_has_limits),
        TEST(limits_can_be_asked_at_any_moment),
    };
    const char *seed = getenv("VL2_SEED");
    rng.seed = seed ? strtoull(seed, NULL, 10) : 1;
    printf("# seed %llu, up to %s\n", (unsigned long long)rng.seed, cpu_level_name(cpu_best()));
    return run_as_tap(tests, (int)(sizeof tests / sizeof *tests));
}
