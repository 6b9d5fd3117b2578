/* safetensors.c - see safetensors.h. A file is
 *
 *   u64 little endian: n        length of the header
 *   n bytes of JSON             {"name": {"dtype": "BF16", "shape": [r, c], "data_offsets": [begin, end]}, ...}
 *   data                        offsets count from here
 *
 * and an index names the shard of each tensor: {"weight_map": {"name": "model-00001-of-00002.safetensors", ...}}.
 *
 * The ranges, in order of their offsets, must join up from the first byte of the data to the last: that one rule excludes
 * overlaps, gaps, ranges outside the file and bytes that belong to nobody. */
#include "format/safetensors.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/str.h"
#include "format/json.h"

#define HEADER_LIMIT ((size_t)100 * 1000 * 1000) /* as the reference implementation */
#define INDEX_LIMIT  HEADER_LIMIT
#define DIM_LIMIT    ((int64_t)1 << 40)
#define METADATA     "__metadata__"
#define SINGLE_NAME  "model.safetensors"
#define INDEX_NAME   "model.safetensors.index.json"
#define SUFFIX       ".safetensors"

typedef struct {
    const char *path, *name;   /* name: the last part of path */
    const unsigned char *data; /* after the header */
    size_t n_data;
} Shard;

/* ---- one file ------------------------------------------------------------------------------------------------------ */

static uint64_t read_u64(const unsigned char *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

static bool dtype_find(const char *name, DType *out)
{
    for (int t = 0; t < DT_COUNT; t++) {
        if (dtype_is_quantised((DType)t) || strcmp(name, dtype_name((DType)t)) != 0) continue;
        *out = (DType)t;
        return true;
    }
    return false;
}

static bool read_dtype(FileTensor *t, const json_t *info, const char *where, Error *e)
{
    const char *name = NULL;
    if (!json_take_string(info, "dtype", &name, where, e)) return false;
    if (!name) return fail(e, ERR_FORMAT, "%s: no \"dtype\"", where);
    if (dtype_find(name, &t->dtype)) return true;
    Str known = { 0 };
    for (int i = 0; i < DT_COUNT; i++)
        if (!dtype_is_quantised((DType)i)) str_printf(&known, "%s%s", i ? ", " : "", dtype_name((DType)i));
    fail(e, ERR_UNSUPPORTED, "%s: dtype is \"%.32s\", expected one of %s", where, name, known.text);
    str_free(&known);
    return false;
}

/* An array of exactly or at most `most` whole numbers from 0 to `limit`. */
static bool read_numbers(int64_t *out, int *n, int most, int64_t limit, const json_t *info, const char *key,
                         const char *where, Error *e)
{
    json_t *list;
    if (!json_take_node(info, key, JSON_ARRAY, &list, where, e)) return false;
    if (!list) return fail(e, ERR_FORMAT, "%s: no \"%s\"", where, key);
    if (json_array_size(list) > (size_t)most)
        return fail(e, ERR_FORMAT, "%s: \"%s\" has %zu numbers, expected at most %d", where, key, json_array_size(list),
                    most);
    *n = (int)json_array_size(list);
    for (int i = 0; i < *n; i++) {
        const json_t *v = json_array_get(list, (size_t)i);
        if (!json_is_integer(v))
            return fail(e, ERR_FORMAT, "%s: \"%s\" holds %s, expected whole numbers", where, key, json_type_name(v));
        out[i] = json_integer_value(v);
        if (out[i] < 0 || out[i] > limit)
            return fail(e, ERR_FORMAT, "%s: \"%s\" holds %" PRId64 ", expected 0 to %" PRId64, where, key, out[i],
                        limit);
    }
    return true;
}

static void print_shape(Str *s, const FileTensor *t)
{
    str_putc(s, '[');
    for (int i = 0; i < t->n_dims; i++) str_printf(s, "%s%" PRId64, i ? ", " : "", t->dim[i]);
    str_putc(s, ']');
}

static bool wrong_size(const FileTensor *t, const char *where, const char *problem, Error *e)
{
    Str shape = { 0 };
    print_shape(&shape, t);
    fail(e, ERR_FORMAT, "%s: %s %s %s", where, dtype_name(t->dtype), shape.text, problem);
    str_free(&shape);
    return false;
}

static bool shape_bytes(const int64_t *dim, int n_dims, DType dtype, size_t *bytes)
{
    size_t n = dtype_bytes(dtype);
    for (int i = 0; i < n_dims; i++)
        if (!mul_fits(n, (size_t)dim[i], &n)) return false;
    *bytes = n;
    return true;
}

/* One entry of the header. `data`, `n_data`: the bytes after the header. */
static bool read_entry(FileTensor *t, const json_t *info, const unsigned char *data, size_t n_data, const char *where,
                       Error *e)
{
    int64_t range[2];
    int n;
    char problem[128];
    if (!json_is_object(info)) return fail(e, ERR_FORMAT, "%s is %s, expected an object", where, json_type_name(info));
    if (!read_dtype(t, info, where, e)) return false;
    if (!read_numbers(t->dim, &t->n_dims, TENSOR_MAX_DIMS, DIM_LIMIT, info, "shape", where, e)) return false;
    if (!read_numbers(range, &n, 2, INT64_MAX, info, "data_offsets", where, e)) return false;
    if (n != 2) return fail(e, ERR_FORMAT, "%s: \"data_offsets\" has %d numbers, expected 2", where, n);
    if (range[0] > range[1])
        return fail(e, ERR_FORMAT, "%s: begins at byte %" PRId64 " after its end at %" PRId64, where, range[0],
                    range[1]);
    if ((uint64_t)range[1] > n_data)
        return fail(e, ERR_FORMAT, "%s: ends at byte %" PRId64 " of the data, but the file holds only %zu (cut short?)",
                    where, range[1], n_data);
    if (!shape_bytes(t->dim, t->n_dims, t->dtype, &t->bytes))
        return wrong_size(t, where, "is more than any memory holds", e);
    if (t->bytes != (size_t)(range[1] - range[0])) {
        snprintf(problem, sizeof problem, "needs %zu bytes, its offsets give %" PRId64, t->bytes, range[1] - range[0]);
        return wrong_size(t, where, problem, e);
    }
    t->data = data + range[0];
    return true;
}

static int by_place(const void *a, const void *b)
{
    const FileTensor *x = *(FileTensor *const *)a, *y = *(FileTensor *const *)b;
    if (x->data != y->data) return x->data < y->data ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes; /* empty ones before what begins at the same place */
}

/* The ranges join up from the first byte of the data to the last. */
static bool check_ranges(const FileTensor *tensor, int n, const unsigned char *data, size_t n_data, const char *path,
                         Error *e)
{
    const FileTensor **order = xmalloc((size_t)n * sizeof *order);
    const unsigned char *at = data, *const end = data + n_data;
    bool ok = true;
    for (int i = 0; i < n; i++) order[i] = &tensor[i];
    qsort(order, (size_t)n, sizeof *order, by_place);
    for (int i = 0; i < n && ok; i++) {
        if (order[i]->data < at)
            ok = fail(e, ERR_FORMAT, "%s: %s and %s overlap by %zu bytes", path, order[i - 1]->name, order[i]->name,
                      (size_t)(at - order[i]->data));
        else if (order[i]->data > at)
            ok = fail(e, ERR_FORMAT, "%s: %zu bytes before %s belong to no tensor", path, (size_t)(order[i]->data - at),
                      order[i]->name);
        at = order[i]->data + order[i]->bytes;
    }
    free(order);
    if (ok && at != end)
        ok = fail(e, ERR_FORMAT, "%s: %zu bytes after the last tensor belong to no tensor", path, (size_t)(end - at));
    return ok;
}

static bool check_metadata(const json_t *metadata, const char *path, Error *e)
{
    if (!json_is_object(metadata))
        return fail(e, ERR_FORMAT, "%s: " METADATA " is %s, expected an object", path, json_type_name(metadata));
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)metadata, key, v) if (!json_is_string(v)) return fail(
        e, ERR_FORMAT, "%s: " METADATA ": \"%.64s\" is %s, expected a string", path, key, json_type_name(v));
    return true;
}

/* The entries of one file. `entry` has room for all of the header; names stay the header's. */
static bool read_entries(FileTensor *entry, int *n, json_t *header, const Shard *s, Error *e)
{
    const char *name;
    json_t *info;
    *n = 0;
    json_object_foreach(header, name, info)
    {
        if (strcmp(name, METADATA) == 0) {
            if (!check_metadata(info, s->path, e)) return false;
            continue;
        }
        FileTensor *t = &entry[(*n)++];
        *t = (FileTensor){ .name = name, .file = s->name };
        if (!read_entry(t, info, s->data, s->n_data, name, e)) return fail_in(e, "%s", s->path);
    }
    return check_ranges(entry, *n, s->data, s->n_data, s->path, e);
}

static bool read_header(TensorFiles *t, json_t *header, const Shard *s, Error *e)
{
    const size_t most = json_object_size(header);
    int n;
    if (most > INT32_MAX / 2 - (size_t)tensor_files_count(t))
        return fail(e, ERR_LIMIT, "%s: too many tensors", s->path);
    FileTensor *entry = xmalloc((most + 1) * sizeof *entry);
    const bool ok = read_entries(entry, &n, header, s, e);
    for (int i = 0; i < n && ok; i++) tensor_files_add(t, &entry[i]);
    free(entry);
    return ok;
}

static bool add_shard(TensorFiles *t, const char *path, Error *e)
{
    Shard s = { .path = path };
    const unsigned char *file;
    size_t n;
    if (!tensor_files_map(t, path, &s.name, &file, &n, e)) return false;
    if (n < 8) return fail(e, ERR_FORMAT, "%s: %zu bytes, too short for a safetensors file", path, n);
    const uint64_t n_header = read_u64(file);
    if (n_header > HEADER_LIMIT)
        return fail(e, ERR_FORMAT, "%s: says that its header has %" PRIu64 " bytes, expected at most %zu", path,
                    n_header, HEADER_LIMIT);
    if (n_header > n - 8)
        return fail(e, ERR_FORMAT, "%s: says that its header has %" PRIu64 " bytes, but only %zu follow (cut short?)",
                    path, n_header, n - 8);
    if (n_header == 0 || file[8] != '{')
        return fail(e, ERR_FORMAT, "%s: the header does not begin with '{': not a safetensors file", path);
    json_t *header = json_parse((const char *)file + 8, (size_t)n_header, path, e);
    if (!header) return false;
    s.data = file + 8 + n_header;
    s.n_data = n - 8 - (size_t)n_header;
    const bool ok = read_header(t, header, &s, e);
    json_decref(header);
    return ok;
}

/* ---- a folder ------------------------------------------------------------------------------------------------------ */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* A shard lies beside its index: a bare file name, nothing that leads elsewhere. */
static bool check_shard_name(const char *tensor, const json_t *v, const char *index, Error *e)
{
    if (!json_is_string(v))
        return fail(e, ERR_FORMAT, "%s: weight_map: \"%s\" is %s, expected a file name", index, tensor,
                    json_type_name(v));
    const char *const name = json_string_value(v);
    if (strlen(name) != json_string_length(v) || strpbrk(name, "/\\") || name[0] == '.' || !str_ends(name, SUFFIX))
        return fail(e, ERR_FORMAT,
                    "%s: weight_map: \"%s\" is in \"%s\", expected the name of a " SUFFIX " file beside it", index,
                    tensor, name);
    return true;
}

/* Each tensor of the shards stands in the index, under its shard; and each one of the index in a shard. */
static bool check_index(const TensorFiles *t, json_t *weight_map, const char *index, Error *e)
{
    const char *name;
    json_t *v;
    for (int i = 0; i < tensor_files_count(t); i++) {
        const FileTensor *x = tensor_files_at(t, i);
        const char *const file = json_string_value(json_object_get(weight_map, x->name));
        if (!file)
            return fail(e, ERR_FORMAT, "%s: %s holds %s, which the index does not name", index, x->file, x->name);
        if (strcmp(file, x->file) != 0)
            return fail(e, ERR_FORMAT, "%s: %s holds %s, which the index names in %s", index, x->file, x->name, file);
    }
    if ((size_t)tensor_files_count(t) == json_object_size(weight_map)) return true;
    json_object_foreach(weight_map, name, v) if (!tensor_files_find(t, name)) return fail(
        e, ERR_FORMAT, "%s: names %s in %s, but that file does not hold it", index, name, json_string_value(v));
    return true;
}

static bool add_shards(TensorFiles *t, const char *folder, json_t *weight_map, const char *index, Error *e)
{
    const size_t n = json_object_size(weight_map);
    const char **names = xmalloc(n * sizeof *names), *tensor;
    json_t *v;
    size_t i = 0;
    bool ok = true;
    json_object_foreach(weight_map, tensor, v)
    {
        if (!check_shard_name(tensor, v, index, e)) {
            ok = false;
            break;
        }
        names[i++] = json_string_value(v);
    }
    if (ok) qsort(names, n, sizeof *names, by_text);
    for (i = 0; i < n && ok; i++) {
        if (i > 0 && strcmp(names[i], names[i - 1]) == 0) continue;
        char *path = path_join(folder, names[i]);
        ok = add_shard(t, path, e);
        free(path);
    }
    free(names);
    return ok;
}

static bool open_index(TensorFiles *t, const char *folder, const char *index, Error *e)
{
    json_t *root = json_parse_file(index, INDEX_LIMIT, e), *weight_map = NULL;
    if (!root) return false;
    bool ok = json_is_object(root) || fail(e, ERR_FORMAT, "%s: is %s, expected an object", index, json_type_name(root));
    if (ok) ok = json_take_node(root, "weight_map", JSON_OBJECT, &weight_map, index, e);
    if (ok && json_object_size(weight_map) == 0)
        ok = fail(e, ERR_FORMAT, "%s: no \"weight_map\", or an empty one", index);
    if (ok) ok = add_shards(t, folder, weight_map, index, e);
    if (ok) {
        tensor_files_sort(t);
        ok = check_index(t, weight_map, index, e);
    }
    json_decref(root);
    return ok;
}

/* The one .safetensors file of a folder: caller frees. */
static char *find_single(const char *folder, Error *e)
{
    DIR *d = opendir(folder);
    if (!d) return fail(e, ERR_SYSTEM, "%s: cannot open: %s", folder, strerror(errno)), NULL;
    char *found = NULL;
    int n = 0;
    for (const struct dirent *f; (f = readdir(d));) {
        if (f->d_name[0] == '.' || !str_ends(f->d_name, SUFFIX)) continue;
        if (n++ == 0) found = path_join(folder, f->d_name);
    }
    closedir(d);
    if (n == 1) return found;
    if (n == 0)
        fail(e, ERR_FORMAT, "%s: holds no " INDEX_NAME " and no " SUFFIX " file", folder);
    else
        fail(e, ERR_FORMAT, "%s: holds %d " SUFFIX " files, but no " INDEX_NAME " and no " SINGLE_NAME, folder, n);
    free(found);
    return NULL;
}

static bool open_folder(TensorFiles *t, const char *folder, Error *e)
{
    char *index = path_join(folder, INDEX_NAME), *single = path_join(folder, SINGLE_NAME);
    bool ok;
    if (!file_exists(single) && file_exists(index))
        ok = open_index(t, folder, index, e);
    else {
        if (!file_exists(single)) {
            free(single);
            single = find_single(folder, e);
        }
        ok = single && add_shard(t, single, e);
        if (ok) tensor_files_sort(t);
    }
    free(index);
    free(single);
    return ok;
}

TensorFiles *tensor_files_open(const char *path, Error *e)
{
    TensorFiles *t = tensor_files_new();
    struct stat st;
    bool ok;
    if (stat(path, &st) != 0)
        ok = fail(e, ERR_SYSTEM, "%s: cannot open: %s", path, strerror(errno));
    else if (S_ISDIR(st.st_mode))
        ok = open_folder(t, path, e);
    else {
        ok = add_shard(t, path, e);
        if (ok) tensor_files_sort(t);
    }
    if (ok) return t;
    tensor_files_close(t);
    return NULL;
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

struct TensorWriter {
    FileOut out;
    size_t expected, written; /* bytes of data */
};

/* Adds one entry; *end moves past its data. */
static bool declare(json_t *header, const TensorSpec *s, size_t *end, const char *path, Error *e)
{
    size_t bytes;
    const size_t begin = *end;
    assert(s->n_dims >= 0 && s->n_dims <= TENSOR_MAX_DIMS);
    for (int i = 0; i < s->n_dims; i++) assert(s->dim[i] >= 0 && s->dim[i] <= DIM_LIMIT);
    if (!utf8_is_valid(s->name, strlen(s->name)))
        return fail(e, ERR_FORMAT, "%s: the name of a tensor is not UTF-8", path);
    if (json_object_get(header, s->name)) return fail(e, ERR_FORMAT, "%s: two tensors are called %s", path, s->name);
    if (!shape_bytes(s->dim, s->n_dims, s->dtype, &bytes) || !add_fits(begin, bytes, end) || *end > INT64_MAX)
        return fail(e, ERR_LIMIT, "%s: %s is too large", path, s->name);
    json_t *shape = json_array();
    for (int i = 0; i < s->n_dims; i++) json_array_append_new(shape, json_integer(s->dim[i]));
    json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_name(s->dtype), "shape", shape, "data_offsets",
                              (json_int_t)begin, (json_int_t)*end);
    if (json_object_set_new(header, s->name, entry) == 0) return true;
    return fail(e, ERR_MEMORY, "%s: no memory for the header", path);
}

/* The header as it stands in the file, with its length in front; padded so that the data begin at a multiple of 8. */
static bool write_header(FileOut *out, const json_t *header, const char *path, Error *e)
{
    char *text = json_dumps(header, JSON_COMPACT);
    if (!text) return fail(e, ERR_MEMORY, "%s: no memory for the header", path);
    const size_t n = strlen(text), padded = (n + 7) / 8 * 8;
    unsigned char length[8];
    for (int i = 0; i < 8; i++) length[i] = (unsigned char)((uint64_t)padded >> (8 * i));
    bool ok = padded <= HEADER_LIMIT ||
              fail(e, ERR_LIMIT, "%s: the header has %zu bytes, the format allows %zu", path, padded, HEADER_LIMIT);
    if (ok)
        ok = file_write(out, length, 8, e) && file_write(out, text, n, e) && file_write(out, "        ", padded - n, e);
    free(text);
    return ok;
}

TensorWriter *tensor_writer_open(const char *path, const TensorSpec *specs, int n, Error *e)
{
    TensorWriter *w = xcalloc(1, sizeof *w);
    json_t *header = json_pack("{s:{s:s}}", METADATA, "format", "pt"); /* readers of this family look for it */
    bool ok = header || fail(e, ERR_MEMORY, "%s: no memory for the header", path);
    for (int i = 0; i < n && ok; i++) ok = declare(header, &specs[i], &w->expected, path, e);
    if (ok) ok = file_create(&w->out, path, e) && write_header(&w->out, header, path, e);
    json_decref(header);
    if (ok) return w;
    tensor_writer_abandon(w);
    return NULL;
}

bool tensor_writer_add(TensorWriter *w, const void *bytes, size_t n, Error *e)
{
    assert(n <= w->expected - w->written);
    w->written += n;
    return file_write(&w->out, bytes, n, e);
}

bool tensor_writer_commit(TensorWriter *w, Error *e)
{
    bool ok = w->written == w->expected || fail(e, ERR_FORMAT, "%s: %zu bytes of data written, its header says %zu",
                                                w->out.path, w->written, w->expected);
    if (ok) ok = file_commit(&w->out, e);
    tensor_writer_abandon(w);
    return ok;
}

void tensor_writer_abandon(TensorWriter *w)
{
    if (!w) return;
    file_abandon(&w->out);
    free(w);
}
