/* model.h - a model, opened from a folder or a GGUF file: config, tokenizer, mapped weights bound to the three parts. Immutable. */
#ifndef VL2_MODEL_MODEL_H
#define VL2_MODEL_MODEL_H

#include "model/language.h"
#include "model/weights.h"
#include "text/tokenizer.h"

typedef struct {
    Config config;
    ModelSource *source;
    Tokenizer *tokenizer;
    TensorFiles *files;
    Weights weights;
    Positions positions;
    Arena arena; /* bindings and vectors */
} Model;

bool model_open(Model *m, const char *path, Error *e);
void model_close(Model *m); /* of a zeroed or half-opened Model, too */

/* The tokenizer of a model alone: tokenizer.json with the special tokens that other texts name. */
Tokenizer *model_tokenizer(const ModelSource *source, const char *pad_token, Error *e);

/* One tile through vision tower and projector: [grid * grid, n_embed]. */
Tensor *model_encode_tile(Run *r, const Model *m, const uint8_t *tile);

#endif
