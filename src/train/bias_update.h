/* bias_update.h - load balancing without a loss (DeepSeek-V3): the correction bias of noaux_tc moves by a step of fixed size
 * against the load of each expert. Gradients never reach it. */
#ifndef VL2_TRAIN_BIAS_UPDATE_H
#define VL2_TRAIN_BIAS_UPDATE_H

#include "model/model.h"
#include "train/ranks.h"

/* load [n]: rows that each expert got in the step, of all batches and machines together: whole numbers. An expert with more than
 * the mean goes down by `rate`, one with less goes up. */
void bias_update(float *bias, const double *load, int n, float rate);

/* The bias of one layer, in the place of the model's. */
typedef struct {
    char *name;
    int layer, n;
    float *bias;
    double *load; /* of the step so far */
} BiasLayer;

typedef struct {
    float rate;
    BiasLayer *layer;
    int n, capacity;
} BiasUpdates;

/* A model without such a bias is an error. The model must not be used after bias_updates_close(). */
bool bias_updates_open(BiasUpdates *b, Model *m, float rate, Error *e);
void bias_updates_close(BiasUpdates *b); /* of zeroed BiasUpdates: nothing */

/* A step: begin; the loads of each batch; the update, on all ranks. */
void bias_updates_begin(BiasUpdates *b);
void bias_updates_see(BiasUpdates *b, int layer, const int *load);
void bias_updates_step(BiasUpdates *b, const Ranks *r);

#endif
