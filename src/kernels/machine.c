/* machine.c - see machine.h. Reads are plain 8-byte loads in eight sums, which every compiler turns into vectors; with
 * and without asking for the lines ahead, and the better of the two counts: processors differ in which it is. */
#include "kernels/machine.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"
#include "base/mem.h"
#include "kernels/peak.h"

enum { RUNS = 9, PIECE = 4 << 20, PIECES = 64, AHEAD_BYTES = 4096 };
static const double LONG_ENOUGH = 0.5; /* s: fewer runs where each takes long */

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of up to RUNS runs on `n` pieces of work, `all` over the threads of the pool; `amount` is what one run does. */
static Rate rate_of(Pool *p, bool all, int n, PoolTask *task, void *context, double amount)
{
    const double begin = clock_now();
    double rate[RUNS];
    int runs = 0;
    while (runs < RUNS && (runs == 0 || clock_now() - begin < LONG_ENOUGH)) {
        const double start = clock_now();
        if (all)
            pool_run(p, n, task, context);
        else
            for (int i = 0; i < n; i++) task(context, i, 0);
        rate[runs++] = amount / (clock_now() - start) * 1e-9;
    }
    qsort(rate, (size_t)runs, sizeof rate[0], ascending);
    return (Rate){ rate[runs / 2], rate[runs - 1] };
}

/* --- reading --- */

typedef struct {
    unsigned char *bytes;
    bool ask_ahead;
    uint64_t found[PIECES]; /* so that no load is useless */
} Reading;

static void read_piece(void *context, int i, int thread)
{
    (void)thread;
    Reading *r = context;
    const unsigned char *from = r->bytes + (size_t)i * PIECE;
    uint64_t sum[8] = { 0 };
    for (size_t at = 0; at < PIECE; at += sizeof sum) {
        uint64_t line[8];
        if (r->ask_ahead) __builtin_prefetch(from + at + AHEAD_BYTES);
        memcpy(line, from + at, sizeof line);
        for (int q = 0; q < 8; q++) sum[q] |= line[q];
    }
    for (int q = 0; q < 8; q++) r->found[i] |= sum[q];
}

static Rate read_rate(Pool *p, bool all, Reading *r)
{
    r->ask_ahead = false;
    const Rate plain = rate_of(p, all, PIECES, read_piece, r, (double)PIECES * PIECE);
    r->ask_ahead = true;
    const Rate ahead = rate_of(p, all, PIECES, read_piece, r, (double)PIECES * PIECE);
    r->ask_ahead = ahead.median > plain.median;
    return r->ask_ahead ? ahead : plain;
}

static bool take_buffer(Reading *r, Error *e)
{
    const size_t bytes = read_probe_bytes();
    void *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (m == MAP_FAILED) return fail(e, ERR_MEMORY, "no %zu MiB to measure the memory with", bytes >> 20);
    madvise(m, bytes, MADV_HUGEPAGE);
    memset(m, 1, bytes); /* untouched pages are all the same one */
    *r = (Reading){ .bytes = m };
    return true;
}

static bool measure_reading(Pool *p, MachineLimits *out, Error *e)
{
    Reading r;
    if (!take_buffer(&r, e)) return false;
    out->read_one = read_rate(p, false, &r);
    out->read_all = read_rate(p, true, &r);
    munmap(r.bytes, read_probe_bytes());
    return true;
}

struct ReadProbe {
    Pool *pool;
    Reading reading;
};

size_t read_probe_bytes(void)
{
    return (size_t)PIECES * PIECE;
}

ReadProbe *read_probe_open(Pool *p, Error *e)
{
    Reading reading;
    if (!take_buffer(&reading, e)) return NULL;
    ReadProbe *r = xcalloc(1, sizeof *r);
    *r = (ReadProbe){ p, reading };
    read_rate(p, true, &r->reading); /* settles whether to ask ahead */
    return r;
}

double read_probe_now(ReadProbe *r)
{
    const double start = clock_now();
    pool_run(r->pool, PIECES, read_piece, &r->reading);
    return (double)read_probe_bytes() / (clock_now() - start) * 1e-9;
}

void read_probe_close(ReadProbe *r)
{
    if (!r) return;
    munmap(r->reading.bytes, read_probe_bytes());
    free(r);
}

/* --- adding up products --- */

enum { ROUNDS = 50000 };

static void run_peak(void *context, int i, int thread)
{
    (void)i;
    (void)thread;
    const Peak *k = context;
    k->loop(ROUNDS);
}

static void measure_peak(Pool *p, Peak peak, Rate *one, Rate *all)
{
    if (!peak.loop) return;
    const int n = 8 * pool_threads(p);
    *one = rate_of(p, false, 8, run_peak, &peak, 8 * ROUNDS * peak.operations);
    *all = rate_of(p, true, n, run_peak, &peak, n * ROUNDS * peak.operations);
}

double machine_peak_now(Pool *p, CpuLevel l, Compute type)
{
    Peak peak = peak_of(l, type);
    const int n = 8 * pool_threads(p);
    return peak.loop ? rate_of(p, true, n, run_peak, &peak, n * ROUNDS * peak.operations).median : 0;
}

bool machine_measure(Pool *p, CpuLevel l, MachineLimits *out, Error *e)
{
    assert(l <= cpu_best());
    *out = (MachineLimits){ .threads = pool_threads(p) };
    measure_peak(p, peak_of(l, COMPUTE_F32), &out->f32_one, &out->f32_all);
    measure_peak(p, peak_of(l, COMPUTE_BF16), &out->bf16_one, &out->bf16_all);
    measure_peak(p, peak_of(l, COMPUTE_INT8), &out->int8_one, &out->int8_all);
    return measure_reading(p, out, e);
}
