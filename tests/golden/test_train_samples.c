/* test_train_samples.c - samples for training against the official processor: ids, labels and image places of the reference's
 * training batches and of every conversation, with and without masked questions. */
#include "golden_model.h"
#include "train_support.h"

static const char *const trained_models[] = { "micro-mha", "micro-mla", "micro-mla-noaux" };

/* The conversations of a list as JSON lines, read back as a dataset whose pictures are the reference's. */
static void open_data(Dataset *d, TempFolder *t, const json_t *conversations)
{
    Error e;
    Str lines = { 0 };
    size_t i;
    json_t *v;
    json_array_foreach(conversations, i, v)
    {
        char *line = json_dumps(v, JSON_COMPACT);
        str_printf(&lines, "%s\n", line);
        free(line);
    }
    temp_write(t, "data.jsonl", lines.text, lines.n);
    str_free(&lines);
    const char *path = temp_path(t, "data.jsonl");
    if (!dataset_open(d, &path, 1, &(DatasetOptions){ golden_or_skip("images"), true }, &e)) fail_msg("%s", e.text);
}

static bool flag_at(const FileTensor *t, size_t i)
{
    assert_int_equal(t->dtype, DT_BOOL);
    return t->data[i] != 0;
}

/* One row of a padded batch against one sample: pads are on the left. */
static void check_row(const TensorFiles *t, const char *batch, size_t row, const Sample *s)
{
    char name[64];
    snprintf(name, sizeof name, "%s.input_ids", batch);
    const FileTensor *ids = want(t, name);
    snprintf(name, sizeof name, "%s.labels", batch);
    const FileTensor *labels = want(t, name);
    snprintf(name, sizeof name, "%s.images_seq_mask", batch);
    const FileTensor *mask = want(t, name);
    const size_t width = n_elements(ids) / 2, n = (size_t)s->prompt.n, pad = width - n;
    assert_true(n <= width);
    for (size_t i = 0; i < pad; i++) assert_int_equal(int_at(labels, row * width + i), LABEL_IGNORE);
    for (size_t i = 0; i < n; i++) {
        const size_t at = row * width + pad + i;
        assert_int_equal(s->prompt.id[i], int_at(ids, at));
        assert_int_equal(s->label[i], int_at(labels, at));
        assert_int_equal(s->prompt.is_image[i], flag_at(mask, at));
    }
}

/* The ids and labels of the reference's training batches; the reduced copy has them without the gradients. */
static TensorFiles *load_batches(const char *model)
{
    char path[128];
    snprintf(path, sizeof path, "%s/expected_train.safetensors", model);
    const bool whole = access(golden_path(path), F_OK) == 0;
    return load_expected(model, whole ? "expected_train.safetensors" : "train_ids.safetensors");
}

static void training_batches_are_the_references(void **state)
{
    (void)state;
    static const char *const batches[] = { "equal", "padded" };
    for (int m = 0; m < 3; m++) {
        json_t *c = load_case(trained_models[m]);
        TensorFiles *t = load_batches(trained_models[m]);
        Rules r;
        open_rules(&r, trained_models[m]);
        for (int b = 0; b < 2; b++) {
            Dataset d;
            TempFolder folder = temp_open();
            open_data(&d, &folder,
                      json_object_get(json_object_get(json_object_get(c, "train"), batches[b]), "messages"));
            assert_int_equal(d.n_records, 2);
            for (size_t i = 0; i < 2; i++) {
                Sample s;
                take_good(&s, &d, i, &r.rules, SAMPLE_LENGTH);
                check_row(t, batches[b], i, &s);
                sample_free(&s);
            }
            dataset_close(&d);
            temp_close(&folder);
        }
        close_rules(&r);
        tensor_files_close(t);
        json_decref(c);
    }
}

/* The labels of the prompt: what follows is the answer that was given to it here. */
static void check_labels(const TensorFiles *t, const char *name, const Sample *s)
{
    const FileTensor *labels = want(t, name);
    const int n = (int)n_elements(labels);
    assert_true(n < s->prompt.n);
    for (int i = 0; i < n; i++) assert_int_equal(s->label[i], int_at(labels, (size_t)i));
    for (int i = n; i < s->prompt.n; i++) assert_int_equal(s->label[i], s->prompt.id[i]);
}

/* The conversations of the reference, with an answer where the last one is still to come. */
static json_t *answered_conversations(const json_t *reference)
{
    json_t *list = json_array();
    for (int k = 0; k < N_GOLDEN_CONVERSATIONS; k++) {
        const json_t *c = json_object_get(json_object_get(reference, "conversations"), golden_conversations[k]);
        json_t *messages = json_deep_copy(json_object_get(c, "messages"));
        json_t *last = json_array_get(messages, json_array_size(messages) - 1);
        if (json_string_length(json_object_get(last, "content")) == 0)
            json_object_set_new(last, "content", json_string("Two."));
        json_array_append_new(list, messages);
    }
    return list;
}

/* False: this copy of the reference lacks the conversation. */
static bool compare_labels(const Dataset *d, size_t k, Rules *r, const char *model)
{
    char path[128];
    Sample s;
    snprintf(path, sizeof path, "%s/expected_%s.safetensors", model, golden_conversations[k]);
    if (access(golden_path(path), F_OK) != 0) return false;
    TensorFiles *t = load_expected(model, strchr(path, '/') + 1);
    r->rules.mask_prompt = true;
    take_good(&s, d, k, &r->rules, SAMPLE_LENGTH);
    check_labels(t, "target_ids_mask_prompt_true", &s);
    sample_free(&s);
    r->rules.mask_prompt = false;
    take_good(&s, d, k, &r->rules, SAMPLE_LENGTH);
    check_labels(t, "target_ids_mask_prompt_false", &s);
    sample_free(&s);
    tensor_files_close(t);
    return true;
}

static void labels_are_the_processors_masked_or_not(void **state)
{
    (void)state;
    int compared = 0;
    for (int m = 0; m < N_GOLDEN_MODELS; m++) {
        json_t *reference = load_case(golden_models[m]), *list = answered_conversations(reference);
        Rules r;
        open_rules(&r, golden_models[m]);
        Dataset d;
        TempFolder folder = temp_open();
        open_data(&d, &folder, list);
        for (size_t k = 0; k < N_GOLDEN_CONVERSATIONS; k++) compared += compare_labels(&d, k, &r, golden_models[m]);
        dataset_close(&d);
        temp_close(&folder);
        close_rules(&r);
        json_decref(list);
        json_decref(reference);
    }
    printf("# %d conversations compared\n", compared);
    assert_true(compared > 0);
}

TEST_MAIN(TEST(training_batches_are_the_references), TEST(labels_are_the_processors_masked_or_not))
