/* backprop.h - loss and gradients of a batch of samples: vision, projector and language forward with a tape, then back.
 *
 * Every sample is a sequence of its own, from position 0: no attention across samples, no padding. The loss is the sum of
 * -log p(label) over all labels. */
#ifndef VL2_TRAIN_BACKPROP_H
#define VL2_TRAIN_BACKPROP_H

#include "nn/tape.h"
#include "train/params.h"
#include "train/sample.h"

typedef struct {
    bool recompute; /* keep the inputs of blocks only */
    bool balance;   /* add the gradient of the experts' balance loss */
} BackpropOptions;

typedef struct {
    const Model *model;
    BackpropOptions options;
    Run run;
    Tape tape;
    bool vision_trained, projector_trained;
    int *load; /* what reports point to */
} Backprop;

/* After params_open(): what is trainable is seen from the model's weights. The pool stays with its owner. */
bool backprop_open(Backprop *b, const Model *m, const Kernels *k, Pool *pool, const BackpropOptions *o, Error *e);
void backprop_close(Backprop *b);

typedef struct {
    double loss; /* the sum over labels, not scaled */
    int64_t n_labels;
    int64_t n_tokens;
} BackpropResult;

/* Adds scale times the gradient of the sum of losses to the gradients; scale 0 means 1 / labels, for their mean. The balance
 * loss comes with weight 1, whatever the scale. With gradients == false: the loss alone. Fails only where memory ends. */
bool backprop(Backprop *b, const Sample *samples, int n, float scale, bool gradients, BackpropResult *out, Error *e);

/* Of the last batch with gradients: the layer's balance loss and load; of a dense layer zeros. */
const ExpertReport *backprop_report(const Backprop *b, int layer);

#endif
