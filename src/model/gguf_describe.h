/* gguf_describe.h - the metadata of a GGUF file: what other programs need to run the language part, and our texts. */
#ifndef VL2_MODEL_GGUF_DESCRIBE_H
#define VL2_MODEL_GGUF_DESCRIBE_H

#include "format/gguf_writer.h"
#include "model/model.h"

/* `main_type`: that of most weights. text_only: without the texts that only vl2 reads. */
bool gguf_describe(GgufMetadata *out, const Model *m, DType main_type, bool text_only, Error *e);

/* What of a configuration the metadata cannot tell other programs, which then compute something else without a word. Returns how
 * many reasons there are, at most GGUF_MAX_UNTOLD. */
enum { GGUF_MAX_UNTOLD = 6 };
int gguf_untold(const LanguageConfig *c, const char *reason[GGUF_MAX_UNTOLD]);

#endif
