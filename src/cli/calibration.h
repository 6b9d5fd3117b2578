/* calibration.h - `vl2 quantize --calibrate`: conversations from a file go through a model, to learn what matters in it. */
#ifndef VL2_CLI_CALIBRATION_H
#define VL2_CLI_CALIBRATION_H

#include "cli/options.h"

/* `conversations`: one in the official form, or, in a file whose name ends in .jsonl, one in each line. What was learnt is
 * written to `out`. ERR_CANCELLED at Ctrl-C: nothing is written then. */
bool calibrate_from_file(const EngineArgs *model, const char *conversations, const char *out, NoteArgs *notes,
                         Error *e);

#endif
