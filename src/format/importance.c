/* importance.c - see importance.h. Vectors are kept in ascending order of names. */
#include "format/importance.h"

#include <assert.h>
#include <float.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/safetensors.h"

typedef struct {
    char *name;
    float *mean_square;
    int64_t cols;
} Vector;

struct Importance {
    Vector *vector;
    int n, capacity;
};

Importance *importance_new(void)
{
    return xcalloc(1, sizeof(Importance));
}

void importance_free(Importance *m)
{
    if (!m) return;
    for (int i = 0; i < m->n; i++) {
        free(m->vector[i].name);
        free(m->vector[i].mean_square);
    }
    free(m->vector);
    free(m);
}

/* The first vector whose name is not before `name`. */
static int place_of(const Importance *m, const char *name)
{
    int lo = 0, hi = m->n;
    while (lo < hi) {
        const int middle = lo + (hi - lo) / 2;
        if (strcmp(m->vector[middle].name, name) < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

static bool is_at(const Importance *m, int i, const char *name)
{
    return i < m->n && !strcmp(m->vector[i].name, name);
}

void importance_put(Importance *m, const char *tensor_name, const float *mean_square, int64_t cols)
{
    const int at = place_of(m, tensor_name);
    const size_t bytes = (size_t)cols * sizeof *mean_square;
    assert(cols > 0 && !is_at(m, at, tensor_name));
    GROW(m->vector, m->n, m->capacity);
    memmove(m->vector + at + 1, m->vector + at, (size_t)(m->n++ - at) * sizeof *m->vector);
    m->vector[at] = (Vector){ xstrdup(tensor_name), xmalloc(bytes), cols };
    memcpy(m->vector[at].mean_square, mean_square, bytes);
}

const float *importance_find(const Importance *m, const char *tensor_name, int64_t cols)
{
    const int at = place_of(m, tensor_name);
    return is_at(m, at, tensor_name) && m->vector[at].cols == cols ? m->vector[at].mean_square : NULL;
}

int importance_count(const Importance *m)
{
    return m->n;
}

/* ---- files ---- */

static bool take_tensor(Importance *m, const FileTensor *t, Error *e)
{
    if (t->dtype != DT_F32 || t->n_dims != 1 || t->dim[0] == 0)
        return fail(e, ERR_FORMAT, "%s: %s is %s in %d dimensions with %llu elements, expected a vector of F32",
                    t->file, t->name, dtype_name(t->dtype), t->n_dims, (unsigned long long)file_tensor_elements(t));
    float *v = xmalloc(t->bytes);
    memcpy(v, t->data, t->bytes);
    bool ok = true;
    for (int64_t i = 0; ok && i < t->dim[0]; i++)
        if (!(v[i] >= 0 && v[i] <= FLT_MAX))
            ok = fail(e, ERR_FORMAT, "%s: %s[%lld] is %g, expected a finite mean square", t->file, t->name,
                      (long long)i, (double)v[i]);
    if (ok) importance_put(m, t->name, v, t->dim[0]);
    free(v);
    return ok;
}

Importance *importance_load(const char *path, Error *e)
{
    TensorFiles *files = tensor_files_open(path, e);
    if (!files) return NULL;
    Importance *m = importance_new();
    bool ok = true;
    for (int i = 0; ok && i < tensor_files_count(files); i++) ok = take_tensor(m, tensor_files_at(files, i), e);
    tensor_files_close(files);
    if (ok) return m;
    importance_free(m);
    return NULL;
}

bool importance_save(const Importance *m, const char *path, Error *e)
{
    TensorSpec *spec = xcalloc((size_t)m->n + 1, sizeof *spec);
    for (int i = 0; i < m->n; i++)
        spec[i] = (TensorSpec){ .name = m->vector[i].name, .dtype = DT_F32, .n_dims = 1, .dim = { m->vector[i].cols } };
    TensorWriter *w = tensor_writer_open(path, spec, m->n, e);
    free(spec);
    if (!w) return false;
    for (int i = 0; i < m->n; i++) {
        const Vector *v = &m->vector[i];
        if (tensor_writer_add(w, v->mean_square, (size_t)v->cols * sizeof *v->mean_square, e)) continue;
        tensor_writer_abandon(w);
        return false;
    }
    return tensor_writer_commit(w, e);
}
