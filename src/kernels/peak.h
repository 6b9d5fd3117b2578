/* peak.h - inside the room: loops that do nothing but add up products in registers. */
#ifndef VL2_KERNELS_PEAK_H
#define VL2_KERNELS_PEAK_H

#include "kernels/kernels.h"

typedef struct {
    void (*loop)(long rounds); /* NULL if there is none; the processor must have the level */
    double operations;         /* in a round: accumulators x lanes x products x (multiply and add) */
} Peak;

Peak peak_of(CpuLevel l, Compute c);

#endif
