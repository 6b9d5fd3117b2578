/* training.h - a run of `vl2 train` from its options to its folder: data, steps, log, checkpoints, what was learnt. */
#ifndef VL2_CLI_TRAINING_H
#define VL2_CLI_TRAINING_H

#include "cli/train_options.h"

/* Ctrl-C ends it after the step with a checkpoint and ERR_CANCELLED. */
bool training_run(const TrainArgs *a, Error *e);

#endif
