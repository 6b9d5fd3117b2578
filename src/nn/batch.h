/* batch.h - the rows of one step: tokens or ready image rows of any mix of sequences and phases.
 *
 * The rows of one sequence stand together, in order of position, at most one span of them in a batch. A row's arithmetic
 * depends on its sequence's history and its own position alone, never on the other rows of the batch. */
#ifndef VL2_NN_BATCH_H
#define VL2_NN_BATCH_H

#include "nn/run.h"

typedef struct {
    int32_t token; /* what is embedded, unless an image row is there */
    Vector image;  /* a ready row [hidden_size], or without data */
    int position;  /* 0 for the first token of the sequence */
    int sequence;  /* slot in the cache */
    int length;    /* tokens that the sequence is known to have: max(prompt, position + 1). Dynamic RoPE asks */
    bool wants_logits;
} BatchRow;

typedef struct {
    const BatchRow *row;
    int n;
} Batch;

#endif
