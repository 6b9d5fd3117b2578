/* optimizer.h - AdamW with decoupled weight decay (Loshchilov, Hutter 2019), as PyTorch computes it; clipping by the global norm;
 * learning rates over the steps. */
#ifndef VL2_TRAIN_OPTIMIZER_H
#define VL2_TRAIN_OPTIMIZER_H

#include <stdint.h>

#include "base/arena.h"
#include "base/pool.h"
#include "kernels/kernels.h"

typedef struct {
    float beta1, beta2, epsilon, weight_decay;
    double clip_norm; /* 0: never clips */
} AdamOptions;
#define ADAM_DEFAULTS                                                                                                  \
    {                                                                                                                  \
        0.9f, 0.999f, 1e-8f, 0.01f, 1.0                                                                                \
    }

/* The averages of n numbers and how many steps they have seen. */
typedef struct {
    AdamOptions options;
    float *m, *v; /* [n] */
    size_t n;
    int64_t step;
    Arena arena;
} Adam;

bool adam_open(Adam *a, const AdamOptions *o, size_t n, Error *e);
void adam_close(Adam *a); /* of a zeroed Adam: nothing */

/* sqrt of the sum of squares; the sum goes over fixed pieces in order, whatever the threads. Not finite if any number is not. */
double gradient_norm(const Kernels *k, Pool *pool, const float *grad, size_t n);

/* What clipping multiplies gradients with: min(1, clip / (norm + 1e-6)). */
float clip_factor(const AdamOptions *o, double norm);

/* One step over value[begin .. begin + n) with gradients of the same places times `factor`. The caller moves a->step on by one
 * before, once for all ranges of a step; a range may have a learning rate of its own. */
void adam_update(Adam *a, const Kernels *k, Pool *pool, float *value, const float *grad, size_t begin, size_t n,
                 double rate, float factor);

/* ---- learning rates ---- */
typedef enum { SCHEDULE_CONSTANT, SCHEDULE_LINEAR, SCHEDULE_COSINE, SCHEDULES } ScheduleKind;

typedef struct {
    ScheduleKind kind;
    double rate;           /* the highest */
    double last;           /* share of it that is left at the end: linear, cosine */
    int64_t warmup, steps; /* steps of growing from zero; all steps */
} Schedule;

const char *schedule_name(ScheduleKind k);             /* "constant", "linear", "cosine" */
double schedule_rate(const Schedule *s, int64_t step); /* of the step with this number, from 0 */

#endif
