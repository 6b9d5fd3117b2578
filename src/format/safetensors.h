/* safetensors.h - reads and writes safetensors: an 8-byte length, a JSON header, then the data, mapped and used in place.
 *
 * Nothing in a file is trusted: the header's length, every name, type, shape and range are checked before use; ranges
 * must be exactly dtype x shape, inside the file, without overlap. */
#ifndef VL2_FORMAT_SAFETENSORS_H
#define VL2_FORMAT_SAFETENSORS_H

#include "format/tensor_files.h"

/* `path`: a .safetensors file, or a folder with model.safetensors.index.json and its shards, or with exactly one
 * .safetensors file of whatever name (the published tiny is called model-00001-of-000001.safetensors). */
TensorFiles *tensor_files_open(const char *path, Error *e);

/* Writing, with bounded memory: all tensors are declared first, then their data follow in the same order, in pieces of
 * any size. Atomic: the file appears with tensor_writer_commit(). */
typedef struct {
    const char *name;
    DType dtype;
    int n_dims;
    int64_t dim[TENSOR_MAX_DIMS];
} TensorSpec;

typedef struct TensorWriter TensorWriter;
TensorWriter *tensor_writer_open(const char *path, const TensorSpec *specs, int n, Error *e);
bool tensor_writer_add(TensorWriter *w, const void *bytes, size_t n, Error *e);
bool tensor_writer_commit(TensorWriter *w, Error *e); /* fails if bytes are missing; closes w in any case */
void tensor_writer_abandon(TensorWriter *w);

#endif
