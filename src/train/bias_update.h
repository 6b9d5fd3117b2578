/* bias_update.h - load balancing without a loss (DeepSeek-V3): the correction bias of noaux_tc moves by a step of fixed size
 * against the load of each expert. Gradients never reach it. */
#ifndef VL2_TRAIN_BIAS_UPDATE_H
#define VL2_TRAIN_BIAS_UPDATE_H

/* load [n]: rows that each expert got in the step, of all batches and machines together. An expert with more than the mean goes
 * down by `rate`, one with less goes up. */
void bias_update(float *bias, const int *load, int n, float rate);

#endif
