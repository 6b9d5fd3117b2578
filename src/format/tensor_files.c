/* tensor_files.c - see tensor_files.h. */
#include "format/tensor_files.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

typedef struct {
    FileMap map; /* empty: somebody else has mapped it */
    size_t n;
    char *path;
} MappedFile;

struct TensorFiles {
    MappedFile *file;
    int n_files, file_capacity;
    FileTensor *tensor; /* names are owned */
    int n, capacity;
};

TensorFiles *tensor_files_new(void)
{
    return xcalloc(1, sizeof(TensorFiles));
}

void tensor_files_close(TensorFiles *t)
{
    if (!t) return;
    for (int i = 0; i < t->n; i++) free((char *)(uintptr_t)t->tensor[i].name);
    for (int i = 0; i < t->n_files; i++) {
        file_unmap(&t->file[i].map);
        free(t->file[i].path);
    }
    free(t->tensor);
    free(t->file);
    free(t);
}

static const char *last_part(const char *path)
{
    const char *const slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool tensor_files_map(TensorFiles *t, const char *path, const char **name, const unsigned char **bytes, size_t *n,
                      Error *e)
{
    FileMap map;
    if (!file_map(&map, path, e)) return false;
    *name = tensor_files_borrow(t, path, map.n);
    t->file[t->n_files - 1].map = map;
    *bytes = map.bytes;
    *n = map.n;
    return true;
}

const char *tensor_files_borrow(TensorFiles *t, const char *path, size_t n)
{
    GROW(t->file, t->n_files, t->file_capacity);
    MappedFile *f = &t->file[t->n_files++];
    *f = (MappedFile){ .n = n, .path = xstrdup(path) };
    return last_part(f->path);
}

void tensor_files_add(TensorFiles *t, const FileTensor *tensor)
{
    GROW(t->tensor, t->n, t->capacity);
    t->tensor[t->n] = *tensor;
    t->tensor[t->n++].name = xstrdup(tensor->name);
}

unsigned char *tensor_files_room(TensorFiles *t, size_t n, Error *e)
{
    FileMap map;
    unsigned char *room = file_map_memory(&map, n, e);
    if (!room) return NULL;
    GROW(t->file, t->n_files, t->file_capacity);
    t->file[t->n_files++] = (MappedFile){ .map = map }; /* bytes of no file: n is 0 */
    return room;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const FileTensor *)a)->name, ((const FileTensor *)b)->name);
}

void tensor_files_sort(TensorFiles *t)
{
    if (t->n) qsort(t->tensor, (size_t)t->n, sizeof *t->tensor, by_name);
}

uint64_t file_tensor_elements(const FileTensor *t)
{
    uint64_t n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= (uint64_t)t->dim[i]; /* checked when the file was read */
    return n;
}

int tensor_files_count(const TensorFiles *t)
{
    return t->n;
}

const FileTensor *tensor_files_at(const TensorFiles *t, int i)
{
    assert(i >= 0 && i < t->n);
    return &t->tensor[i];
}

int tensor_files_index(const TensorFiles *t, const FileTensor *tensor)
{
    return (int)(tensor - t->tensor);
}

const FileTensor *tensor_files_find(const TensorFiles *t, const char *name)
{
    if (t->n == 0) return NULL;
    const FileTensor key = { .name = name };
    return bsearch(&key, t->tensor, (size_t)t->n, sizeof key, by_name);
}

void tensor_files_replace(TensorFiles *t, const FileTensor *tensor)
{
    const FileTensor *old = tensor_files_find(t, tensor->name);
    assert(old && old->bytes == tensor->bytes);
    t->tensor[tensor_files_index(t, old)] = *tensor; /* the name stays the old one's */
}

uint64_t tensor_files_bytes(const TensorFiles *t)
{
    uint64_t n = 0;
    for (int i = 0; i < t->n_files; i++) n += t->file[i].n;
    return n;
}
