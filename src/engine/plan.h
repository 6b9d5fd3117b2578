/* plan.h - how much memory an engine takes, known before any of it is used. `vl2 info` prints it; the engine sizes its step
 * arena by it. */
#ifndef VL2_ENGINE_PLAN_H
#define VL2_ENGINE_PLAN_H

#include <stdint.h>

#include "kernels/kernels.h"
#include "model/config.h"

typedef struct {
    uint64_t weights;         /* bytes of the files: mapped, shared with the page cache */
    uint64_t vectors;         /* bindings, norms and biases in f32 */
    uint64_t cache_per_token; /* all layers */
    uint64_t cache;           /* of all positions; committed as it fills */
    uint64_t step_language;   /* activations of the largest step: a chunk, a row of each sequence, guesses */
    uint64_t step_vision;     /* activations of one tile */
    uint64_t step;            /* the larger of the two: they take turns */
    uint64_t request;         /* pictures and image rows of one request with nine tiles */
    uint64_t total;           /* everything */
} MemoryPlan;

typedef struct {
    uint64_t weights; /* bytes of the files */
    int sequences, chunk, guesses, threads;
    uint64_t cache_tokens;
    DType cache_type; /* DT_F32 in f32 compute, DT_BF16 in bf16 */
} PlanLimits;

void memory_plan(MemoryPlan *p, const Config *c, const Kernels *k, const PlanLimits *l);

/* On a machine with `machine` bytes of memory: how many of `needed` bytes of weights, all of them met again and again, come from
 * the disk each time. 0 if everything fits. */
uint64_t plan_read_again(const MemoryPlan *p, uint64_t machine, uint64_t needed);

#endif
