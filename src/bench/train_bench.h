/* train_bench.h - how fast training is: whole steps (forward, backward, clipping, AdamW) of all parameters, of adapters, and of
 * adapters on a base of 4 bits; with every activation kept, and with layers computed again.
 *
 * Each of these modes opens the model anew and makes one step to warm up, then as many as the plan says. Of each it gives
 *     MODE step     tokens a second, optimizer included
 *     MODE pass     tokens a second of forward and backward alone, beside the f32 peak measured right before and after
 *     MODE memory   the most that was resident after a step, weights that were read included
 * The limit is the least that the mathematics needs, as in engine/work.h: a product with a weight takes 2 operations forward, 2
 * for the gradient of its input where anything before it learns, and 2 for its own where it learns itself; attention 3 times its
 * forward. What recomputation adds counts as lost. */
#ifndef VL2_BENCH_TRAIN_BENCH_H
#define VL2_BENCH_TRAIN_BENCH_H

#include "bench/measured.h"

typedef enum {
    TRAIN_FULL,
    TRAIN_FULL_RECOMPUTE,
    TRAIN_LORA,
    TRAIN_LORA_RECOMPUTE,
    TRAIN_QLORA,
    TRAIN_QLORA_RECOMPUTE,
    TRAIN_MODES
} TrainMode;
extern const char *const TRAIN_MODE_NAMES[TRAIN_MODES + 1]; /* "full", "full-recompute" ..., ended by NULL */

typedef struct {
    const char *model, *cpu; /* cpu NULL: the best */
    int threads;             /* 0: one for each processor */
    bool mode[TRAIN_MODES];
    bool asked;          /* what cannot be measured is an error; else it is left out, and the report says so */
    int samples, length; /* of a step: random tokens, all of them labels, */
    const char *image;   /* or this picture with a short answer, and `length` is not looked at */
    int rank;            /* of adapters, on the matrices that `vl2 train` would choose */
    int repeat;
    BenchWatch watch; /* after every step */
} TrainBenchPlan;

/* A model without quantised weights is written in Q4_0 to a file under $TMPDIR, or /tmp, for the modes that need it; the file
 * is gone in the end. On failure *out holds what there is so far; free it in any case. */
bool train_bench_run(const TrainBenchPlan *plan, BenchReport *out, Error *e);

#endif
