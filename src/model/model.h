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

/* One tile through blocks [from, to) of the vision tower, and after the last of them the projector. `before` is what the part
 * before gave, [grid * grid of the tower][width]; nobody asks for it at the first. Gives the next part's `before`, or in the
 * end the tile's rows, [grid * grid of the projector, n_embed]. The parts do not change the bits. */
Tensor *model_tile_part(Run *r, const Model *m, const uint8_t *tile, const float *before, int from, int to);

#endif
