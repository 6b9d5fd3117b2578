/* levels.h - inside the room: the table of each instruction set, and what the tables share. */
#ifndef VL2_KERNELS_LEVELS_H
#define VL2_KERNELS_LEVELS_H

#include "kernels/kernels.h"

extern const Kernels kernels_scalar;

/* The error function stays with the C library at every level: the exact gelu is rare (the mlp_gelu projector). */
void scalar_gelu_erf(float *y, const float *x, int n);

#endif
