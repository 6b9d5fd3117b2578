/* sampler.h - from logits to the next token, in the order and by the definitions of the transformers library. */
#ifndef VL2_ENGINE_SAMPLER_H
#define VL2_ENGINE_SAMPLER_H

#include "base/error.h"
#include "base/rng.h"
#include "vl2.h"

typedef struct {
    Vl2Sampling options;
    int vocab;
    float *score;   /* [vocab] scratch */
    int32_t *order; /* [vocab] scratch: a heap of ids */
    int32_t *count; /* [vocab]: times in the answer */
    bool *seen;     /* [vocab]: in the prompt or the answer */
    Rng rng;
} Sampler;

/* Checks the options: an error names the one that is out of range. prompt[0..n) counts as seen. */
bool sampler_open(Sampler *s, const Vl2Sampling *o, int vocab, const int32_t *prompt, int n, Error *e);
void sampler_close(Sampler *s);

/* Chooses the next token and counts it as part of the answer. Does not change the logits. */
int32_t sampler_next(Sampler *s, const float *logits);

/* What sampler_next() would draw from, probability of every token; for temperature > 0. Tests read it. */
void sampler_distribution(Sampler *s, const float *logits, float *probability);

#endif
