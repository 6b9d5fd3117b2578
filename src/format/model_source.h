/* model_source.h - where a model comes from: a folder as published, or one GGUF file that holds the same texts in its metadata
 * and the same tensors under other names. Who reads a model asks here and does not see which it is. */
#ifndef VL2_FORMAT_MODEL_SOURCE_H
#define VL2_FORMAT_MODEL_SOURCE_H

#include "format/gguf.h"
#include "format/tensor_files.h"

typedef struct ModelSource ModelSource;

/* A folder, a GGUF file, or DEFAULT_MODEL_PATH. */
ModelSource *model_source_open(const char *path, Error *e);
void model_source_close(ModelSource *s); /* of NULL: nothing */

const char *model_source_path(const ModelSource *s);
bool model_source_is_gguf(const ModelSource *s);

/* The texts that a model may have besides its weights, by the names of a folder, and the keys they have in a GGUF. NULL ends
 * the list. */
typedef struct {
    const char *file, *key;
} ModelText;
extern const ModelText MODEL_TEXTS[];

bool model_source_has(const ModelSource *s, const char *file);
/* One of MODEL_TEXTS, NUL added after the end and not counted; caller frees. An absent one is an error. */
bool model_source_text(const ModelSource *s, const char *file, size_t limit, char **text, size_t *n, Error *e);
/* What messages call it: "tiny/config.json", "tiny.gguf: config.json"; caller frees. */
char *model_source_where(const ModelSource *s, const char *file);

/* Under the published names. The tensors of a GGUF lie in the source, which has to stay open. Caller: tensor_files_close(). */
TensorFiles *model_source_tensors(const ModelSource *s, Error *e);

/* The rows of q_proj and k_proj stand in pairs (2i, 2i + 1) of what is rotated together, not in halves (i, i + d / 2). */
#define GGUF_ROTARY_PAIRS_KEY "vl2.rotary_pairs"
bool model_source_rotary_pairs(const ModelSource *s, bool *pairs, Error *e);

/* Says that a file holds the language part alone. */
#define GGUF_TEXT_ONLY_KEY "vl2.text_only"

#endif
