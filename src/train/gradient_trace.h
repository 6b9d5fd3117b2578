/* gradient_trace.h - the gradients of one batch, whole, in one safetensors file: for comparing with any other implementation. */
#ifndef VL2_TRAIN_GRADIENT_TRACE_H
#define VL2_TRAIN_GRADIENT_TRACE_H

#include "train/dataset.h"

typedef struct {
    const char *model; /* path */
    const char *data;  /* records; all of them are one batch, each a sequence of its own */
    const char *out;   /* the file to write */
    const char *lora;  /* PEFT directory: the gradients of its matrices, of nothing else; NULL: of all parameters */
    const char *cpu;   /* NULL: the best */
    int threads;       /* 0: one for each processor */
    int adam_steps;    /* so many steps of AdamW on the same batch; 0: none */
    ImageOptions pictures;
    AddedTokens added;
} GradientTrace;

/* Everything in f32, without dropout, questions masked, the loss a mean over labels, the balance loss's gradient added. Writes
 *   input_ids, labels   [samples, longest], left-aligned, filled up with the pad token and -100
 *   loss, grad_global_norm   one number; aux_loss.N of each layer of experts that has one
 *   grad.<parameter>   in its published shape; of an adapter <module>.lora_A.weight
 *   after.<parameter>  after adam_steps steps: rate 1e-3, betas 0.9 and 0.999, epsilon 1e-8, decay 0.01, norm clipped to 1 */
bool gradient_trace(const GradientTrace *g, Error *e);

#endif
