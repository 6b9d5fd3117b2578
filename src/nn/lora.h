/* lora.h - low-rank adapters on a product (struct Lora in run.h). */
#ifndef VL2_NN_LORA_H
#define VL2_NN_LORA_H

#include "nn/run.h"

/* y += the sum of the list's adapters of x; recorded when there is a tape. */
void lora_add(Run *r, const Tensor *x, const Lora *list, Tensor *y);
#endif
