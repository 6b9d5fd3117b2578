/* dataset.c - see dataset.h. */
#include "train/dataset.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/json.h"

enum { MAX_REPEATS = 1000000 };

static void source_free(DataSource *s)
{
    free(s->name);
    record_index_free(&s->records);
    file_close(&s->file);
    data_folders_free(&s->folders);
}

void dataset_close(Dataset *d)
{
    for (int i = 0; i < d->n_sources; i++) source_free(&d->source[i]);
    free(d->source);
    *d = (Dataset){ 0 };
}

/* ---- one file of records ---- */

static json_t *parse_place(const DataSource *s, const RecordPlace *place, Error *e)
{
    char *text;
    if (!record_index_take(&s->file, place, &text, e)) return NULL;
    json_t *v = json_parse_part(text, place->n, s->file.path, (int)place->line, e);
    free(text);
    return v;
}

/* An array of messages is one record. That it is one is told by its first element; what cannot be parsed is none. */
static void join_messages(DataSource *s)
{
    RecordIndex *x = &s->records;
    Error none;
    if (x->whole.n == 0 || x->n == 0) return;
    json_t *first = parse_place(s, &x->place[0], &none);
    if (json_object_get(first, "role") && !json_object_get(first, "messages")) {
        x->place[0] = x->whole;
        x->n = 1;
    }
    json_decref(first);
}

static bool open_records(Dataset *d, DataSource *s, const char *path, Error *e)
{
    if (!file_open(&s->file, path, e) || !record_index_read(&s->records, &s->file, e)) return false;
    join_messages(s);
    s->first = d->n_records;
    d->n_records += s->records.n;
    return true;
}

/* Adds a source, half open where that fails, so that dataset_close() finds it. */
static DataSource *add_source(Dataset *d, const char *name, bool allow_outside)
{
    GROW(d->source, d->n_sources, d->capacity);
    DataSource *s = &d->source[d->n_sources++];
    *s = (DataSource){ .name = xstrdup(name), .repeats = 1, .folders.allow_outside = allow_outside };
    return s;
}

static bool add_folder_of(DataFolders *f, const char *path, Error *e)
{
    char *folder = path_folder(path);
    const bool ok = data_folders_add(f, folder, e);
    free(folder);
    return ok;
}

static bool add_root(DataFolders *f, const DatasetOptions *o, Error *e)
{
    return !o->data_root || data_folders_add(f, o->data_root, e);
}

/* ---- a meta file ---- */

typedef struct {
    const char *annotation, *root;
    double repeats, weight;
} MetaEntry;

static bool take_positive(const json_t *v, const char *key, double *out, const char *where, Error *e)
{
    if (!json_take_double(v, key, out, where, e)) return false;
    return (*out >= 0 && *out <= MAX_REPEATS) ||
           fail(e, ERR_FORMAT, "%s: \"%s\" is %g, expected 0 to %d", where, key, *out, MAX_REPEATS);
}

static bool read_entry(MetaEntry *m, const json_t *v, const char *where, Error *e)
{
    *m = (MetaEntry){ .repeats = 1 };
    if (!json_is_object(v))
        return fail(e, ERR_FORMAT, "%s is %s, expected an object with \"annotation\"", where, json_type_name(v));
    if (!json_take_string(v, "file_name", &m->annotation, where, e) ||
        !json_take_string(v, "annotation", &m->annotation, where, e) ||
        !json_take_string(v, "root", &m->root, where, e) || !take_positive(v, "repeat_time", &m->repeats, where, e) ||
        !take_positive(v, "weight", &m->weight, where, e))
        return false;
    return m->annotation || fail(e, ERR_FORMAT, "%s: \"annotation\", the name of a file of records, is missing", where);
}

/* Pictures lie in "root", else beside the annotations, else where the meta file's own names are looked for. */
static bool add_picture_folders(DataSource *s, const MetaEntry *m, const DataFolders *names, const char *path, Error *e)
{
    bool outside;
    if (m->root) {
        char *root = data_folders_find(names, m->root, &outside, e);
        const bool ok = root && data_folders_add(&s->folders, root, e);
        free(root);
        return ok;
    }
    if (!add_folder_of(&s->folders, path, e)) return false;
    for (int i = 0; i < names->n; i++)
        if (!data_folders_add(&s->folders, names->folder[i], e)) return false;
    return true;
}

static bool add_entry(Dataset *d, const char *name, const json_t *v, const DataFolders *names, const char *where,
                      Error *e)
{
    MetaEntry m;
    bool outside;
    if (!read_entry(&m, v, where, e)) return false;
    char *path = data_folders_find(names, m.annotation, &outside, e);
    if (!path) return fail_in(e, "%s", where);
    DataSource *s = add_source(d, name, names->allow_outside);
    s->repeats = m.repeats;
    s->weight = m.weight;
    const bool ok =
        open_records(d, s, path, e) && (add_picture_folders(s, &m, names, path, e) || fail_in(e, "%s", where));
    free(path);
    return ok;
}

static bool add_entries(Dataset *d, const json_t *meta, const char *path, const DataFolders *names, Error *e)
{
    const char *name;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)meta, name, v)
    {
        Str where = { 0 };
        str_printf(&where, "%s: \"%s\"", path, name);
        const bool ok = add_entry(d, name, v, names, where.text, e);
        str_free(&where);
        if (!ok) return false;
    }
    return true;
}

static bool add_meta(Dataset *d, const json_t *meta, const char *path, const DatasetOptions *o, Error *e)
{
    DataFolders names = { .allow_outside = o->allow_outside };
    const bool ok = add_folder_of(&names, path, e) && add_root(&names, o, e) && add_entries(d, meta, path, &names, e);
    data_folders_free(&names);
    return ok;
}

/* ---- all ---- */

/* *meta: what a file consists of, if that is one object and no record. Caller: json_decref(). */
static bool take_meta(const DataSource *s, json_t **meta, Error *e)
{
    const RecordIndex *x = &s->records;
    *meta = NULL;
    if (x->n != 1 || x->whole.n > 0 || str_ends(s->file.path, ".jsonl")) return true;
    json_t *v = parse_place(s, &x->place[0], e);
    if (!v) return false;
    if (json_is_object(v) && !json_object_get(v, "messages"))
        *meta = v;
    else
        json_decref(v);
    return true;
}

static bool add_path(Dataset *d, const char *path, const DatasetOptions *o, Error *e)
{
    json_t *meta = NULL;
    DataSource *s = add_source(d, path, o->allow_outside);
    if (!open_records(d, s, path, e) || !take_meta(s, &meta, e)) return false;
    if (!meta) return add_folder_of(&s->folders, path, e) && add_root(&s->folders, o, e);
    d->n_records -= s->records.n;
    d->n_sources--;
    source_free(s);
    const bool ok = add_meta(d, meta, path, o, e);
    json_decref(meta);
    return ok;
}

bool dataset_open(Dataset *d, const char *const *paths, int n_paths, const DatasetOptions *o, Error *e)
{
    *d = (Dataset){ 0 };
    bool ok = true;
    for (int i = 0; ok && i < n_paths; i++) ok = add_path(d, paths[i], o, e);
    if (ok && d->n_records == 0) ok = fail(e, ERR_FORMAT, "%s: there are no records", n_paths ? paths[0] : "the data");
    if (ok && d->n_records > UINT32_MAX) ok = fail(e, ERR_LIMIT, "%zu records, at most %u", d->n_records, UINT32_MAX);
    if (!ok) dataset_close(d);
    return ok;
}

const DataSource *dataset_source_of(const Dataset *d, size_t index)
{
    int lo = 0, hi = d->n_sources - 1;
    while (lo < hi) { /* the last one that begins at or before index; empty ones begin where their follower does */
        const int middle = (lo + hi + 1) / 2;
        if (d->source[middle].first <= index)
            lo = middle;
        else
            hi = middle - 1;
    }
    return &d->source[lo];
}

void dataset_where(const Dataset *d, size_t index, Str *out)
{
    const DataSource *s = dataset_source_of(d, index);
    str_printf(out, "%s:%u", s->file.path, s->records.place[index - s->first].line);
}

bool dataset_sample(const Dataset *d, size_t index, const SampleRules *rules, SampleDepth depth, Sample *s,
                    Fault *fault, Error *e)
{
    const DataSource *source = dataset_source_of(d, index);
    Str where = { 0 };
    Record r = { 0 };
    *s = (Sample){ 0 };
    json_t *v = parse_place(source, &source->records.place[index - source->first], e);
    *fault =
        v || e->code != ERR_FORMAT ? FAULT_NONE : FAULT_JSON; /* a file that cannot be read is no fault of a record */
    if (!v) return false;
    dataset_where(d, index, &where);
    *fault = FAULT_RECORD;
    const bool ok =
        record_read(&r, v, where.text, e) && sample_build(s, &r, rules, &source->folders, depth, where.text, fault, e);
    json_decref(v);
    record_free(&r);
    str_free(&where);
    return ok;
}
