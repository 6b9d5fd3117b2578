/* calibrate.h - while prompts run through an engine, averages the squares of what goes into each matrix: its Importance. */
#ifndef VL2_ENGINE_CALIBRATE_H
#define VL2_ENGINE_CALIBRATE_H

#include "engine/engine.h"
#include "format/importance.h"

/* Each mean is taken as if there had been so many more rows of the mean over all columns: an expert that saw few rows
 * says little about its columns, and no column counts for nothing. */
enum { CALIBRATION_PRIOR_ROWS = 2 };

typedef struct Calibration Calibration;

/* Sees every product of `e` from now on. Whoever submits prompts takes the answers with max_tokens 1: what counts is the
 * prompt. Tokens whose keys come from the cache are not seen again. The weights must be those of the files: a matrix in
 * another place is an error at the end. */
Calibration *calibration_begin(Vl2Engine *e);

/* Looks no more, frees c. NULL and *e if nothing was seen, or a matrix that is not in the model's files. A matrix that no
 * row went into, such as an expert that was never chosen, is left out. */
Importance *calibration_end(Calibration *c, Error *e);

#endif
