/* test_merge.c - a model merged with its adapter: the same logits as the adapter on the model, the types and all other tensors of
 * the base, nothing of the adapter left. */
#include "model/merge.h"

#include "golden_model.h"
#include "temp_folder.h"

typedef struct {
    TempFolder folder;
    char out[512];
    Model base;
    Adapter adapter;
    Pool *pool;
} Bench;

static void merge(Bench *s, const char *model)
{
    Error e;
    s->folder = temp_open();
    snprintf(s->out, sizeof s->out, "%s", temp_path(&s->folder, "merged"));
    const char *lora = model_file(model, "lora");
    const MergeAdapter use = { &s->adapter, 1 };
    s->pool = pool_open(2, &e);
    if (!model_open(&s->base, model_file(model, ""), &e) || !adapter_open(&s->adapter, lora, &e) ||
        !model_merge(&s->base, &use, 1, s->out, s->pool, &e))
        fail_msg("%s", e.text);
}

static void end(Bench *s)
{
    adapter_close(&s->adapter);
    model_close(&s->base);
    pool_close(s->pool);
    temp_close(&s->folder);
}

/* Adapted matrices keep their type and change; every other tensor is the base's, byte for byte. */
static void merged_folder_has_the_tensors_of_the_base(void **state)
{
    static const char *const models[] = { "micro-mha", "micro-mla" };
    (void)state;
    for (int i = 0; i < 2; i++) {
        Bench s;
        Error e;
        merge(&s, models[i]);
        TensorFiles *merged = tensor_files_open(s.out, &e);
        if (!merged) fail_msg("%s", e.text);
        assert_int_equal(tensor_files_count(merged), tensor_files_count(s.base.files));
        int changed = 0;
        for (int k = 0; k < tensor_files_count(merged); k++) {
            const FileTensor *x = tensor_files_at(merged, k), *y = tensor_files_find(s.base.files, x->name);
            assert_non_null(y);
            assert_true(x->dtype == y->dtype && x->bytes == y->bytes);
            char module[160];
            snprintf(module, sizeof module, "%.*s", (int)(strlen(x->name) > 7 ? strlen(x->name) - 7 : 0), x->name);
            const bool same = memcmp(x->data, y->data, x->bytes) == 0;
            assert_true(same == (adapter_find(&s.adapter, module) == NULL));
            changed += !same;
        }
        assert_int_equal(changed, s.adapter.n);
        tensor_files_close(merged);
        end(&s);
    }
}

static float *logits_of(const char *model, const char *lora, size_t *n)
{
    Error e;
    Trace t;
    Vl2Sampling o = VL2_GREEDY;
    o.max_tokens = 1;
    Vl2Engine *engine = vl2_open(
        &(Vl2Options){ .model = model, .compute = "f32", .threads = 1, .lora = &lora, .n_lora = lora != NULL }, &e);
    if (!engine) fail_msg("%s", e.text);
    trace_open(&t, "logits");
    engine_trace(engine, &t.sink, true);
    const Vl2Message m = { .role = "user", .content = "How are you?" };
    Vl2Request *r = vl2_submit(engine, &(Vl2Prompt){ .message = &m, .n_messages = 1 }, &o, &e);
    if (!r) fail_msg("%s", e.text);
    run_to_end(r);
    const TracedTensor *x = trace_find(&t, "logits");
    *n = x->rows * x->cols;
    float *out = xcalloc(*n, sizeof *out);
    memcpy(out, x->data, *n * sizeof *out);
    trace_close(&t);
    vl2_close(engine);
    return out;
}

/* In f32 nothing is lost by the sum but its rounding. The reference states 3e-5 between its two forms; ten
 * times that. */
static void merged_model_answers_as_the_adapter(void **state)
{
    (void)state;
    Bench s;
    merge(&s, "micro-mha-f32");
    size_t n, n_merged;
    double worst = 0;
    char lora[512], base[512];
    snprintf(lora, sizeof lora, "%s", model_file("micro-mha-f32", "lora"));
    snprintf(base, sizeof base, "%s", model_file("micro-mha-f32", ""));
    float *with = logits_of(base, lora, &n), *merged = logits_of(s.out, NULL, &n_merged);
    assert_int_equal(n, n_merged);
    for (size_t i = 0; i < n; i++) worst = fmax(worst, fabs((double)with[i] - (double)merged[i]));
    assert_within("logits, merged against adapter", worst, 3e-4);
    free(with);
    free(merged);
    end(&s);
}

static void what_cannot_be_merged_is_refused(void **state)
{
    (void)state;
    Bench s;
    Error e;
    merge(&s, "micro-mla");
    const MergeAdapter use = { &s.adapter, 1 };
    assert_false(model_merge(&s.base, &use, 1, s.out, s.pool, &e)); /* the folder is there */
    assert_non_null(strstr(e.text, "is there already"));
    end(&s);
}

TEST_MAIN(TEST(merged_folder_has_the_tensors_of_the_base), TEST(merged_model_answers_as_the_adapter),
          TEST(what_cannot_be_merged_is_refused))
