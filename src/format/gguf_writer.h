/* gguf_writer.h - writes GGUF v3 with bounded memory: metadata are collected, tensors declared, then their data follow in
 * the same order in pieces of any size. Atomic: the file appears with gguf_writer_commit(). */
#ifndef VL2_FORMAT_GGUF_WRITER_H
#define VL2_FORMAT_GGUF_WRITER_H

#include "base/str.h"
#include "format/gguf.h"
#include "format/safetensors.h"

/* Metadata as they stand in the file. A key is given once. */
typedef struct {
    Str bytes;
    uint64_t n;
} GgufMetadata;

void gguf_put_string(GgufMetadata *m, const char *key, const char *text, size_t n);
void gguf_put_word(GgufMetadata *m, const char *key, const char *word); /* ended by NUL */
void gguf_put_u32(GgufMetadata *m, const char *key, uint32_t v);
void gguf_put_f32(GgufMetadata *m, const char *key, float v);
void gguf_put_bool(GgufMetadata *m, const char *key, bool v);
/* An array: so many elements have to be added next. */
void gguf_begin_array(GgufMetadata *m, const char *key, GgufKind element, size_t count);
void gguf_add_string(GgufMetadata *m, const char *text, size_t n);
void gguf_add_i32(GgufMetadata *m, int32_t v);
void gguf_metadata_free(GgufMetadata *m);

typedef struct GgufWriter GgufWriter;

/* Shapes of the specs: rows first; of a quantised type rows of whole blocks. Names and metadata are copied. */
GgufWriter *gguf_writer_open(const char *path, const GgufMetadata *m, const TensorSpec *specs, int n, Error *e);
bool gguf_writer_add(GgufWriter *w, const void *bytes, size_t n, Error *e); /* not across the end of a tensor */
bool gguf_writer_commit(GgufWriter *w, Error *e); /* all data are there; closes w in any case */
void gguf_writer_abandon(GgufWriter *w);          /* of NULL: nothing */

#endif
