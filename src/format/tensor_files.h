/* tensor_files.h - the tensors of a model as its mapped files hold them, under the published names: what a checkpoint in
 * safetensors (safetensors.h) and a GGUF file (gguf_model.h) have in common once they are open and checked. */
#ifndef VL2_FORMAT_TENSOR_FILES_H
#define VL2_FORMAT_TENSOR_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/dtype.h"

enum { TENSOR_MAX_DIMS = 8 };

typedef struct {
    const char *name;
    const char *file; /* the name of the file that it is in, for messages */
    DType dtype;
    int n_dims;
    int64_t dim[TENSOR_MAX_DIMS]; /* a quantised row counts whole blocks */
    const unsigned char *data;    /* points into the mapped file; aligned to nothing */
    size_t bytes;
} FileTensor;

uint64_t file_tensor_elements(const FileTensor *t);

typedef struct TensorFiles TensorFiles; /* one mapped file, or the shards of one model */

void tensor_files_close(TensorFiles *t); /* of NULL: nothing */

int tensor_files_count(const TensorFiles *t);
const FileTensor *tensor_files_at(const TensorFiles *t, int i);              /* sorted by name */
const FileTensor *tensor_files_find(const TensorFiles *t, const char *name); /* NULL if there is none */
int tensor_files_index(const TensorFiles *t, const FileTensor *tensor);      /* of one that at() or find() gave */
uint64_t tensor_files_bytes(const TensorFiles *t);                           /* all files together */

/* For the readers: begin with an empty list, map or name files, add tensors, sort once. */
TensorFiles *tensor_files_new(void);
/* Maps a file, which stays until tensor_files_close(). *name is its last part, for FileTensor.file; *bytes its content. */
bool tensor_files_map(TensorFiles *t, const char *path, const char **name, const unsigned char **bytes, size_t *n,
                      Error *e);
/* Counts the bytes of a file that somebody else has mapped and keeps; the name is copied. */
const char *tensor_files_borrow(TensorFiles *t, const char *path, size_t n);
void tensor_files_add(TensorFiles *t, const FileTensor *tensor); /* copies the name */
void tensor_files_sort(TensorFiles *t);

/* For who lays tensors out anew: memory that lives as long as `t`, cleared, which file_forget() does not lose; and a tensor in the
 * place of the one of its name. */
unsigned char *tensor_files_room(TensorFiles *t, size_t n, Error *e);
void tensor_files_replace(TensorFiles *t, const FileTensor *tensor);

#endif
