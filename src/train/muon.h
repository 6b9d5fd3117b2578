/* muon.h - the optimizer Muon for matrices (Jordan et al. 2024): momentum, made orthogonal.
 *
 *     m = 0.95 m + g;   O = orthogonal(g + 0.95 m);   w = (1 - rate * decay) w - rate * 0.2 sqrt(max(rows, columns)) O
 *
 * orthogonal(): five steps of the Newton-Schulz iteration with Jordan's coefficients, which bring all singular values near 1. The
 * factor makes a step as large as one of AdamW, so that rate and decay are shared with it (Liu et al. 2025, "Muon is Scalable
 * for LLM Training"). */
#ifndef VL2_TRAIN_MUON_H
#define VL2_TRAIN_MUON_H

#include "base/pool.h"
#include "kernels/kernels.h"

typedef struct {
    float *value, *momentum; /* [rows][cols] */
    const float *grad;
    int rows, cols;
    double rate;
} MuonMatrix;

/* Gradients are multiplied with `factor`. Each matrix is one thread's: the bits do not depend on their number. */
void muon_update(const Kernels *k, Pool *pool, const MuonMatrix *m, int n, double weight_decay, float factor);

#endif
