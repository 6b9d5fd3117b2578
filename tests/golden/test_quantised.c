/* test_quantised.c - a model in one GGUF file answers as its folder does: with the same bits where the numbers are the same,
 * within stated bounds where they are quantised; and a folder made from the file holds what the first one held. */
#include "engine/engine.h"
#include "golden_model.h"
#include "model/convert.h"

#include "temp_folder.h"

/* What the golden models are. */
static const char *const own_type[N_GOLDEN_MODELS] = { "f16", "f32", "bf16", "bf16" };

static void convert(const char *from, const ConvertOptions *o, const char *out)
{
    Error e;
    Model m;
    ConvertPlan plan;
    Pool *pool = pool_open(2, &e);
    if (!pool || !model_open(&m, from, &e) || !convert_plan(&plan, &m, o, &e) ||
        !convert_run(&plan, &m, o, out, pool, NULL, &e))
        fail_msg("%s", e.text);
    convert_plan_free(&plan);
    model_close(&m);
    pool_close(pool);
}

static ConvertOptions to_gguf(const char *types)
{
    Error e;
    ConvertOptions o = { .to = CONVERT_GGUF };
    if (!weight_types_find(types, &o.types, &e)) fail_msg("%s", e.text);
    return o;
}

/* The logits of all prompt rows of a conversation, computed from the model at `path`. Caller frees. */
static float *logits_of(const char *path, const char *compute, const char *model, const char *conversation, size_t *n)
{
    Error e;
    Messages m;
    Trace t;
    json_t *file = load_case(model);
    load_messages(&m,
                  json_object_get(json_object_get(json_object_get(file, "conversations"), conversation), "messages"));
    Vl2Engine *engine =
        vl2_open(&(Vl2Options){ .model = path, .compute = compute, .cpu = tested_cpu(), .threads = 1 }, &e);
    if (!engine) fail_msg("%s", e.text);
    trace_open(&t, "logits");
    engine_trace(engine, &t.sink, true);
    Vl2Sampling greedy = VL2_GREEDY;
    greedy.max_tokens = 1;
    Vl2Request *r = submit(engine, &m, &greedy);
    run_to_end(r);
    const TracedTensor *x = trace_find(&t, "logits");
    *n = x->rows * x->cols;
    float *copy = xcalloc(*n, sizeof *copy);
    memcpy(copy, x->data, *n * sizeof *copy);
    trace_close(&t);
    vl2_close(engine);
    free_messages(&m);
    json_decref(file);
    return copy;
}

/* rms of the difference over rms of the logits, worst of a conversation with a picture and one without; 0: the same
 * bits. */
static double difference(const char *path, const char *expected_path, const char *model)
{
    static const char *const conversation[] = { "single", "text" };
    double worst = 0;
    for (int i = 0; i < 2; i++) {
        size_t n, n_expected;
        double error = 0, size = 0;
        float *expected = logits_of(expected_path, "f32", model, conversation[i], &n_expected);
        float *x = logits_of(path, "f32", model, conversation[i], &n);
        assert_int_equal(n, n_expected);
        for (size_t k = 0; k < n; k++) {
            error += (double)(x[k] - expected[k]) * (x[k] - expected[k]);
            size += (double)expected[k] * expected[k];
        }
        if (memcmp(x, expected, n * sizeof *x) != 0) worst = fmax(worst, fmax(sqrt(error / size), 1e-30));
        free(x);
        free(expected);
    }
    return worst;
}

static void same_type_gives_the_same_bits(void **state)
{
    TempFolder s = temp_open();
    const char *const path = temp_path(&s, "m.gguf");
    (void)state;
    for (int k = 0; k < N_TESTED_MODELS; k++) {
        const ConvertOptions o = to_gguf(own_type[k]);
        convert(model_file(golden_models[k], ""), &o, path);
        if (difference(path, model_file(golden_models[k], ""), golden_models[k]) > 0)
            fail_msg("%s as %s: other bits", golden_models[k], own_type[k]);
    }
    temp_close(&s);
}

/* f32 holds every number of the other types, but the products of some instruction sets walk bf16 in another order: what another
 * order of summation may cost. */
static void f32_holds_all_types(void **state)
{
    TempFolder s = temp_open();
    const char *const path = temp_path(&s, "m.gguf");
    const ConvertOptions o = to_gguf("f32");
    (void)state;
    for (int k = 0; k < N_TESTED_MODELS; k++) {
        convert(model_file(golden_models[k], ""), &o, path);
        assert_within(golden_models[k], difference(path, model_file(golden_models[k], ""), golden_models[k]), 1e-5);
    }
    temp_close(&s);
}

/* Quantised weights are used as what they decode to: the same decoded to f32 in a folder gives the same logits, up to the
 * order of summation. The bounds against the weights as they were are 1.2 times what was measured: one step is 1/127 or 1/8 of
 * the largest of 32 numbers, the micro models are narrow (64), so that little averages out, and a router close to a draw
 * sends a row to other experts. */
static void quantised_gguf_stays_within_bounds(void **state)
{
    static const struct {
        const char *types;
        double bound[N_GOLDEN_MODELS]; /* in the order of golden_models */
    } rows[] = { { "q8_0", { 0.2, 0.086, 0.084, 0.078 } },
                 { "q4_0", { 0.75, 0.78, 0.65, 0.76 } },
                 { "iq4_nl", { 0.74, 0.75, 0.66, 0.73 } } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (int k = 0; k < N_TESTED_MODELS; k++) {
            char what[64];
            TempFolder s = temp_open();
            const char *const path = temp_path(&s, "m.gguf"), *const decoded = temp_path(&s, "decoded");
            const ConvertOptions o = to_gguf(rows[i].types);
            ConvertOptions back = to_gguf("f32");
            back.to = CONVERT_FOLDER;
            convert(model_file(golden_models[k], ""), &o, path);
            convert(path, &back, decoded);
            snprintf(what, sizeof what, "%s as %s, decoded", golden_models[k], rows[i].types);
            assert_within(what, difference(path, decoded, golden_models[k]), 1e-5);
            snprintf(what, sizeof what, "%s as %s", golden_models[k], rows[i].types);
            assert_within(what, difference(path, model_file(golden_models[k], ""), golden_models[k]), rows[i].bound[k]);
            temp_close(&s);
        }
}

static void assert_same_file(const char *a, const char *b)
{
    Error e;
    char *x = NULL, *y = NULL;
    size_t n_x = 0, n_y = 0;
    if (!file_read(a, 1 << 30, &x, &n_x, &e) || !file_read(b, 1 << 30, &y, &n_y, &e)) fail_msg("%s", e.text);
    if (n_x != n_y || memcmp(x, y, n_x) != 0) fail_msg("%s differs from %s", a, b);
    free(x);
    free(y);
}

/* Every tensor with its name, type, shape and bytes. */
static void assert_same_tensors(const char *a, const char *b)
{
    Error e;
    TensorFiles *x = tensor_files_open(a, &e), *y = tensor_files_open(b, &e);
    if (!x || !y) fail_msg("%s", e.text);
    assert_int_equal(tensor_files_count(x), tensor_files_count(y));
    for (int i = 0; i < tensor_files_count(x); i++) {
        const FileTensor *t = tensor_files_at(x, i), *u = tensor_files_at(y, i);
        assert_string_equal(t->name, u->name);
        if (t->dtype != u->dtype || t->n_dims != u->n_dims ||
            memcmp(t->dim, u->dim, (size_t)t->n_dims * sizeof *t->dim) != 0 || memcmp(t->data, u->data, t->bytes) != 0)
            fail_msg("%s is not what it was", t->name);
    }
    tensor_files_close(x);
    tensor_files_close(y);
}

static void folder_of_an_unquantised_gguf_is_the_first_one(void **state)
{
    static const char *const file[] = { "config.json", "processor_config.json", "tokenizer.json",
                                        "tokenizer_config.json", "special_tokens_map.json" };
    (void)state;
    for (int k = 0; k < N_TESTED_MODELS; k++) {
        TempFolder s = temp_open();
        const char *const gguf = temp_path(&s, "m.gguf"), *const folder = temp_path(&s, "back");
        const ConvertOptions there = to_gguf(own_type[k]);
        ConvertOptions back = to_gguf(own_type[k]);
        back.to = CONVERT_FOLDER;
        back.keep_f32 = true;
        convert(model_file(golden_models[k], ""), &there, gguf);
        convert(gguf, &back, folder);
        assert_same_tensors(model_file(golden_models[k], ""), folder);
        for (size_t i = 0; i < sizeof file / sizeof *file; i++) {
            char *path = path_join(folder, file[i]);
            assert_same_file(model_file(golden_models[k], file[i]), path);
            free(path);
        }
        temp_close(&s);
    }
}

/* Rows that are no whole blocks, as the 179 of the micro models' vision tower, are filled up once; rows of q and k that are in pairs stay so. */
static void gguf_from_gguf_is_the_same_file(void **state)
{
    TempFolder s = temp_open();
    const ConvertOptions o = to_gguf("q8");
    (void)state;
    for (int k = 0; k < N_TESTED_MODELS; k++) {
        const char *const once = temp_path(&s, "m"), *const again = temp_path(&s, "m.gguf"); /* the same general.name */
        convert(model_file(golden_models[k], ""), &o, once);
        convert(once, &o, again);
        convert(again, &o, once);
        assert_same_file(once, again);
    }
    temp_close(&s);
}

/* Strips of 16 rows and rows apart are two places for the same blocks: the same logits, exact and in int8, and either can be
 * made of the other. */
static void strips_and_rows_apart_are_the_same_model(void **state)
{
    static const char *const types[] = { "q8_0", "q4_0", "iq4_nl" }, *const compute[] = { "f32", "auto" };
    (void)state;
    for (int k = 0; k < N_TESTED_MODELS; k++)
        for (int t = 0; t < 3; t++) {
            TempFolder s = temp_open();
            const char *const strips = temp_path(&s, "m.gguf"), *const apart = temp_path(&s, "m"),
                              *const a = temp_path(&s, "a.gguf"), *const b = temp_path(&s, "b.gguf");
            const ConvertOptions o = to_gguf(types[t]);
            ConvertOptions rows = o;
            rows.row_types = true;
            convert(model_file(golden_models[k], ""), &o, strips);
            convert(model_file(golden_models[k], ""), &rows, apart);
            for (int c = 0; c < 2; c++) {
                size_t n, n_apart;
                float *x = logits_of(strips, compute[c], golden_models[k], "single", &n);
                float *y = logits_of(apart, compute[c], golden_models[k], "single", &n_apart);
                assert_int_equal(n, n_apart);
                assert_memory_equal(x, y, n * sizeof *x);
                free(x), free(y);
            }
            for (int c = 0; c < 2; c++) {
                convert(strips, c ? &rows : &o, a); /* general.name comes from the source: "m" */
                convert(apart, c ? &rows : &o, b);
                assert_same_file(a, b);
            }
            temp_close(&s);
        }
}

TEST_MAIN(TEST(same_type_gives_the_same_bits), TEST(f32_holds_all_types), TEST(quantised_gguf_stays_within_bounds),
          TEST(folder_of_an_unquantised_gguf_is_the_first_one), TEST(gguf_from_gguf_is_the_same_file),
          TEST(strips_and_rows_apart_are_the_same_model))
