/* bench_kernels.c - test_kernels --bench [LEVEL]: how near the matrix products come to the limits of the machine.
 *
 * Other programs and other guests of a host share cores, caches and clock. So time is the thread's own, the limit is
 * measured again beside every figure, in turns of a few milliseconds, and medians are compared with medians, best turns
 * with best turns. */
#include "bench_kernels.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "kernels/machine.h"
#include "kernels/peak.h"

enum { TURNS = 25 };

typedef struct {
    const char *what;
    int m, n, k;
    int copies; /* of the weights, taken in turn: more than one where they come from memory, as an expert's do */
} Shape;

static const Shape COMPUTE_BOUND[] = {
    { "vision qkv, proj, fc1", 729, 64, 1152, 1 },
    { "vision fc2", 729, 64, 4304, 1 },
    { "prefill", 421, 64, 1280, 1 },
    { "prefill, dense down", 421, 64, 6848, 1 },
    { "an expert of 48 rows", 48, 896, 1280, 1 },
    { "an expert of 8 rows", 8, 896, 1280, 1 },
    { "scores of a vision head", 729, 736, 72, 1 },
};
static const Shape INT8_BOUND[] = {
    { "vision qkv, proj, fc1", 364, 256, 1152, 1 },
    { "vision fc2", 364, 256, 4304, 1 },
    { "prefill", 421, 256, 1280, 1 },
    { "prefill, dense down", 421, 256, 6848, 1 },
    { "gate, up of 40 rows", 40, 1792, 1280, 32 },
    { "down of 40 rows", 40, 1280, 896, 64 },
    { "gate, up of 8 rows", 8, 1792, 1280, 32 },
};
static const Shape MEMORY_BOUND[] = {
    { "decode, k 1280", 1, 3200, 1280, 2 * TURNS },
    { "decode, k 896", 1, 4600, 896, 2 * TURNS },
    { "decode, k 6848", 1, 600, 6848, 2 * TURNS },
};
#define COUNT(array) (int)(sizeof(array) / sizeof(array)[0])

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static Rate rate_of_turns(double *rate)
{
    qsort(rate, TURNS, sizeof rate[0], ascending);
    return (Rate){ rate[TURNS / 2], rate[TURNS - 1] };
}

/* "what  m n k  median (best) unit  share of the limit" */
static void print_row(DType t, const Shape *s, double *rate, Rate limit, const char *unit)
{
    const Rate r = rate_of_turns(rate);
    printf("%-6s  %-24s %4d %5d %5d  %6.1f (%6.1f) %s", dtype_name(t), s->what, s->m, s->n, s->k, r.median, r.best,
           unit);
    if (limit.best > 0)
        printf("  %4.0f %% (%.0f %%) of %.1f", 100 * r.median / limit.median, 100 * r.best / limit.best, limit.median);
    printf("\n");
}

typedef struct {
    float *y;
    unsigned char *xp, *w;
} Operands;

/* As numbers of type t are multiplied here: those of blocks with int8 activations. */
static Compute compute_of(DType t)
{
    return dtype_is_quantised(t) ? COMPUTE_INT8 : COMPUTE_F32;
}

static Operands operands(const Matmul *mm, DType t, const Shape *s)
{
    const size_t xp_bytes = (size_t)s->m * mm->prepared_bytes(s->k);
    const size_t w_bytes = (size_t)s->copies * (size_t)s->n * dtype_row_bytes(t, (size_t)s->k);
    Operands o = { xmalloc((size_t)s->m * (size_t)s->n * sizeof(float)), aligned_alloc(64, xp_bytes),
                   xmalloc(w_bytes) };
    float *x = xcalloc((size_t)s->k, sizeof *x);
    for (int i = 0; i < s->m; i++) mm->prepare(o.xp + (size_t)i * mm->prepared_bytes(s->k), x, s->k);
    memset(o.w, 0, w_bytes);
    free(x);
    return o;
}

static void free_operands(Operands *o)
{
    free(o->y);
    free(o->xp);
    free(o->w);
}

/* Zero for levels without such a loop. */
static double peak_now(CpuLevel l, Compute c)
{
    enum { ROUNDS = 60000 };
    const Peak peak = peak_of(l, c);
    if (!peak.loop) return 0;
    const double start = thread_seconds();
    peak.loop(ROUNDS);
    return ROUNDS * peak.operations / (thread_seconds() - start) * 1e-9;
}

static void bench_compute(const Kernels *K, CpuLevel l, DType t, const Shape *s)
{
    const Matmul *mm = &K->matmul[compute_of(t)][t];
    Operands o = operands(mm, t, s);
    const size_t stride = dtype_row_bytes(t, (size_t)s->k);
    const double work = 2.0 * s->m * s->n * s->k * 1e-9;
    const int repeats = (int)(0.15 / work) + 1;
    double rate[TURNS], peak[TURNS];
    for (int r = 0, copy = 0; r < TURNS; r++) {
        peak[r] = peak_now(l, compute_of(t));
        const double start = thread_seconds();
        for (int q = 0; q < repeats; q++, copy = (copy + 1) % s->copies) {
            const unsigned char *w = o.w + (size_t)copy * (size_t)s->n * stride;
            mm->run(o.y, (size_t)s->n, o.xp, s->m, w, stride, s->n, s->k);
        }
        rate[r] = repeats * work / (thread_seconds() - start);
    }
    print_row(t, s, rate, rate_of_turns(peak), dtype_is_quantised(t) ? "GOP/s  " : "GFLOP/s");
    free_operands(&o);
}

/* The fastest read we know; the result keeps the compiler from leaving it out. */
static uint64_t read_through(const unsigned char *p, size_t bytes)
{
    uint64_t found[8] = { 0 }, line[8];
    for (size_t at = 0; at + sizeof line <= bytes; at += sizeof line) {
        __builtin_prefetch(p + at + 4096); /* 6 % and more beyond a read without it */
        memcpy(line, p + at, sizeof line);
        for (int q = 0; q < 8; q++) found[q] |= line[q];
    }
    return found[0] | found[1] | found[2] | found[3] | found[4] | found[5] | found[6] | found[7];
}

/* Every turn takes weights that no cache holds; every second piece of them is only read. */
static void bench_stream(const Kernels *K, DType t, const Shape *s)
{
    const Matmul *mm = &K->matmul[compute_of(t)][t];
    const size_t stride = dtype_row_bytes(t, (size_t)s->k), bytes = (size_t)s->n * stride;
    Operands o = operands(mm, t, s);
    double rate[TURNS], read[TURNS];
    uint64_t found = 0;
    for (int r = 0; r < TURNS; r++) {
        const unsigned char *w = o.w + 2 * (size_t)r * bytes;
        const double start = thread_seconds();
        mm->run(o.y, (size_t)s->n, o.xp, 1, w, stride, s->n, s->k);
        const double half = thread_seconds();
        found |= read_through(w + bytes, bytes);
        rate[r] = (double)bytes / (half - start) * 1e-9;
        read[r] = (double)bytes / (thread_seconds() - half) * 1e-9;
    }
    print_row(t, s, rate, rate_of_turns(read), found == 0 ? "GB/s   " : "?");
    free_operands(&o);
}

int bench_kernels(const char *level)
{
    Error e;
    CpuLevel l = cpu_best();
    MachineLimits limits;
    Pool *p = pool_open(0, &e);
    if (!p || (level && !cpu_level_find(level, &l, &e)) || !machine_measure(p, l, &limits, &e)) {
        fprintf(stderr, "%s\n", e.text);
        pool_close(p);
        return 1;
    }
    printf("%s; median (best)\n", cpu_level_name(l));
    printf("f32 peak  1 thread %.1f (%.1f), %d threads %.1f (%.1f) GFLOP/s\n", limits.f32_one.median,
           limits.f32_one.best, limits.threads, limits.f32_all.median, limits.f32_all.best);
    if (limits.bf16_one.best > 0)
        printf("bf16 peak 1 thread %.1f (%.1f), %d threads %.1f (%.1f) GFLOP/s\n", limits.bf16_one.median,
               limits.bf16_one.best, limits.threads, limits.bf16_all.median, limits.bf16_all.best);
    if (limits.int8_one.best > 0)
        printf("int8 peak 1 thread %.1f (%.1f), %d threads %.1f (%.1f) GOP/s\n", limits.int8_one.median,
               limits.int8_one.best, limits.threads, limits.int8_all.median, limits.int8_all.best);
    printf("reading   1 thread %.2f (%.2f), %d threads %.2f (%.2f) GB/s\n", limits.read_one.median,
           limits.read_one.best, limits.threads, limits.read_all.median, limits.read_all.best);
    for (int t = 0; t < DT_MATRIX_TYPES; t++) {
        const Shape *const shape = dtype_is_quantised((DType)t) ? INT8_BOUND : COMPUTE_BOUND;
        const int shapes = dtype_is_quantised((DType)t) ? COUNT(INT8_BOUND) : COUNT(COMPUTE_BOUND);
        for (int s = 0; s < shapes; s++) bench_compute(kernels_get(l), l, (DType)t, &shape[s]);
        for (int s = 0; s < COUNT(MEMORY_BOUND); s++) bench_stream(kernels_get(l), (DType)t, &MEMORY_BOUND[s]);
    }
    pool_close(p);
    return 0;
}
