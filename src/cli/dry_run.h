/* dry_run.h - `vl2 train --dry-run`: what training would learn from, for a person or, with --json, a program. */
#ifndef VL2_CLI_DRY_RUN_H
#define VL2_CLI_DRY_RUN_H

#include "cli/train_options.h"

bool dry_run(const TrainArgs *a, const Dataset *d, const SampleRules *rules, Pool *pool, Error *e);

#endif
