/* expert_load.h - how evenly an engine's routers use the experts. */
#ifndef VL2_ENGINE_EXPERT_LOAD_H
#define VL2_ENGINE_EXPERT_LOAD_H

#include <stdint.h>

#include "nn/run.h"

typedef struct {
    uint64_t rows; /* given to experts so far, over all layers */
    double
        busiest; /* the rows of a layer's busiest expert over those of its mean one, averaged over the layers; 0: no rows */
    double unused; /* the share of experts that had no row */
} ExpertLoad;

void expert_count_open(ExpertCount *c, int layers, int experts); /* without experts: nothing is counted */
void expert_count_close(ExpertCount *c);
ExpertLoad expert_load(const ExpertCount *c); /* from any thread */

#endif
