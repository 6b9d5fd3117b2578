/* safetensors.h - reads and writes safetensors: an 8-byte length, a JSON header, then the data, mapped and used in place.
 *
 * Nothing in a file is trusted: the header's length, every name, type, shape and range are checked before use; ranges
 * must be exactly dtype x shape, inside the file, without overlap. */
#ifndef VL2_FORMAT_SAFETENSORS_H
#define VL2_FORMAT_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "kernels/dtype.h"

enum { TENSOR_MAX_DIMS = 8 };

typedef struct {
    const char *name;
    const char *file; /* the name of the file that it is in, for messages */
    DType dtype;
    int n_dims;
    int64_t dim[TENSOR_MAX_DIMS];
    const unsigned char *data; /* points into the mapped file; aligned to nothing */
    size_t bytes;
} FileTensor;

uint64_t file_tensor_elements(const FileTensor *t);

typedef struct TensorFiles TensorFiles; /* one mapped file, or the shards of one model */

/* `path`: a .safetensors file, or a folder with model.safetensors.index.json and its shards, or with exactly one
 * .safetensors file of whatever name (the published tiny is called model-00001-of-000001.safetensors). */
TensorFiles *tensor_files_open(const char *path, Error *e);
void tensor_files_close(TensorFiles *t); /* of NULL: nothing */

int tensor_files_count(const TensorFiles *t);
const FileTensor *tensor_files_at(const TensorFiles *t, int i);              /* sorted by name */
const FileTensor *tensor_files_find(const TensorFiles *t, const char *name); /* NULL if there is none */
int tensor_files_index(const TensorFiles *t, const FileTensor *tensor);      /* of one that at() or find() gave */
uint64_t tensor_files_bytes(const TensorFiles *t);                           /* all files together */

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
