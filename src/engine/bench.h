/* bench.h - how near a model comes to the limits of this machine, measured through the requests that also answer people.
 *
 * The model is opened and the machine measured, for 1, 2, 4 ... threads. Then, as often as the plan says:
 *     load         opening the model's files, warm, without vision and prefill; resident memory after it, and the most
 *                  that any step left resident (weights that were read, cache, step; without the probe's own buffer)
 *     vision       seconds for a tile that is encoded (a picture's only tile has the pixels of its global view: one)
 *     first-token  from the submission of a question about one picture to its first token
 *     prefill      tokens a second of random prompts of given lengths
 *     decode       tokens a second after random prompts of given lengths
 *     batch        tokens a second of several sequences together
 * Limits (engine/work.h) are those of the same moment: peaks are measured before and after every sample of vision, first
 * token and prefill, the read bandwidth before and after every 8 steps of decode and batch, each of which is a sample.
 *
 * What a table, a file or a chart needs to be compared later stands in the report: machine, model, types, version, date. */
#ifndef VL2_ENGINE_BENCH_H
#define VL2_ENGINE_BENCH_H

#include "engine/engine.h"
#include "kernels/machine.h"

typedef enum {
    BENCH_LOAD,
    BENCH_VISION,
    BENCH_FIRST_TOKEN,
    BENCH_PREFILL,
    BENCH_DECODE,
    BENCH_BATCH,
    BENCH_TESTS
} BenchTest;
extern const char *const BENCH_TEST_NAMES[BENCH_TESTS + 1]; /* "load" ..., ended by NULL */

/* Middle and spread of samples: p10 to p90, of fewer than ten samples the smallest and the largest. n = 0: none. */
typedef struct {
    double median, low, high;
    int n;
} Spread;
Spread spread_of(double *sample, int n); /* sorts them */

/* One line of results. */
typedef struct {
    char name[24]; /* "prefill"; with `at` it is unique in a report */
    int at;        /* tokens of the prompt, positions in the cache, sequences; 0 where there is nothing to say */
    char at_unit[16];
    char unit[16];
    bool less_is_better;
    Spread value;
    char limit_of[32]; /* what the share is of: "read bandwidth", "peak"; "" : no limit */
    double limit;      /* in units of the value, median */
    Spread share;
    double times_one; /* batch: against one sequence; 0: not known */
} BenchRow;

typedef struct {
    int threads;
    double read, f32, bf16, int8; /* GB/s, GFLOP/s, GOP/s; 0: none at this level */
} MachineRow;

typedef struct {
    char version[16], date[24]; /* ISO 8601, UTC */
    char cpu[96];
    int processors, threads;
    char level[16], best_level[16];
    uint64_t memory; /* bytes of the machine */
    MachineRow machine[16];
    int n_machine;

    char model[256]; /* the directory's name */
    uint64_t bytes;  /* of its files */
    char types[96];  /* "BF16 100 %": of the parameters */
    char compute[16], cache[16];
    int layers, width, context, chunk;
    double weights_of_token, bytes_of_token; /* what a token needs in decode, without cache */

    int repeat, tokens;
    bool complete; /* false: ended early */
    BenchRow *row;
    int n_rows, capacity;
} BenchReport;
void bench_report_free(BenchReport *r);

typedef struct {
    const int *at;
    int n;
} BenchList;

typedef struct {
    bool test[BENCH_TESTS];
    int repeat, tokens;              /* tokens: generated for each measurement of decode */
    BenchList prefill, depth, batch; /* ascending is best: a deeper context goes on from the one before */
    const Vl2Picture *picture;       /* NULL: one made of noise that is one tile */
    /* Called after every step; `done` from 0 to 1 is an estimate. False ends the bench with what there is. */
    bool (*go_on)(void *context, const char *what, double done);
    void *context;
} BenchPlan;

/* `o`: model, threads, cpu, compute, chunk, log; its context is the longest prompt, to which room for the plan's tokens is
 * added; its sequences are not looked at. On failure *out holds what there is so far; free it in any case. */
bool bench_run(const Vl2Options *o, const BenchPlan *plan, BenchReport *out, Error *e);

#endif
