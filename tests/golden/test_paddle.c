/* test_paddle.c - weights as PaddleMIX stores them, linears and router with their inputs first: made from micro models, they give
 * the same logits and become the published tensors again; layouts that contradict each other and pickles are refused. */
#include "model/merge.h"
#include "model/tensor_list.h"

#include "golden_model.h"
#include "temp_folder.h"

typedef struct {
    TempFolder folder;
    Model base;
} Bench;

static void copy_text(Bench *s, const char *model, const char *file)
{
    Error e;
    char *text;
    size_t n;
    if (!file_read(model_file(model, file), 64 << 20, &text, &n, &e)) fail_msg("%s", e.text);
    temp_write(&s->folder, file, text, n);
    free(text);
}

static const ListedTensor *listed(const TensorList *list, const char *name)
{
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->tensor[i].name, name) == 0) return &list->tensor[i];
    return NULL;
}

/* Everything with two dimensions but the table of embeddings. */
static bool is_turned(const TensorList *list, const FileTensor *t)
{
    const ListedTensor *l = listed(list, t->name);
    return l && l->n_dims == 2 && l->kind != LISTED_EMBEDDING;
}

static void add_turned(TensorWriter *w, const FileTensor *t)
{
    Error e;
    const size_t size = dtype_bytes(t->dtype);
    for (int64_t c = 0; c < t->dim[1]; c++)
        for (int64_t r = 0; r < t->dim[0]; r++)
            if (!tensor_writer_add(w, t->data + (size_t)(r * t->dim[1] + c) * size, size, &e)) fail_msg("%s", e.text);
}

/* A folder as PaddleMIX writes it; all of one name stays as published where `but` is given. */
static void write_paddle(Bench *s, const char *model, const char *but)
{
    Error e;
    TensorList list;
    s->folder = temp_open();
    for (const ModelText *t = MODEL_TEXTS; t->file; t++)
        if (file_exists(model_file(model, t->file))) copy_text(s, model, t->file);
    if (!model_open(&s->base, model_file(model, ""), &e) || !tensor_list(&list, &s->base.config, &e))
        fail_msg("%s", e.text);
    const int n = tensor_files_count(s->base.files);
    TensorSpec *spec = xcalloc((size_t)n, sizeof *spec);
    bool *turned = xcalloc((size_t)n, sizeof *turned);
    for (int i = 0; i < n; i++) {
        const FileTensor *t = tensor_files_at(s->base.files, i);
        spec[i] = (TensorSpec){ .name = t->name, .dtype = t->dtype, .n_dims = t->n_dims };
        memcpy(spec[i].dim, t->dim, sizeof spec[i].dim);
        turned[i] = is_turned(&list, t) && !(but && strcmp(but, t->name) == 0);
        if (turned[i]) spec[i].dim[0] = t->dim[1], spec[i].dim[1] = t->dim[0];
    }
    TensorWriter *w = tensor_writer_open(temp_path(&s->folder, "model.safetensors"), spec, n, &e);
    if (!w) fail_msg("%s", e.text);
    for (int i = 0; i < n; i++) {
        const FileTensor *t = tensor_files_at(s->base.files, i);
        if (turned[i])
            add_turned(w, t);
        else if (!tensor_writer_add(w, t->data, t->bytes, &e))
            fail_msg("%s", e.text);
    }
    if (!tensor_writer_commit(w, &e)) fail_msg("%s", e.text);
    free(spec);
    free(turned);
    tensor_list_free(&list);
}

static void end(Bench *s)
{
    model_close(&s->base);
    temp_close(&s->folder);
}

/* Logits of the last row of a prompt with a picture; caller frees. */
static float *logits_of(const char *path, const json_t *c, size_t *n)
{
    Error e;
    Trace t;
    Messages m;
    Vl2Sampling o = VL2_GREEDY;
    o.max_tokens = 1;
    Vl2Engine *engine = vl2_open(&(Vl2Options){ .model = path, .compute = "f32", .threads = 1 }, &e);
    if (!engine) fail_msg("%s", e.text);
    trace_open(&t, "logits");
    engine_trace(engine, &t.sink, true);
    load_messages(&m, json_object_get(json_object_get(json_object_get(c, "conversations"), "single"), "messages"));
    run_to_end(submit(engine, &m, &o));
    const TracedTensor *x = trace_find(&t, "logits");
    assert_non_null(x);
    *n = (size_t)x->rows * (size_t)x->cols;
    float *out = xcalloc(*n, sizeof *out);
    memcpy(out, x->data, *n * sizeof *out);
    trace_close(&t);
    vl2_close(engine);
    free_messages(&m);
    return out;
}

static void turned_weights_give_the_same_logits(void **state)
{
    Bench s;
    size_t n, have;
    json_t *c = load_case(*state);
    write_paddle(&s, *state, NULL);
    float *expected = logits_of(model_file(*state, ""), c, &n), *seen = logits_of(s.folder.folder, c, &have);
    assert_int_equal(have, n);
    assert_memory_equal(seen, expected, n * sizeof *seen);
    free(expected);
    free(seen);
    json_decref(c);
    end(&s);
}

static void converted_once_they_are_the_published_tensors(void **state)
{
    Bench s;
    Error e;
    Model m;
    write_paddle(&s, *state, NULL);
    const char *out = temp_path(&s.folder, "out");
    Pool *pool = pool_open(1, &e);
    if (!pool || !model_open(&m, s.folder.folder, &e) || !model_merge(&m, NULL, 0, out, pool, &e))
        fail_msg("%s", e.text);
    TensorFiles *written = tensor_files_open(out, &e);
    if (!written) fail_msg("%s", e.text);
    assert_int_equal(tensor_files_count(written), tensor_files_count(s.base.files));
    for (int i = 0; i < tensor_files_count(written); i++) {
        const FileTensor *x = tensor_files_at(written, i), *y = tensor_files_find(s.base.files, x->name);
        assert_non_null(y);
        assert_true(x->dtype == y->dtype && x->n_dims == y->n_dims && x->bytes == y->bytes);
        assert_memory_equal(x->dim, y->dim, (size_t)x->n_dims * sizeof *x->dim);
        assert_memory_equal(x->data, y->data, x->bytes);
    }
    tensor_files_close(written);
    model_close(&m);
    pool_close(pool);
    end(&s);
}

/* One matrix as published, and all others with their inputs first. */
static void layouts_that_contradict_each_other_are_refused(void **state)
{
    static const char name[] = "language.model.layers.0.mlp.down_proj.weight";
    Bench s;
    Error e;
    Model m;
    write_paddle(&s, *state, name);
    assert_false(model_open(&m, s.folder.folder, &e));
    assert_non_null(strstr(e.text, name));
    assert_non_null(strstr(e.text, "expected all in one of the two layouts"));
    end(&s);
}

/* The file holds no pickle at all: it is known by its name and never opened. */
static void pickles_are_refused_with_the_way_out(void **state)
{
    Error e;
    TempFolder folder = temp_open();
    (void)state;
    temp_write(&folder, "config.json", "{}", 2);
    temp_write(&folder, "model_state.pdparams", "", 0);
    assert_int_equal(chmod(temp_path(&folder, "model_state.pdparams"), 0), 0);
    const char *paths[] = { folder.folder, temp_path(&folder, "model_state.pdparams") };
    for (int i = 0; i < 2; i++) {
        Model m;
        assert_false(model_open(&m, paths[i], &e));
        assert_non_null(strstr(e.text, "model_state.pdparams: is a Python pickle"));
        assert_non_null(strstr(e.text, "--save_safetensors True"));
    }
    temp_close(&folder);
}

int main(void)
{
    static const Promise promises[] = {
        { "turned_weights_give_the_same_logits", turned_weights_give_the_same_logits },
        { "converted_once_they_are_the_published_tensors", converted_once_they_are_the_published_tensors },
        { "layouts_that_contradict_each_other_are_refused", layouts_that_contradict_each_other_are_refused },
        { "pickles_are_refused_with_the_way_out", pickles_are_refused_with_the_way_out },
    };
    return run_promises(promises, sizeof promises / sizeof *promises);
}
