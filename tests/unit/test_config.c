/* test_config.c - the golden and the published configs give their documented values; what does not fit is refused and
 * named; the list of tensors agrees with checkpoints and with the published numbers of parameters. */
#include "format/json.h"
#include "format/safetensors.h"
#include "model/config.h"
#include "model/tensor_list.h"

#include "../../tools/model_shapes.h"
#include "temp_folder.h"
#include "support.h"

/* ---- shapes as the generator writes them ---- */

typedef struct {
    json_t *config, *processor;
} Files;

static Files files_of(const char *shape)
{
    const ModelShape *s = model_shape_find(shape);
    assert_non_null(s);
    Files f = { .config = model_shape_config(s) };
    const json_t *side = json_object_get(json_object_get(f.config, "vision_config"), "image_size");
    json_t *candidates = candidate_resolutions(side ? json_integer_value(side) : 384);
    f.processor = model_shape_processor(candidates, 14, 2);
    json_object_set_new(f.config, "candidate_resolutions", candidates);
    return f;
}

static bool load(Config *c, const Files *f, Error *e)
{
    return config_from_json(c, f->config, "config.json", f->processor, "processor_config.json", e);
}

static void files_free(Files *f)
{
    json_decref(f->config);
    json_decref(f->processor);
}

static Config loaded(const char *shape)
{
    Error e = { 0 };
    Config c;
    Files f = files_of(shape);
    if (!load(&c, &f, &e)) fail_msg("%s: %s", shape, e.text);
    files_free(&f);
    return c;
}

/* part: "language_config", ..., "" for the top, "processor" for the other file. value NULL: the key is removed. */
static void change(Files *f, const char *part, const char *key, const char *value)
{
    json_t *o = strcmp(part, "processor") == 0 ? f->processor : part[0] ? json_object_get(f->config, part) : f->config;
    assert_non_null(o);
    if (!value) {
        assert_int_equal(json_object_del(o, key), 0);
        return;
    }
    json_t *v = json_loads(value, JSON_DECODE_ANY, NULL);
    if (!v) fail_msg("%s is not JSON", value);
    assert_int_equal(json_object_set_new(o, key, v), 0);
}

/* ---- tests ---- */

static void golden_configs_load(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *torch_dtype;
        bool use_mla;
        int vocab, layers, experts, top_k, v_dim, side, grid, projected;
        TopkMethod method;
        Scoring scoring;
        double scaling;
    } rows[] = {
        { "micro-mha", "bfloat16", false, 600, 4, 8, 3, 0, 384, 27, 14, TOPK_GREEDY, SCORING_SOFTMAX, 1 },
        { "micro-mla", "bfloat16", true, 600, 4, 8, 3, 16, 384, 27, 14, TOPK_GREEDY, SCORING_SOFTMAX, 1 },
        { "micro-mla-noaux", "float16", true, 576, 3, 8, 3, 24, 112, 8, 4, TOPK_NOAUX, SCORING_SIGMOID, 2 },
        { "micro-mha-f32", "float32", false, 600, 3, 6, 2, 0, 126, 9, 5, TOPK_GREEDY, SCORING_SOFTMAX, 1 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error e = { 0 };
        Config c;
        if (!config_load(&c, golden_or_skip(rows[i].folder), &e)) fail_msg("%s", e.text);
        const LanguageConfig *l = &c.language;
        assert_string_equal(c.torch_dtype, rows[i].torch_dtype);
        assert_true(l->use_mla == rows[i].use_mla && l->topk_method == rows[i].method && l->scoring == rows[i].scoring);
        assert_true(l->hidden_size == 64 && l->vocab_size == rows[i].vocab && l->n_layers == rows[i].layers);
        assert_true(l->n_routed_experts == rows[i].experts && l->top_k == rows[i].top_k && l->n_shared_experts == 2);
        assert_true(l->v_head_dim == rows[i].v_dim && l->head_dim == (l->use_mla ? 0 : 16) && l->q_lora_rank == 0);
        assert_true(l->routed_scaling_factor == rows[i].scaling && l->first_k_dense_replace == 1);
        assert_true(l->bos_token_id == 0 && l->eos_token_id == 1);
        assert_true(c.vision.image_size == rows[i].side && c.vision.grid == rows[i].grid && c.vision.mlp_hidden == 179);
        assert_true(c.projector.kind == PROJECTOR_DOWNSAMPLE_MLP_GELU && c.projector.grid == rows[i].projected);
        assert_true(c.processor.n_candidates == 23 && c.processor.image_size == rows[i].side);
        assert_true(c.processor.candidate[1].w == rows[i].side && c.processor.candidate[1].h == 2 * rows[i].side);
        assert_true(!c.processor.mask_prompt && c.processor.normalize && c.processor.image_mean[2] == 0.5);
        assert_int_equal(c.processor.around.b, 127);
        assert_string_equal(c.processor.pad_token, "<｜▁pad▁｜>");
        assert_true(c.global_view_first);
        config_free(&c);
    }
}

static void published_configs_take_the_class_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        bool use_mla, norm_topk;
        int layers, heads, kv_rank, nope, rope, v, head_dim, hidden, bos;
        double scaling;
    } rows[] = {
        { "tiny", false, false, 12, 10, 0, 0, 0, 0, 128, 1280, 0, 1 },
        { "small", true, false, 27, 16, 512, 128, 64, 128, 0, 2048, 100000, 1 },
        { "base", true, true, 30, 32, 512, 128, 64, 128, 0, 2560, 0, 2 }, /* all but hidden and bos are absent */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Config c = loaded(rows[i].shape);
        const LanguageConfig *l = &c.language;
        assert_true(l->use_mla == rows[i].use_mla && l->norm_topk_prob == rows[i].norm_topk);
        assert_true(l->n_layers == rows[i].layers && l->n_heads == rows[i].heads && l->n_kv_heads == rows[i].heads);
        assert_true(l->kv_lora_rank == rows[i].kv_rank && l->q_lora_rank == 0 && l->qk_nope_head_dim == rows[i].nope);
        assert_true(l->qk_rope_head_dim == rows[i].rope && l->v_head_dim == rows[i].v &&
                    l->head_dim == rows[i].head_dim);
        assert_true(l->hidden_size == rows[i].hidden && l->routed_scaling_factor == rows[i].scaling);
        assert_true(l->bos_token_id == rows[i].bos && l->eos_token_id == rows[i].bos + 1);
        assert_true(l->rms_norm_eps == 1e-6 && l->aux_loss_alpha == 0.001 && l->seq_aux && !l->attention_bias);
        assert_true(l->rope.kind == ROPE_PLAIN && l->rope.theta == 10000 && !l->tie_word_embeddings);
        assert_true(c.vision.heads == 16 && c.vision.mlp_hidden == 4304 && c.vision.image_size == 384);
        assert_true(c.projector.input_dim == 1152 && c.projector.depth == 2 && c.projector.mlp_ratio == 1);
        assert_true(c.projector.grid == 14);
        config_free(&c);
    }
}

static void an_empty_config_is_the_official_class(void **state)
{
    (void)state;
    Error e = { 0 };
    Config c;
    json_t *config =
        json_pack("{s:s, s:[[i,i]], s:{s:i}, s:{s:i}}", "model_type", "deepseek_vl_v2", "candidate_resolutions", 384,
                  384, "vision_config", "width", 1152, "projector_config", "n_embed", 4096);
    if (!config_from_json(&c, config, "config.json", NULL, "", &e)) fail_msg("%s", e.text);
    const LanguageConfig *l = &c.language;
    assert_true(l->vocab_size == 102400 && l->hidden_size == 4096 && l->intermediate_size == 11008);
    assert_true(l->moe_intermediate_size == 1407 && l->n_layers == 30 && l->n_heads == 32 && l->n_kv_heads == 32);
    assert_true(l->n_shared_experts == 0 && l->n_routed_experts == 0 && l->top_k == 0 && l->q_lora_rank == 1536);
    assert_true(l->use_mla && l->first_k_dense_replace == 0 && l->moe_layer_freq == 1 && l->n_group == 1);
    assert_true(l->max_position_embeddings == 2048 && l->bos_token_id == 100000 && l->eos_token_id == 100001);
    assert_true(c.vision.patch_size == 16 && c.vision.layers == 24 && c.vision.heads == 16);
    assert_true(c.processor.patch_size == 16 && c.processor.downsample_ratio == 2 && c.processor.mask_prompt);
    config_free(&c);
    json_decref(config);
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    static const struct {
        const char *shape, *part, *key, *value, *expected;
    } rows[] = {
        { "micro-mha", "", "model_type", NULL, "config.json: no \"model_type\"" },
        { "micro-mha", "", "model_type", "\"llama\"", "\"model_type\" is \"llama\", expected \"deepseek_vl_v2\"" },
        { "micro-mha", "", "tile_tag", "\"1D\"", "\"tile_tag\" is \"1D\", expected one of \"2D\"" },
        { "micro-mha", "", "global_view_pos", "\"middle\"", "expected one of \"head\", \"tail\"" },
        { "micro-mha", "", "language_config", "[]",
          "config.json: \"language_config\" is an array, expected an object" },
        { "micro-mha", "language_config", "hidden_size", "\"64\"",
          "config.json: language_config: \"hidden_size\" is a string, expected an integer" },
        { "micro-mha", "language_config", "hidden_size", "null", "\"hidden_size\" is null, expected an integer" },
        { "micro-mha", "language_config", "hidden_size", "64.5", "is a number with a fraction" },
        { "micro-mha", "language_config", "hidden_size", "-64", "\"hidden_size\" is -64, expected 1 to" },
        { "micro-mha", "language_config", "hidden_size", "66", "is not a multiple of \"num_attention_heads\" 4" },
        { "micro-mha", "language_config", "hidden_size", "60", "heads of 15 numbers" },
        { "micro-mha", "language_config", "num_hidden_layers", "1000000000", "\"num_hidden_layers\" is 1000000000" },
        { "micro-mha", "language_config", "num_hidden_layers", "0", "expected 1 to 1024" },
        { "micro-mha", "language_config", "num_attention_heads", "0", "\"num_attention_heads\" is 0" },
        { "micro-mha", "language_config", "num_key_value_heads", "3", "\"num_attention_heads\" 4 is not a multiple" },
        { "micro-mha", "language_config", "vocab_size", "9223372036854775807",
          "\"vocab_size\" is 9223372036854775807" },
        { "micro-mha", "language_config", "use_mla", "1", "\"use_mla\" is an integer, expected true or false" },
        { "micro-mha", "language_config", "hidden_act", "\"gelu\"", "expected one of \"silu\"" },
        { "micro-mha", "language_config", "topk_method", "\"best\"",
          "\"topk_method\" is \"best\", expected one of \"greedy\"" },
        { "micro-mha", "language_config", "scoring_func", "\"tanh\"", "expected one of \"softmax\", \"sigmoid\"" },
        { "micro-mha", "language_config", "num_experts_per_tok", "9", "expected 1 to \"n_routed_experts\" 8" },
        { "micro-mha", "language_config", "num_experts_per_tok", "null", "\"num_experts_per_tok\" is 0" },
        { "micro-mha", "language_config", "moe_layer_freq", "0", "\"moe_layer_freq\" is 0" },
        { "base", "language_config", "num_hidden_layers", "1024", "1024 layers of 72 experts: more than 65536" },
        { "micro-mha", "language_config", "rms_norm_eps", "-1", "\"rms_norm_eps\" is -1" },
        { "micro-mha", "language_config", "rope_theta", "0", "\"rope_theta\" is 0" },
        { "micro-mha", "language_config", "rope_scaling", "2", "\"rope_scaling\" is an integer, expected an object" },
        { "micro-mha", "language_config", "rope_scaling", "{}", "rope_scaling: no \"type\"" },
        { "micro-mha", "language_config", "rope_scaling", "{\"type\":\"linear\"}", "rope_scaling: no \"factor\"" },
        { "micro-mha", "language_config", "rope_scaling", "{\"type\":\"linear\",\"factor\":0}", "\"factor\" is 0" },
        { "micro-mha", "language_config", "rope_scaling", "{\"type\":\"ntk\",\"factor\":2}", "\"type\" is \"ntk\"" },
        { "micro-mha", "language_config", "rope_scaling", "{\"type\":\"yarn\",\"factor\":2}",
          "only linear and dynamic" },
        { "micro-mla", "language_config", "rope_scaling", "{\"type\":\"yarn\",\"rope_type\":\"linear\",\"factor\":2}",
          "\"type\" and \"rope_type\" differ" },
        { "micro-mla", "language_config", "kv_lora_rank", "null", "\"kv_lora_rank\" is missing, MLA needs it" },
        { "micro-mla", "language_config", "qk_rope_head_dim", "7",
          "\"qk_rope_head_dim\" is 7, expected an even number" },
        { "micro-mla", "language_config", "qk_rope_head_dim", "0", "expected an even number from 2" },
        { "micro-mla", "language_config", "v_head_dim", "0", "\"v_head_dim\" 0, MLA needs at least 1" },
        { "micro-noaux", "language_config", "n_group", "3",
          "\"n_routed_experts\" 8 is not a multiple of \"n_group\" 3" },
        { "micro-noaux", "language_config", "n_group", "8", "noaux_tc needs at least 2 in each" },
        { "micro-noaux", "language_config", "topk_group", "2", "\"topk_group\" is 2, more than \"n_group\" 1" },
        { "micro-mha", "vision_config", "heads", "5", "\"width\" 48 is not a multiple of \"heads\" 5" },
        { "micro-mha", "vision_config", "patch_size", "400", "\"image_size\" 384 is less than \"patch_size\" 400" },
        { "micro-mha", "vision_config", "patch_size", "1", "384 patches a side" },
        { "micro-mha", "vision_config", "image_size", "0", "\"image_size\" is 0" },
        { "micro-mha", "vision_config", "image_size", "392",
          "begins with width 384, vision_config: \"image_size\" is 392" },
        { "micro-mha", "vision_config", "mlp_ratio", "1e300", "\"mlp_ratio\" is 1e+300" },
        { "micro-mha", "vision_config", "mlp_ratio", "0.01", "leaves no hidden unit" },
        { "micro-mha", "vision_config", "ignore_head", "false", "\"ignore_head\" is false" },
        { "micro-mha", "projector_config", "projector_type", "\"resampler\"",
          "expected one of \"downsample_mlp_gelu\"" },
        { "micro-mha", "projector_config", "input_dim", NULL,
          "\"input_dim\" is 1152, vision_config: \"width\" says 48" },
        { "micro-mha", "projector_config", "n_embed", "63",
          "\"n_embed\" is 63, language_config: \"hidden_size\" says 64" },
        { "micro-mha", "projector_config", "downsample_ratio", "3",
          "processor_config.json: \"downsample_ratio\" is 2, the projector's 3" },
        { "micro-mha", "projector_config", "projector_type", "\"linear\"",
          "\"downsample_ratio\" is 2, the projector's 1" },
        { "micro-mha", "projector_config", "token_pooling", "true", "\"token_pooling\" is true" },
        { "micro-mha", "processor", "candidate_resolutions", "[]", "has 0 entries, expected 1 to 1000" },
        { "micro-mha", "processor", "candidate_resolutions", "[[384]]", "[0]: expected [width, height]" },
        { "micro-mha", "processor", "candidate_resolutions", "[[384,384],[384,\"x\"]]",
          "[1]: expected [width, height]" },
        { "micro-mha", "processor", "candidate_resolutions", "[[384,384],[384,700]]",
          "[1] is [384, 700], expected multiples of 384" },
        { "micro-mha", "processor", "candidate_resolutions", "[[384,384],[384,0]]", "[1]: expected [width, height]" },
        { "micro-mha", "processor", "candidate_resolutions", "[[384,384],[384,99999999999]]", "[1]: expected" },
        { "micro-mha", "processor", "candidate_resolutions", "[[384,384],[38400,38400]]", "more than 1024 tiles" },
        { "micro-mha", "processor", "candidate_resolutions", "384", "\"candidate_resolutions\" is an integer" },
        { "micro-mha", "processor", "patch_size", "16", "\"patch_size\" is 16, vision_config: \"patch_size\" 14" },
        { "micro-mha", "processor", "image_mean", "[0.5,0.5]", "\"image_mean\": expected three numbers" },
        { "micro-mha", "processor", "image_std", "[0.5,0.5,0]", "\"image_std\": expected three numbers" },
        { "micro-mha", "processor", "image_token", "\"<img>\"", "\"image_token\" is \"<img>\"" },
        { "micro-mha", "processor", "sft_format", "\"chatml\"", "\"sft_format\" is \"chatml\", expected \"deepseek\"" },
        { "micro-mha", "processor", "mask_prompt", "\"yes\"", "\"mask_prompt\" is a string" },
        { "micro-mha", "processor", "pad_token", "7", "\"pad_token\" is an integer" },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error e = { 0 };
        Config c;
        Files f = files_of(rows[i].shape);
        change(&f, rows[i].part, rows[i].key, rows[i].value);
        if (load(&c, &f, &e)) fail_msg("%s.%s = %s was accepted", rows[i].part, rows[i].key, rows[i].value);
        if (!strstr(e.text, rows[i].expected) || !strstr(e.text, "config.json"))
            fail_msg("\"%s\" does not say \"%s\"", e.text, rows[i].expected);
        assert_null(c.processor.candidate); /* nothing is left behind */
        files_free(&f);
    }
}

static void accepts_the_variants(void **state)
{
    (void)state;
    static const struct {
        const char *shape, *part, *key, *value;
    } rows[] = {
        { "micro-mha", "", "global_view_pos", "\"tail\"" },
        { "micro-mha", "", "torch_dtype", NULL },
        { "micro-mha", "", "tile_tag", NULL },
        { "micro-mha", "language_config", "topk_method", "\"gready\"" },
        { "micro-mha", "language_config", "num_key_value_heads", "2" },
        { "micro-mha", "language_config", "num_key_value_heads", "null" },
        { "micro-mha", "language_config", "n_shared_experts", "null" },
        { "micro-mha", "language_config", "n_group", "null" },
        { "micro-mha", "language_config", "hidden_size", "64.0" },
        { "micro-mha", "language_config", "rope_scaling", "null" },
        { "micro-mha", "language_config", "rope_scaling", "{\"type\":\"linear\",\"factor\":2}" },
        { "micro-mha", "language_config", "rope_scaling", "{\"rope_type\":\"dynamic\",\"factor\":2.5}" },
        { "micro-mha", "language_config", "rope_scaling", "{\"rope_type\":\"default\"}" },
        { "micro-mla", "language_config", "rope_scaling", "{\"type\":\"yarn\",\"factor\":40,\"mscale\":0.707}" },
        { "micro-mla", "language_config", "q_lora_rank", "24" },
        { "micro-mla", "language_config", "qk_nope_head_dim", "24" },
        { "micro-noaux", "language_config", "n_group", "4" },
        { "micro-noaux", "language_config", "scoring_func", "\"softmax\"" },
        { "micro-mha", "vision_config", "class_token", "true" },
        { "micro-mha", "vision_config", "global_pool", "\"avg\"" },
        { "micro-mha", "processor", "sft_format", "\"plain\"" },
        { "micro-mha", "processor", "candidate_resolutions", NULL }, /* those of config.json */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error e = { 0 };
        Config c;
        Files f = files_of(rows[i].shape);
        change(&f, rows[i].part, rows[i].key, rows[i].value);
        if (!load(&c, &f, &e)) fail_msg("%s.%s = %s: %s", rows[i].part, rows[i].key, rows[i].value, e.text);
        config_free(&c);
        files_free(&f);
    }
}

static void rope_scaling_is_read_whole(void **state)
{
    (void)state;
    Error e = { 0 };
    Config c;
    Files f = files_of("micro-mla");
    change(&f, "language_config", "rope_theta", "50000");
    change(
        &f, "language_config", "rope_scaling",
        "{\"type\":\"yarn\",\"factor\":40,\"original_max_position_embeddings\":2048,\"beta_fast\":16,\"beta_slow\":2,"
        "\"mscale\":0.7,\"mscale_all_dim\":0.9}");
    if (!load(&c, &f, &e)) fail_msg("%s", e.text);
    const RopeConfig *r = &c.language.rope;
    assert_true(r->kind == ROPE_YARN && r->theta == 50000 && r->factor == 40 && r->beta_fast == 16 &&
                r->beta_slow == 2);
    assert_true(r->mscale == 0.7 && r->mscale_all_dim == 0.9 && r->original_max_position_embeddings == 2048);
    config_free(&c);
    change(&f, "language_config", "rope_scaling", "{\"type\":\"yarn\",\"factor\":4}");
    if (!load(&c, &f, &e)) fail_msg("%s", e.text);
    assert_true(r->beta_fast == 32 && r->beta_slow == 1 && r->mscale == 1 && r->mscale_all_dim == 0);
    assert_true(r->original_max_position_embeddings == 4096 && r->max_position_embeddings == 4096);
    config_free(&c);
    files_free(&f);
}

static void projectors_without_downsampling_keep_the_grid(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        int tensors; /* beside newline and separator */
    } rows[] = { { "\"mlp_gelu\"", 6 }, { "\"linear\"", 2 }, { "\"identity\"", 0 }, { "\"downsample_mlp_gelu\"", 6 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error e = { 0 };
        Config c;
        Files f = files_of("micro-mha");
        const bool downsamples = i == 3;
        change(&f, "projector_config", "projector_type", rows[i].kind);
        change(&f, "projector_config", "depth", "3");
        change(&f, "processor", "downsample_ratio", downsamples ? "2" : "1");
        if (i == 2) { /* what the tower gives goes straight in */
            change(&f, "vision_config", "width", "64");
            change(&f, "projector_config", "input_dim", "64");
        }
        if (!load(&c, &f, &e)) fail_msg("%s: %s", rows[i].kind, e.text);
        assert_int_equal(c.projector.grid, downsamples ? 14 : 27);
        TensorList l;
        assert_true(tensor_list(&l, &c, &e));
        int n = 0;
        for (int k = 0; k < l.n; k++) n += strncmp(l.tensor[k].name, "projector.", 10) == 0;
        assert_int_equal(n, rows[i].tensors);
        tensor_list_free(&l);
        config_free(&c);
        files_free(&f);
    }
}

static void deepseek_ocr_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{\"model_type\":\"deepseek_vl_v2\",\"architectures\":[\"DeepseekOCRForCausalLM\"]}",
        "{\"model_type\":\"deepseek_vl_v2\",\"vision_config\":{\"width\":{\"clip-l-14-224\":{\"width\":1024}}}}",
        JSON_TEXT({
            "model_type" : "deepseek_vl_v2",
            "candidate_resolutions" : [[ 1024, 1024 ]],
            "projector_config" : { "projector_type" : "linear" },
            "vision_config" : { "model_name" : "deeplip_b_l" }
        }),
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        Error e = { 0 };
        Config c;
        json_t *o = json_loads(texts[i], 0, NULL);
        assert_non_null(o);
        assert_false(config_from_json(&c, o, "config.json", NULL, "", &e));
        assert_non_null(strstr(e.text, "config.json: this is a DeepSeek-OCR model"));
        assert_int_equal(e.code, ERR_UNSUPPORTED);
        json_decref(o);
    }
}

static void files_are_found_and_named(void **state)
{
    (void)state;
    Error e = { 0 };
    Config c;
    TempFolder s = temp_open();
    assert_false(config_load(&c, s.folder, &e));
    assert_non_null(strstr(e.text, "config.json: cannot open"));
    Files f = files_of("micro-mha");
    char *text = json_dumps(f.config, 0);
    temp_write(&s, "config.json", text, strlen(text));
    if (!config_load(&c, s.folder, &e)) fail_msg("%s", e.text); /* the processor's file may be missing */
    assert_true(c.processor.n_candidates == 23 && c.processor.mask_prompt);
    config_free(&c);
    temp_write(&s, "processor_config.json", "[", 1);
    assert_false(config_load(&c, s.folder, &e));
    assert_non_null(strstr(e.text, "processor_config.json: not valid JSON"));
    temp_write(&s, "processor_config.json", "[]", 2);
    assert_false(config_load(&c, s.folder, &e));
    assert_non_null(strstr(e.text, "processor_config.json: is an array, expected an object"));
    temp_write(&s, "config.json", "7", 1);
    assert_false(config_load(&c, s.folder, &e));
    assert_non_null(strstr(e.text, "config.json: is an integer, expected an object"));
    free(text);
    files_free(&f);
    temp_close(&s);
}

static void published_numbers_of_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        uint64_t all, pool, projector;
    } rows[] = {
        { "tiny", 3370501440, 15238352, 7539200 + 2 * 1280 }, /* with newline and separator */
        { "small", 16148349504, 15238352, 13635584 + 2 * 2048 },
        { "base", 27480134248, 15238352, 18355200 + 2 * 2560 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Config c = loaded(rows[i].shape);
        TensorList l;
        Error e;
        assert_true(tensor_list(&l, &c, &e));
        assert_true(tensor_list_elements(&l, PART_COUNT) == rows[i].all);
        assert_true(tensor_list_elements(&l, PART_POOL) == rows[i].pool);
        assert_true(tensor_list_elements(&l, PART_VISION) == 412987248);
        assert_true(tensor_list_elements(&l, PART_PROJECTOR) == rows[i].projector);
        tensor_list_free(&l);
        config_free(&c);
    }
}

/* Without the large golden set the configs are there, but not the weights. */
static void need_weights(const char *folder)
{
    char name[64];
    snprintf(name, sizeof name, "%s/model%s.safetensors", folder,
             strcmp(folder, "micro-mla") == 0 ? "-00001-of-000003" : "");
    golden_or_skip(name);
}

static void lists_exactly_what_the_golden_checkpoints_hold(void **state)
{
    (void)state;
    static const char *const folders[] = { "micro-mha", "micro-mla", "micro-mla-noaux", "micro-mha-f32" };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        Error e = { 0 };
        Config c;
        need_weights(folders[i]);
        if (!config_load(&c, golden_path(folders[i]), &e)) fail_msg("%s", e.text);
        TensorFiles *t = tensor_files_open(golden_path(folders[i]), &e);
        if (!t) fail_msg("%s", e.text);
        TensorList l;
        assert_true(tensor_list(&l, &c, &e));
        assert_int_equal(l.n, tensor_files_count(t));
        for (int k = 0; k < l.n; k++) {
            const FileTensor *x = tensor_files_find(t, l.tensor[k].name);
            if (!x) fail_msg("%s: %s is not in the checkpoint", folders[i], l.tensor[k].name);
            assert_int_equal(x->n_dims, l.tensor[k].n_dims);
            assert_memory_equal(x->dim, l.tensor[k].dim, (size_t)x->n_dims * sizeof *x->dim);
        }
        tensor_list_free(&l);
        tensor_files_close(t);
        config_free(&c);
    }
}

TEST_MAIN(TEST(golden_configs_load), TEST(published_configs_take_the_class_defaults),
          TEST(an_empty_config_is_the_official_class), TEST(refuses_what_does_not_fit), TEST(accepts_the_variants),
          TEST(rope_scaling_is_read_whole), TEST(projectors_without_downsampling_keep_the_grid),
          TEST(deepseek_ocr_is_refused_by_name), TEST(files_are_found_and_named), TEST(published_numbers_of_parameters),
          TEST(lists_exactly_what_the_golden_checkpoints_hold))
