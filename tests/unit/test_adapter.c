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
    static const char *const names[] = { "q_proj", "vision.*.fc1:5", "o_proj:7", "tiny" };
    const LoraTargets t = { .target = names, .n_targets = 4, .rank = 3 };
    static const struct {
        const char *module;
        int rank;
    } rows[] = { { "language.model.layers.0.self_attn.q_proj", 3 },
                 { "language.model.layers.0.self_attn.kq_proj", 0 },
                 { "vision.blocks.3.mlp.fc1", 5 },
                 { "language.mlp.fc1", 0 },
                 { "language.model.layers.0.self_attn.o_proj", 7 }, /* before the list of tiny, which has it, too */
                 { "language.model.layers.2.mlp.experts.5.up_proj", 3 },
                 { "language.model.layers.2.mlp.shared_experts.up_proj", 0 } };
    Error e;
    int n;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(lora_targets_rank(&t, rows[i].module), rows[i].rank);
    assert_null(lora_preset("huge", &n));
    assert_true(lora_target_check("q_proj", &e) && lora_target_check("*.fc1:1024", &e));
    assert_false(lora_target_check("q_proj:0", &e));
    assert_false(lora_target_check("q_proj:", &e));
    assert_false(lora_target_check("q_proj:8x", &e));
    assert_non_null(strstr(e.text, "'q_proj:8x', expected NAME or NAME:RANK"));
}

/* ---- files ---- */

/* Ranks 3, 5 and 1 with the scale that a row says; the scale of several ranks is an alpha of their own. */
static void write_and_read(const LoraTargets *t)
{
    Error e;
    Model m;
    Params p, again;
    Adapter a;
    TempFolder folder = temp_open();
    if (!model_open(&m, model_file("micro-mla", ""), &e) || !params_open_lora(&p, &m, t, 7, &e)) fail_msg("%s", e.text);
    for (size_t i = 0; i < p.n_values; i++) p.value[i] += (float)(i % 13); /* B, too, is something */
    const char *path = temp_path(&folder, "adapter");
    if (!params_save_adapter(&p, path, "micro", &e) || !adapter_open(&a, path, &e) ||
        !params_open_adapter(&again, &m, &a, &e))
        fail_msg("%s", e.text);
    assert_int_equal(again.n, p.n);
    for (int i = 0; i < p.n_lora; i++) {
        assert_true(p.lora[i].scale == lora_targets_scale(t, p.lora[i].a.rows));
        assert_true(again.lora[i].scale == p.lora[i].scale && again.lora[i].dropout == 0.25f);
    }
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

static void what_is_written_is_read_back(void **state)
{
    static const char *const one[] = { "o_proj", "down_proj", "vision.*.qkv", "projector.layers.0" };
    static const char *const several[] = { "o_proj:5", "down_proj", "vision.*.qkv:1", "projector.layers.0" };
    (void)state;
    write_and_read(&(LoraTargets){ one, 4, 3, 6, 0.25f });
    write_and_read(&(LoraTargets){ several, 4, 3, 0, 0.25f });
    write_and_read(&(LoraTargets){ several, 4, 3, 16, 0.25f }); /* 16 / 3 is no short number */
}

/* ---- what a config may say ---- */

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

/* What PEFT's loader makes of these keys for q_proj of layer 0, whose matrices have rank 2. */
static void a_config_scales_as_peft_does(void **state)
{
#define LORA(rest) "{\"peft_type\":\"LORA\"," rest "}"
    static const struct {
        const char *config;
        double scale;
    } rows[] = {
        { GOOD, 2 },
        { LORA("\"r\":2"), 4 },
        { LORA("\"r\":2,\"lora_alpha\":4,\"use_rslora\":true"), 2.8284271247461903 },
        { LORA("\"r\":8,\"lora_alpha\":4,\"rank_pattern\":{\"q_proj\":2}"), 2 },
        { LORA("\"r\":2,\"lora_alpha\":4,\"alpha_pattern\":{\"k_proj\":1,\"self_attn.q_proj\":3,\"q_proj\":9}"), 1.5 },
        { LORA("\"r\":2,\"lora_alpha\":4,\"alpha_pattern\":{\"_proj\":9,\"0.self_attn.q_proj\":6}"), 3 },
        { LORA("\"r\":8,\"lora_alpha\":4,\"rank_pattern\":{\".*\\\\.layers\\\\.[0-3]\\\\..*\":2}"), 2 },
        { LORA("\"r\":2,\"lora_alpha\":4,\"alpha_pattern\":{\"^language\\\\.model.*q_proj\":8,\"q_proj\":1}"), 4 },
        { LORA("\"r\":2,\"lora_alpha\":4,\"alpha_pattern\":{\"layers\\\\.\\\\d+\\\\.self_attn\\\\.(q|k)_proj\":5}"),
          2.5 },
        { LORA("\"r\":2,\"lora_alpha\":4,\"layers_to_transform\":[0],\"layers_pattern\":\"layers\",\"bias\":null"), 2 },
        { LORA("\"r\":2,\"lora_alpha\":4,\"target_modules\":\"all-linear\",\"init_lora_weights\":\"gaussian\""), 2 },
    };
#undef LORA
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        TempFolder folder = temp_open();
        Adapter a;
        Error e;
        write_adapter(&folder, rows[i].config, Q ".lora_A.weight", Q ".lora_B.weight",
                      (const int64_t[]){ 2, 64, 96, 2 });
        if (!adapter_open(&a, folder.folder, &e)) fail_msg("%s: %s", rows[i].config, e.text);
        if (fabs((double)a.module[0].scale - rows[i].scale) > 1e-6)
            fail_msg("%s: scale %g", rows[i].config, (double)a.module[0].scale);
        adapter_close(&a);
        temp_close(&folder);
    }
}

/* ---- what is refused ---- */

/* With matrices that are all right. */
static void configs_that_ask_for_more_are_refused(void **state)
{
    static const struct {
        const char *rest, *text;
    } rows[] = {
        { "\"use_dora\":true", "\"use_dora\" is true" },
        { "\"use_dora\":1", "\"use_dora\"" },
        { "\"lora_bias\":true", "\"lora_bias\" is true" },
        { "\"fan_in_fan_out\":true", "\"fan_in_fan_out\" is true" },
        { "\"bias\":\"lora_only\"", "\"bias\" is \"lora_only\"" },
        { "\"bias\":false", "\"bias\"" },
        { "\"modules_to_save\":[\"head\"]", "\"modules_to_save\" is not empty" },
        { "\"modules_to_save\":\"head\"", "\"modules_to_save\" is not empty" },
        { "\"layer_replication\":[[0,4],[2,5]]", "\"layer_replication\" is not empty" },
        { "\"target_parameters\":[\"w\"]", "\"target_parameters\" is not empty" },
        { "\"trainable_token_indices\":{\"embed_tokens\":[1]}", "\"trainable_token_indices\" is not empty" },
        { "\"alora_invocation_tokens\":[5]", "\"alora_invocation_tokens\" is not empty" },
        { "\"init_lora_weights\":\"pissa_niter_4\"", "\"init_lora_weights\" is \"pissa_niter_4\"" },
        { "\"lora_dropout\":1.5", "\"lora_dropout\" is 1.5" },
        { "\"lora_alpha\":1e9", "\"lora_alpha\" is 1e+09" },
        { "\"rank_pattern\":{\"q_proj\":4}", "q_proj.lora_A.weight has rank 2, expected 4" },
        { "\"rank_pattern\":{\"q_proj\":0}", "rank_pattern: \"q_proj\" is not a number from 1 to 4096" },
        { "\"rank_pattern\":[2]", "\"rank_pattern\"" },
        { "\"alpha_pattern\":{\"q_proj\":\"4\"}", "alpha_pattern: \"q_proj\" is not a number" },
        { "\"alpha_pattern\":{\"(q_proj\":4}", "the key \"(q_proj\" is no regular expression" },
        { "\"alpha_pattern\":{\"(([a-z.0-9_]*)*)*!\":4}", "gave up" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        TempFolder folder = temp_open();
        Adapter a;
        Error e;
        char config[256];
        snprintf(config, sizeof config, "{\"peft_type\":\"LORA\",\"r\":2,%s}", rows[i].rest);
        write_adapter(&folder, config, Q ".lora_A.weight", Q ".lora_B.weight", (const int64_t[]){ 2, 64, 96, 2 });
        assert_false(adapter_open(&a, folder.folder, &e));
        if (!strstr(e.text, rows[i].text)) fail_msg("\"%s\" does not say \"%s\"", e.text, rows[i].text);
        temp_close(&folder);
    }
}

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
          TEST(what_is_written_is_read_back), TEST(a_config_scales_as_peft_does),
          TEST(configs_that_ask_for_more_are_refused), TEST(files_that_are_no_adapter_are_named),
          TEST(changed_files_are_read_or_refused))
