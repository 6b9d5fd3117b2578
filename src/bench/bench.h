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
#ifndef VL2_BENCH_BENCH_H
#define VL2_BENCH_BENCH_H

#include "bench/measured.h"
#include "engine/engine.h"

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

typedef struct {
    const int *at;
    int n;
} BenchList;

typedef struct {
    bool test[BENCH_TESTS];
    int repeat, tokens;              /* tokens: generated for each measurement of decode */
    BenchList prefill, depth, batch; /* ascending is best: a deeper context goes on from the one before */
    const Vl2Picture *picture;       /* NULL: one made of noise that is one tile */
    BenchWatch watch;                /* after every step */
} BenchPlan;

/* `o`: model, threads, cpu, compute, chunk, log; its context is the longest prompt, to which room for the plan's tokens is
 * added; its sequences are not looked at. On failure *out holds what there is so far; free it in any case. */
bool bench_run(const Vl2Options *o, const BenchPlan *plan, BenchReport *out, Error *e);

#endif
