/* language.h - the DeepSeek-V2 decoder. */
#ifndef VL2_MODEL_LANGUAGE_H
#define VL2_MODEL_LANGUAGE_H

#include "model/weights.h"

/* What follows from the config once: frequencies and the softmax scale. */
typedef struct {
    Rope rope;
    float softmax_scale;
} Positions;

/* Fills p; the frequencies live in the arena. rotary_pairs: the rows of q and k of multi-head attention stand in pairs of
 * what is rotated together, as in GGUF, not in halves; latent attention has pairs in any case. */
bool positions_setup(Positions *p, const LanguageConfig *c, bool rotary_pairs, Arena *arena, Error *e);

/* What the cache has to hold for this model. */
KvShape language_kv_shape(const LanguageConfig *c, DType dtype);

/* Runs the rows of the batch through all layers, appends their keys and values to the cache, and returns the logits
 * [rows that want them, vocab_size] in order. Training has no cache (NULL): every sequence is whole in the batch. */
Tensor *language_forward(Run *r, const LanguageWeights *w, const LanguageConfig *c, const Positions *p, const Batch *b,
                         KvCache *cache);

#endif
