/* sampler.h - from logits to the next token, in the order and by the definitions of the transformers library. */
#ifndef VL2_ENGINE_SAMPLER_H
#define VL2_ENGINE_SAMPLER_H

#include "base/error.h"
#include "base/rng.h"
#include "text/token_mask.h"
#include "vl2.h"

/* The tokens that end an answer, which it may not have before it is `least` tokens long. */
typedef struct {
    const int32_t *id; /* [n], lives as long as the sampler */
    int n, least;
} Ending;

typedef struct {
    Vl2Sampling options; /* its arrays are the caller's and end with sampler_open() */
    Ending ending;
    Vl2Bias *bias;   /* [options.n_bias] */
    TokenMask *mask; /* of the answer's format, set by who opened the sampler, closed with it; NULL: free */
    int n_taken;
    int vocab;
    float *score;   /* [vocab] scratch */
    int32_t *order; /* [vocab] scratch: a heap of ids */
    int32_t *count; /* [vocab]: times in the answer */
    bool *seen;     /* [vocab]: in the prompt or the answer */
    Rng rng;
} Sampler;

/* Checks the options: an error names the one that is out of range. prompt[0..n) counts as seen.
 * `ending` NULL: tokens end nothing. */
bool sampler_open(Sampler *s, const Vl2Sampling *o, const Ending *ending, int vocab, const int32_t *prompt, int n,
                  Error *e);
void sampler_close(Sampler *s);

/* Chooses the next token and counts it as part of the answer. Does not change the logits. */
int32_t sampler_next(Sampler *s, const float *logits);

/* out[0] is token `id`, out[1..n) are the n - 1 likeliest ones, best first, all by the logits alone. */
void sampler_likelihoods(Sampler *s, const float *logits, int32_t id, Vl2Likelihood *out, int n);

/* What sampler_next() would draw from, probability of every token; for temperature > 0. Tests read it. */
void sampler_distribution(Sampler *s, const float *logits, float *probability);

#endif
