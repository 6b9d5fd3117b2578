/* model_source.c - see model_source.h. */
#include "format/model_source.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/default_model.h"
#include "format/gguf_names.h"
#include "format/safetensors.h"

enum { MAX_EXPERTS_OF_A_TENSOR = 65536 };

struct ModelSource {
    char *path;
    Gguf *gguf; /* NULL: a folder */
};

const ModelText MODEL_TEXTS[] = { { "config.json", "vl2.config" },
                                  { "processor_config.json", "vl2.processor_config" },
                                  { "tokenizer.json", "tokenizer.huggingface.json" },
                                  { "tokenizer_config.json", "vl2.tokenizer_config" },
                                  { "special_tokens_map.json", "vl2.special_tokens_map" },
                                  { NULL, NULL } };

/* A file of PaddlePaddle's own format: the path itself, or of a folder without safetensors the first by name. Caller frees. */
static char *find_pickle(const char *path)
{
    static const char end[] = ".pdparams";
    if (str_ends(path, end)) return xstrdup(path);
    char *found = NULL;
    bool other = false;
    DIR *d = opendir(path);
    for (const struct dirent *f; d && (f = readdir(d));) {
        other |= str_ends(f->d_name, ".safetensors");
        if (!str_ends(f->d_name, end) || (found && strcmp(f->d_name, found) > 0)) continue;
        free(found);
        found = xstrdup(f->d_name);
    }
    if (d) closedir(d);
    char *whole = found && !other ? path_join(path, found) : NULL;
    free(found);
    return whole;
}

/* Reading a pickle runs what it says. */
static bool refuse_pickle(const char *path, Error *e)
{
    char *pickle = find_pickle(path);
    if (!pickle) return true;
    fail(e, ERR_UNSUPPORTED,
         "%s: is a Python pickle, which can run any program and is never opened. Let PaddleMIX write safetensors "
         "instead: --save_safetensors True when it trains, or model.save_pretrained(DIR, safe_serialization=True)",
         pickle);
    free(pickle);
    return false;
}

static bool open_source(ModelSource *s, Error *e)
{
    if (strcmp(s->path, DEFAULT_MODEL_PATH) == 0)
        return (s->gguf = gguf_open_bytes(default_model_begin, (size_t)(default_model_end - default_model_begin),
                                          s->path, e)) != NULL;
    return refuse_pickle(s->path, e) && (!gguf_recognise(s->path) || (s->gguf = gguf_open(s->path, e)));
}

ModelSource *model_source_open(const char *path, Error *e)
{
    ModelSource *s = xcalloc(1, sizeof *s);
    s->path = xstrdup(path);
    if (open_source(s, e)) return s;
    model_source_close(s);
    return NULL;
}

void model_source_close(ModelSource *s)
{
    if (!s) return;
    gguf_close(s->gguf);
    free(s->path);
    free(s);
}

const char *model_source_path(const ModelSource *s)
{
    return s->path;
}

bool model_source_is_gguf(const ModelSource *s)
{
    return s->gguf != NULL;
}

/* ---- texts ---- */

static const char *key_of(const char *file)
{
    for (const ModelText *t = MODEL_TEXTS; t->file; t++)
        if (strcmp(t->file, file) == 0) return t->key;
    return "";
}

char *model_source_where(const ModelSource *s, const char *file)
{
    if (!s->gguf) return path_join(s->path, file);
    Str where = { 0 };
    str_printf(&where, "%s: %s", s->path, file);
    return where.text;
}

bool model_source_has(const ModelSource *s, const char *file)
{
    if (s->gguf) return gguf_find(s->gguf, key_of(file)) != NULL;
    char *path = path_join(s->path, file);
    const bool yes = file_exists(path);
    free(path);
    return yes;
}

static bool gguf_text(const Gguf *g, const char *key, size_t limit, char **text, size_t *n, Error *e)
{
    const char *found = NULL;
    if (!gguf_take_string(g, key, &found, n, e)) return false;
    if (!found && gguf_find(g, GGUF_TEXT_ONLY_KEY))
        return fail(e, ERR_UNSUPPORTED, "%s: holds the language part only (--text-only), for other programs",
                    gguf_path(g));
    if (!found)
        return fail(e, ERR_UNSUPPORTED, "%s: has no metadata %s: it was not written by `vl2 quantize`", gguf_path(g),
                    key);
    if (*n > limit)
        return fail(e, ERR_LIMIT, "%s: %s has %zu bytes, at most %zu are read", gguf_path(g), key, *n, limit);
    *text = xstrndup(found, *n);
    return true;
}

bool model_source_text(const ModelSource *s, const char *file, size_t limit, char **text, size_t *n, Error *e)
{
    if (s->gguf) return gguf_text(s->gguf, key_of(file), limit, text, n, e);
    char *path = path_join(s->path, file);
    const bool ok = file_read(path, limit, text, n, e);
    free(path);
    return ok;
}

/* ---- tensors ---- */

/* One entry for each expert, pointing into the tensor that all share. */
static bool add_experts(TensorFiles *files, const GgufTensor *t, FileTensor entry, Error *e)
{
    char name[TENSOR_NAME_SIZE];
    if (t->n_dims != 3 || t->dim[0] > MAX_EXPERTS_OF_A_TENSOR)
        return fail(e, ERR_FORMAT, "%s: %s has %d dimensions, expected experts, rows and columns", entry.file, t->name,
                    t->n_dims);
    entry.n_dims = 2;
    entry.dim[0] = t->dim[1];
    entry.dim[1] = t->dim[2];
    entry.bytes = t->bytes / (size_t)t->dim[0];
    entry.name = name;
    for (int i = 0; i < (int)t->dim[0]; i++) {
        published_name_of(t->name, i, name);
        entry.data = t->data + (size_t)i * entry.bytes;
        tensor_files_add(files, &entry);
    }
    return true;
}

/* A name that the table does not have stays as it is: binding will not know it. */
static bool add_tensor(TensorFiles *files, const GgufTensor *t, const char *file, Error *e)
{
    char name[TENSOR_NAME_SIZE];
    FileTensor entry = { .file = file, .dtype = t->dtype, .n_dims = t->n_dims, .data = t->data, .bytes = t->bytes };
    if (t->dtype == DT_COUNT)
        return fail(e, ERR_UNSUPPORTED, "%s: %s is %s, expected F32, F16, BF16, Q8_0, Q4_0 or IQ4_NL", file, t->name,
                    t->type_name);
    if (gguf_name_is_merged(t->name)) return add_experts(files, t, entry, e);
    entry.name = published_name_of(t->name, -1, name) ? name : t->name;
    for (int i = 0; i < t->n_dims; i++) entry.dim[i] = t->dim[i];
    tensor_files_add(files, &entry);
    return true;
}

static TensorFiles *gguf_tensors(const Gguf *g, Error *e)
{
    TensorFiles *files = tensor_files_new();
    const char *file = tensor_files_borrow(files, gguf_path(g), gguf_bytes(g));
    for (int i = 0; i < gguf_count(g); i++)
        if (!add_tensor(files, gguf_at(g, i), file, e)) {
            tensor_files_close(files);
            return NULL;
        }
    tensor_files_sort(files);
    return files;
}

TensorFiles *model_source_tensors(const ModelSource *s, Error *e)
{
    return s->gguf ? gguf_tensors(s->gguf, e) : tensor_files_open(s->path, e);
}

bool model_source_rotary_pairs(const ModelSource *s, bool *pairs, Error *e)
{
    *pairs = false;
    return !s->gguf || gguf_take_bool(s->gguf, GGUF_ROTARY_PAIRS_KEY, pairs, e);
}
