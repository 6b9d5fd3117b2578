/* test_adapter.c - presets name what PaddleMIX adapts; an adapter that is written is read back; files that are no adapter, or one
 * for another model, are refused and named. */
#include "train/params.h"

#include "../../tools/model_shapes.h"
#include "format/safetensors.h"
#include "golden_model.h"
#include "temp_folder.h"

/* ---- presets ---- */

/* PaddleMIX prints these counts for r = 8. */
static void presets_have_the_published_numbers_of_parameters(void **state)
{
    static const struct {
        const char *shape;
        uint64_t n;
    } rows[] = { { "tiny", 37943808 }, { "small", 141883392 } };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const ModelShape *s = model_shape_find(rows[i].shape);
        json_t *config = model_shape_config(s), *candidates = candidate_resolutions(384);
        json_t *processor = model_shape_processor(candidates, 14, 2);
        json_object_set(config, "candidate_resolutions", candidates);
        Config c;
        Error e;
        TensorList l;
        if (!config_from_json(&c, config, "config.json", processor, "processor_config.json", &e))
            fail_msg("%s", e.text);
        assert_true(tensor_list(&l, &c, &e));
        LoraTargets t = { .rank = 8 };
        t.target = lora_preset(rows[i].shape, &t.n_targets);
        assert_true(lora_targets_count(&t, &l) == rows[i].n);
        tensor_list_free(&l);
        config_free(&c);
        json_decref(config);
        json_decref(processor);
        json_decref(candidates);
    }
}

static void targets_are_whole_patterns_or_last_names(void **state)
{
    static const char *const names[] = { "q_proj", "vision.*.fc1" };
    const LoraTargets t = { .target = names, .n_targets = 2, .rank = 1 };
    (void)state;
    assert_true(lora_targets_match(&t, "language.model.layers.0.self_attn.q_proj"));
    assert_false(lora_targets_match(&t, "language.model.layers.0.self_attn.kq_proj"));
    assert_true(lora_targets_match(&t, "vision.blocks.3.mlp.fc1"));
    assert_false(lora_targets_match(&t, "language.mlp.fc1"));
    int n;
    assert_null(lora_preset("huge", &n));
}

/* ---- files ---- */

static void what_is_written_is_read_back(void **state)
{
    (void)state;
    Error e;
    Model m;
    Params p, again;
    Adapter a;
    TempFolder folder = temp_open();
    static const char *const names[] = { "o_proj", "down_proj", "vision.*.qkv", "projector.layers.0" };
    const LoraTargets t = { .target = names, .n_targets = 4, .rank = 3, .alpha = 6, .dropout = 0.25f };
    if (!model_open(&m, model_file("micro-mla", ""), &e) || !params_open_lora(&p, &m, &t, 7, &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i < p.n_values; i++) p.value[i] += (float)(i % 13); /* B, too, is something */
    const char *path = temp_path(&folder, "adapter");
    if (!params_save_adapter(&p, path, "micro", &e) || !adapter_open(&a, path, &e) ||
        !params_open_adapter(&again, &m, &a, &e))
        fail_msg("%s", e.text);
    assert_int_equal(again.n, p.n);
    assert_true(a.rank == 3 && a.alpha == 6 && a.dropout == 0.25f);
    for (int i = 0; i < p.n_lora; i++) assert_true(again.lora[i].scale == 2 && again.lora[i].dropout == 0.25f);
    for (int i = 0; i < p.n; i++) {
        assert_string_equal(again.param[i].name, p.param[i].name);
        assert_memory_equal(again.value + again.param[i].at, p.value + p.param[i].at, p.param[i].n * sizeof(float));
    }
    params_close(&again);
    adapter_close(&a);
    params_close(&p);
    model_close(&m);
    temp_close(&folder);
}

/* ---- what is refused ---- */

/* A pair of matrices under a module's name, and a config. */
static void write_adapter(TempFolder *folder, const char *config, const char *a_name, const char *b_name,
                          const int64_t shape[4])
{
    Error e;
    static const float zeros[4096];
    TensorSpec spec[2] = { { .name = a_name, .dtype = DT_F32, .n_dims = 2, .dim = { shape[0], shape[1] } },
                           { .name = b_name, .dtype = DT_F32, .n_dims = 2, .dim = { shape[2], shape[3] } } };
    temp_write(folder, "adapter_config.json", config, strlen(config));
    TensorWriter *w = tensor_writer_open(temp_path(folder, "adapter_model.safetensors"), spec, 2, &e);
    assert_non_null(w);
    for (int i = 0; i < 2; i++)
        assert_true(tensor_writer_add(w, zeros, (size_t)(spec[i].dim[0] * spec[i].dim[1]) * sizeof(float), &e));
    assert_true(tensor_writer_commit(w, &e));
}

#define GOOD "{\"peft_type\":\"LORA\",\"r\":2,\"lora_alpha\":4}"
#define Q    "base_model.model.language.model.layers.0.self_attn.q_proj"

static void files_that_are_no_adapter_are_named(void **state)
{
    static const struct {
        const char *config, *a, *b;
        int64_t shape[4];
        const char *text;
    } rows[] = {
        { "[]", Q ".lora_A.weight", Q ".lora_B.weight", { 2, 8, 8, 2 }, "is an array, expected an object" },
        { "{", Q ".lora_A.weight", Q ".lora_B.weight", { 2, 8, 8, 2 }, "adapter_config.json" },
        { "{\"peft_type\":\"IA3\",\"r\":2}",
          Q ".lora_A.weight",
          Q ".lora_B.weight",
          { 2, 8, 8, 2 },
          "\"peft_type\" is IA3" },
        { "{\"peft_type\":\"LORA\"}", Q ".lora_A.weight", Q ".lora_B.weight", { 2, 8, 8, 2 }, "\"r\" is missing" },
        { "{\"peft_type\":\"LORA\",\"r\":0}", Q ".lora_A.weight", Q ".lora_B.weight", { 2, 8, 8, 2 }, "\"r\"" },
        { "{\"peft_type\":\"LORA\",\"r\":2,\"use_dora\":true}",
          Q ".lora_A.weight",
          Q ".lora_B.weight",
          { 2, 8, 8, 2 },
          "\"use_dora\" is true" },
        { "{\"peft_type\":\"LORA\",\"r\":2,\"bias\":\"all\"}",
          Q ".lora_A.weight",
          Q ".lora_B.weight",
          { 2, 8, 8, 2 },
          "\"bias\" is \"all\"" },
        { "{\"peft_type\":\"LORA\",\"r\":2,\"modules_to_save\":[\"head\"]}",
          Q ".lora_A.weight",
          Q ".lora_B.weight",
          { 2, 8, 8, 2 },
          "\"modules_to_save\" is not empty" },
        { "{\"peft_type\":\"LORA\",\"r\":2,\"lora_dropout\":1.5}",
          Q ".lora_A.weight",
          Q ".lora_B.weight",
          { 2, 8, 8, 2 },
          "\"lora_dropout\" is 1.5" },
        { GOOD, Q ".lora_A.weight", Q "x.lora_B.weight", { 2, 8, 8, 2 }, "has no other half" },
        { GOOD, "q.lora_A.weight", "q.lora_B.weight", { 2, 8, 8, 2 }, "has no other half" },
        { GOOD, Q ".lora_A.weight", Q ".lora_B.weight", { 2, 8, 8, 3 }, "has rank 2, its lora_B 3" },
        { GOOD,
          Q ".lora_A.weight",
          Q ".lora_B.weight",
          { 2, 64, 32, 2 },
          "is for a matrix [32, 64], the model's is [96, 64]" },
        { GOOD,
          "base_model.model.a.lora_A.weight",
          "base_model.model.a.lora_B.weight",
          { 2, 8, 8, 2 },
          "this one has no a" },
    };
    (void)state;
    Error e;
    Model m;
    if (!model_open(&m, model_file("micro-mla", ""), &e)) fail_msg("%s", e.text);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        TempFolder folder = temp_open();
        Adapter a;
        write_adapter(&folder, rows[i].config, rows[i].a, rows[i].b, rows[i].shape);
        const bool ok = adapter_open(&a, folder.folder, &e) && model_add_adapter(&m, &a, 1, &e);
        assert_false(ok);
        if (!strstr(e.text, rows[i].text)) fail_msg("\"%s\" does not say \"%s\"", e.text, rows[i].text);
        adapter_close(&a);
        temp_close(&folder);
    }
    model_close(&m);
}

/* Any byte of the file changed, any length: an error, or an adapter that is read whole. */
static void changed_files_are_read_or_refused(void **state)
{
    (void)state;
    TempFolder folder = temp_open();
    write_adapter(&folder, GOOD, Q ".lora_A.weight", Q ".lora_B.weight", (const int64_t[]){ 2, 64, 96, 2 });
    char *bytes;
    size_t n;
    Error e;
    assert_true(file_read(temp_path(&folder, "adapter_model.safetensors"), 1 << 20, &bytes, &n, &e));
    int refused = 0;
    for (int i = 0; i < 300; i++) {
        char *changed = xcalloc(n, 1);
        memcpy(changed, bytes, n);
        const size_t header = 320 < n ? 320 : n, at = (size_t)i * 7 % header;
        changed[at] = (char)(changed[at] ^ (1 << i % 7));
        temp_write(&folder, "adapter_model.safetensors", changed, i % 3 ? n : n - (size_t)i);
        Adapter a;
        if (adapter_open(&a, folder.folder, &e))
            assert_true(a.n == 1 && a.module[0].a->bytes == 2 * 64 * 4);
        else
            refused++;
        adapter_close(&a);
        free(changed);
    }
    assert_true(refused > 200);
    free(bytes);
    temp_close(&folder);
}

TEST_MAIN(TEST(presets_have_the_published_numbers_of_parameters), TEST(targets_are_whole_patterns_or_last_names),
          TEST(what_is_written_is_read_back), TEST(files_that_are_no_adapter_are_named),
          TEST(changed_files_are_read_or_refused))
