/* plot_text.h - a log of training as lines of text: the loss as a field of blocks, the rest as one line each. */
#ifndef VL2_CLI_PLOT_TEXT_H
#define VL2_CLI_PLOT_TEXT_H

#include "base/str.h"
#include "train/train_history.h"

/* Appends lines of at most `columns` columns, but for the log's name. */
void plot_text(const TrainHistory *h, int columns, Str *out);

#endif
