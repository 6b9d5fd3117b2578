/* result.h - what a run made, in a form that other programs and vl2 itself take. */
#ifndef VL2_TRAIN_RESULT_H
#define VL2_TRAIN_RESULT_H

#include "train/trainer.h"

/* A model in the published layout, trained parameters in the number types that the model had; or, where adapters were trained, a
 * PEFT folder. What was there under this name is replaced once the new one is complete. */
bool trainer_write_result(const Trainer *t, const char *folder, Error *e);

#endif
