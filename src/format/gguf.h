/* gguf.h - reads GGUF: metadata and tensors of one file, mapped and used in place.
 *
 * Nothing in a file is trusted. Checked when it is opened: every count, length, type and offset against what is left, every
 * product against overflow; names and strings are UTF-8, keys and tensor names stand once; the data of the tensors follow
 * each other in the order of their list, apart only by alignment. Arrays of arrays, which no known file has, are refused. */
#ifndef VL2_FORMAT_GGUF_H
#define VL2_FORMAT_GGUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "kernels/dtype.h"

/* The number types of metadata, with the codes of the file. */
typedef enum {
    GGUF_U8,
    GGUF_I8,
    GGUF_U16,
    GGUF_I16,
    GGUF_U32,
    GGUF_I32,
    GGUF_F32,
    GGUF_BOOL,
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_U64,
    GGUF_I64,
    GGUF_F64,
    GGUF_KINDS
} GgufKind;

typedef struct {
    char *key;
    GgufKind kind, element; /* element: of an array */
    uint64_t count;         /* elements of an array, else 1 */
    const unsigned char *bytes;
    size_t n; /* bytes in the file; of a string without its length, of an array without kind and count */
} GgufValue;

enum { GGUF_MAX_DIMS = 4 };

typedef struct {
    char *name;
    DType dtype; /* DT_COUNT: a type that no tensor of ours has; type_name says which */
    const char *type_name;
    int n_dims;
    int64_t dim[GGUF_MAX_DIMS]; /* rows first, as everywhere here: the reverse of the file's order */
    const unsigned char *data;
    size_t bytes;
} GgufTensor;

typedef struct Gguf Gguf; /* one mapped file; immutable */

bool gguf_recognise(const char *path); /* a file that begins with "GGUF" */
Gguf *gguf_open(const char *path, Error *e);
/* The bytes of a file, which stay where they are; `name` is for messages. */
Gguf *gguf_open_bytes(const unsigned char *bytes, size_t n, const char *name, Error *e);
void gguf_close(Gguf *g); /* of NULL: nothing */

const char *gguf_path(const Gguf *g);
size_t gguf_bytes(const Gguf *g);

int gguf_count(const Gguf *g);
const GgufTensor *gguf_at(const Gguf *g, int i); /* in the order of the file */

/* One value; NULL if there is none. */
const GgufValue *gguf_find(const Gguf *g, const char *key);
/* An absent key leaves *out as it is and returns true; another kind is an error that names file and key. */
bool gguf_take_string(const Gguf *g, const char *key, const char **text, size_t *n, Error *e); /* not ended by NUL */
bool gguf_take_bool(const Gguf *g, const char *key, bool *out, Error *e);

#endif
