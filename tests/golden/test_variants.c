/* test_variants.c - architectures that no published model and no golden has, alone and combined: what config.json and
 * processor_config.json may say, each against expected values.
 *
 * Every model is made here, by tools/make_model with seed 1, so that only what is expected of it is stored, in
 * tests/data/variants/<name>.safetensors: ids of prompt and answer, tiles, the last rows of vision tower, projector, every
 * layer, logits of prompt and answer, all routing. These values were computed by an independent float64 implementation of
 * the published formulas (latent attention in its expanded form; only the rotary frequencies are f32, as the official code
 * has them). `f32_error` is what the same implementation loses in float32; as for the goldens, ten times that is the bound
 * here, at least 2e-5. Where experts tie within the reference's own error their ids are not stored. */
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include "golden_model.h"
#include "temp_folder.h"

enum { MAX_SETS = 10, ANSWER = 8 };

typedef struct {
    const char *name, *shape;
    const char *set[MAX_SETS]; /* beside those that all have: image_size 112 where there is no other */
    const char *dtype;         /* NULL: bf16 */
    bool is_text, has_two_pictures;
} Variant;

#define LANGUAGE(x)     "language_config." x
#define PROJECTOR(x)    "projector_config." x
#define VISION(x)       "vision_config." x
#define MAKE(n, s, ...) .name = n, .shape = s, .set = { __VA_ARGS__ }

static const Variant VARIANTS[] = {
    /* attention */
    { MAKE("mla_q_lora", "micro-mla", LANGUAGE("q_lora_rank=24")) },
    { MAKE("mla_q_lora_bias", "micro-mla", LANGUAGE("q_lora_rank=20"), LANGUAGE("attention_bias=true"),
           LANGUAGE("rms_norm_eps=0.001")) },
    { MAKE("mla_bias", "micro-mla", LANGUAGE("attention_bias=true")) },
    { MAKE("mha_bias_gqa", "micro-mha", LANGUAGE("attention_bias=true"), LANGUAGE("num_key_value_heads=2")) },
    { MAKE("mha_one_kv_head", "micro-mha", LANGUAGE("num_key_value_heads=1")) },
    { MAKE("mha_kv_heads_null", "micro-mha", LANGUAGE("num_key_value_heads=null")) },
    { MAKE("mha_hidden_72", "micro-mha", PROJECTOR("n_embed=72"), LANGUAGE("hidden_size=72"),
           LANGUAGE("num_attention_heads=6"), LANGUAGE("num_key_value_heads=3"), LANGUAGE("moe_intermediate_size=40"),
           LANGUAGE("intermediate_size=100")) },
    { MAKE("mla_hidden_72", "micro-mla", PROJECTOR("n_embed=72"), LANGUAGE("hidden_size=72"),
           LANGUAGE("num_attention_heads=6"), LANGUAGE("moe_intermediate_size=40"), LANGUAGE("kv_lora_rank=20"),
           LANGUAGE("qk_nope_head_dim=12"), LANGUAGE("qk_rope_head_dim=6"), LANGUAGE("v_head_dim=10")) },
    { MAKE("mla_hidden_50", "micro-mla", PROJECTOR("n_embed=50"), LANGUAGE("hidden_size=50"),
           LANGUAGE("num_attention_heads=3"), LANGUAGE("moe_intermediate_size=7"), LANGUAGE("intermediate_size=33"),
           LANGUAGE("kv_lora_rank=9"), LANGUAGE("qk_nope_head_dim=5"), LANGUAGE("qk_rope_head_dim=2"),
           LANGUAGE("v_head_dim=7")) },
    /* routing */
    { MAKE("group_limited", "micro-mla", LANGUAGE("topk_method=group_limited_greedy"), LANGUAGE("n_group=4"),
           LANGUAGE("topk_group=2")) },
    { MAKE("group_limited_sigmoid_norm", "micro-mha", LANGUAGE("topk_method=group_limited_greedy"),
           LANGUAGE("n_group=2"), LANGUAGE("topk_group=1"), LANGUAGE("scoring_func=sigmoid"),
           LANGUAGE("norm_topk_prob=true"), LANGUAGE("routed_scaling_factor=2.5")) },
    { MAKE("group_limited_too_few", "micro-mla", LANGUAGE("topk_method=group_limited_greedy"), LANGUAGE("n_group=4"),
           LANGUAGE("topk_group=1")) },
    { MAKE("group_limited_too_few_norm", "micro-mla", LANGUAGE("topk_method=group_limited_greedy"),
           LANGUAGE("n_group=8"), LANGUAGE("topk_group=2"), LANGUAGE("norm_topk_prob=true"),
           LANGUAGE("routed_scaling_factor=1.7")) },
    { MAKE("noaux_four_groups", "micro-noaux", LANGUAGE("n_group=4"), LANGUAGE("topk_group=2")) },
    { MAKE("noaux_two_of_twelve", "micro-noaux", LANGUAGE("n_group=2"), LANGUAGE("topk_group=1"),
           LANGUAGE("n_routed_experts=12"), LANGUAGE("num_experts_per_tok=4")) },
    { MAKE("noaux_softmax", "micro-noaux", LANGUAGE("n_group=2"), LANGUAGE("topk_group=2"),
           LANGUAGE("scoring_func=softmax"), LANGUAGE("norm_topk_prob=false")) },
    { MAKE("greedy_softmax_norm", "micro-mha", LANGUAGE("norm_topk_prob=true"),
           LANGUAGE("routed_scaling_factor=0.5")) },
    { MAKE("top_1_is_not_normalised", "micro-mha", LANGUAGE("num_experts_per_tok=1"), LANGUAGE("norm_topk_prob=true"),
           LANGUAGE("routed_scaling_factor=3.0")) },
    { MAKE("top_1_sigmoid", "micro-mla", LANGUAGE("num_experts_per_tok=1"), LANGUAGE("norm_topk_prob=true"),
           LANGUAGE("scoring_func=sigmoid")) },
    { MAKE("all_experts", "micro-mha", LANGUAGE("num_experts_per_tok=8"), LANGUAGE("norm_topk_prob=true"),
           LANGUAGE("scoring_func=sigmoid")) },
    /* layers */
    { MAKE("no_shared_experts", "micro-mha", LANGUAGE("n_shared_experts=null")) },
    { MAKE("one_shared_expert", "micro-mla", LANGUAGE("n_shared_experts=1")) },
    { MAKE("first_layer_is_moe", "micro-mha", LANGUAGE("first_k_dense_replace=0")) },
    { MAKE("two_dense_layers", "micro-mla", LANGUAGE("first_k_dense_replace=2")) },
    { MAKE("every_second_layer", "micro-mla", LANGUAGE("moe_layer_freq=2"), LANGUAGE("num_hidden_layers=5")) },
    { MAKE("no_experts", "micro-mha", LANGUAGE("n_routed_experts=null"), LANGUAGE("num_experts_per_tok=null"),
           LANGUAGE("n_shared_experts=null")) },
    { MAKE("no_routed_experts", "micro-mla", LANGUAGE("n_routed_experts=null")) },
    { MAKE("tied", "micro-mha", LANGUAGE("tie_word_embeddings=true")) },
    { MAKE("rms_norm_eps", "micro-mla", LANGUAGE("rms_norm_eps=0.01")) },
    /* positions: a max_position_embeddings of 64 is passed by the prompt, 100 by the answer */
    { MAKE("mha_theta", "micro-mha", LANGUAGE("rope_theta=500.5")) },
    { MAKE("mla_theta", "micro-mla", LANGUAGE("rope_theta=1000000.0")) },
    { MAKE("mha_linear", "micro-mha", LANGUAGE("rope_scaling={\"type\":\"linear\",\"factor\":4.0}")), .is_text = true },
    { MAKE("mla_linear", "micro-mla", LANGUAGE("rope_scaling={\"type\":\"linear\",\"factor\":3.3}")), .is_text = true },
    { MAKE("mla_linear_mscale", "micro-mla",
           LANGUAGE("rope_scaling={\"type\":\"linear\",\"factor\":4.0,\"mscale_all_dim\":1.0}")),
      .is_text = true },
    { MAKE("mha_dynamic", "micro-mha", LANGUAGE("rope_scaling={\"type\":\"dynamic\",\"factor\":2.0}"),
           LANGUAGE("max_position_embeddings=64")),
      .is_text = true },
    { MAKE("mla_dynamic", "micro-mla", LANGUAGE("rope_scaling={\"type\":\"dynamic\",\"factor\":2.5}"),
           LANGUAGE("max_position_embeddings=64")),
      .is_text = true },
    { MAKE("mla_dynamic_mscale", "micro-mla",
           LANGUAGE("rope_scaling={\"type\":\"dynamic\",\"factor\":4.0,\"mscale_all_dim\":0.8}"),
           LANGUAGE("max_position_embeddings=64")),
      .is_text = true },
    { MAKE("mha_dynamic_in_answer", "micro-mha", LANGUAGE("rope_scaling={\"type\":\"dynamic\",\"factor\":2.0}"),
           LANGUAGE("max_position_embeddings=100")),
      .is_text = true },
    { MAKE("mla_dynamic_in_answer", "micro-mla", LANGUAGE("rope_scaling={\"type\":\"dynamic\",\"factor\":2.0}"),
           LANGUAGE("max_position_embeddings=100")),
      .is_text = true },
    { MAKE("mla_dynamic_unused", "micro-mla", LANGUAGE("rope_scaling={\"type\":\"dynamic\",\"factor\":2.0}")),
      .is_text = true },
    { MAKE("yarn", "micro-mla",
           LANGUAGE("rope_scaling={\"type\":\"yarn\",\"factor\":40,\"original_max_position_embeddings\":64,\"beta_"
                    "fast\":32,\"beta_slow\":1,\"mscale\":0.707,\"mscale_all_dim\":0.707}")),
      .is_text = true },
    { MAKE("yarn_two_mscales", "micro-mla", LANGUAGE("qk_rope_head_dim=16"),
           LANGUAGE("rope_scaling={\"type\":\"yarn\",\"factor\":4,\"original_max_position_embeddings\":64,\"beta_"
                    "fast\":4,\"beta_slow\":0.5,\"mscale\":1.3,\"mscale_all_dim\":0.5}")),
      .is_text = true },
    { MAKE("yarn_defaults", "micro-mla", LANGUAGE("qk_rope_head_dim=32"),
           LANGUAGE("rope_scaling={\"type\":\"yarn\",\"factor\":8}")),
      .is_text = true },
    { MAKE("yarn_factor_1", "micro-mla", LANGUAGE("qk_rope_head_dim=32"),
           LANGUAGE("rope_scaling={\"type\":\"yarn\",\"factor\":1.0,\"mscale_all_dim\":1.0}")),
      .is_text = true },
    /* pictures */
    { MAKE("mlp_gelu_depth_1", "micro-mha", VISION("image_size=70"), PROJECTOR("projector_type=mlp_gelu"),
           PROJECTOR("depth=1"), PROJECTOR("downsample_ratio=1")) },
    { MAKE("mlp_gelu_depth_2", "micro-mha", VISION("image_size=70"), PROJECTOR("projector_type=mlp_gelu"),
           PROJECTOR("depth=2"), PROJECTOR("downsample_ratio=1")) },
    { MAKE("mlp_gelu_depth_3", "micro-mha", VISION("image_size=70"), PROJECTOR("projector_type=mlp_gelu"),
           PROJECTOR("depth=3"), PROJECTOR("downsample_ratio=1"), PROJECTOR("mlp_ratio=2")) },
    { MAKE("linear", "micro-mla", VISION("image_size=70"), PROJECTOR("projector_type=linear"),
           PROJECTOR("downsample_ratio=1")) },
    { MAKE("identity", "micro-mla", VISION("image_size=70"), VISION("width=64"), PROJECTOR("projector_type=identity"),
           PROJECTOR("downsample_ratio=1"), PROJECTOR("input_dim=64")) },
    { MAKE("downsample_depth_1", "micro-mha", PROJECTOR("depth=1"), PROJECTOR("mlp_ratio=2")) },
    { MAKE("downsample_depth_3", "micro-mha", PROJECTOR("depth=3"), PROJECTOR("mlp_ratio=2")) },
    { MAKE("downsample_depth_4", "micro-mha", PROJECTOR("depth=4")) },
    { MAKE("downsample_by_1", "micro-mha", VISION("image_size=70"), PROJECTOR("downsample_ratio=1")) },
    { MAKE("downsample_by_3", "micro-mha", PROJECTOR("downsample_ratio=3"), PROJECTOR("mlp_ratio=2")) },
    { MAKE("downsample_9_by_3", "micro-mha", VISION("image_size=126"), PROJECTOR("downsample_ratio=3")) },
    { MAKE("downsample_9_by_4", "micro-mha", VISION("image_size=90"), VISION("patch_size=10"),
           PROJECTOR("downsample_ratio=4")) },
    { MAKE("global_view_last", "micro-mha", "global_view_pos=tail"), .has_two_pictures = true },
    { MAKE("patch_16", "micro-mha", VISION("image_size=100"), VISION("patch_size=16"), VISION("mlp_ratio=2.53"),
           VISION("heads=3")) },
    { MAKE("patch_7", "micro-mha", VISION("image_size=64"), VISION("patch_size=7"), VISION("layers=1")) },
    { MAKE("one_patch", "micro-mha", VISION("image_size=30"), VISION("patch_size=16"), VISION("layers=1")) },
    { MAKE("candidates", "micro-mha", VISION("image_size=56"),
           "processor.candidate_resolutions=[[56,56],[112,168],[280,56],[56,224],[224,224]]"),
      .has_two_pictures = true },
    { MAKE("image_mean", "micro-mha", "processor.image_mean=[0.48145466,0.4578275,0.40821073]",
           "processor.image_std=[0.26862954,0.26130258,0.27577711]") },
    { MAKE("not_normalised", "micro-mha", "processor.normalize=false") },
    /* number types */
    { MAKE("f16", "micro-mla", NULL), .dtype = "f16" },
    { MAKE("f32", "micro-noaux", NULL), .dtype = "f32" },
};
enum { N_VARIANTS = sizeof VARIANTS / sizeof *VARIANTS };

/* ---- models -------------------------------------------------------------------------------------------------------- */

/* The generator that was built with this program: build/<mode>/tools/make_model. */
static const char *generator(char path[512])
{
    const ssize_t n = readlink("/proc/self/exe", path, 400);
    assert_true(n > 0);
    path[n] = 0;
    for (int up = 0; up < 3; up++) *strrchr(path, '/') = 0;
    return strcat(path, "/tools/make_model");
}

static void run_generator(const char *const *argv)
{
    extern char **environ;
    posix_spawn_file_actions_t quiet; /* progress */
    pid_t child;
    int status = 1;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawn(&child, argv[0], &quiet, NULL, (char **)(uintptr_t)argv, environ) != 0)
        fail_msg("cannot run %s", argv[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    posix_spawn_file_actions_destroy(&quiet);
    if (status != 0) fail_msg("%s fails", argv[0]);
}

/* Makes the model of a variant; the path lives in the folder's ring. */
static const char *made(TempFolder *f, const Variant *v)
{
    char tool[512];
    const char *const path = temp_path(f, v->name);
    const char *argv[16 + 2 * MAX_SETS] = {
        generator(tool),         "--shape", v->shape, "--dtype", v->dtype ? v->dtype : "bf16", "-o", path, "--set",
        VISION("image_size=112")
    };
    int n = 9;
    for (int i = 0; i < MAX_SETS && v->set[i]; i++) {
        argv[n++] = "--set";
        argv[n++] = v->set[i];
    }
    run_generator(argv);
    return path;
}

/* ---- runs ---------------------------------------------------------------------------------------------------------- */

typedef struct {
    Vl2Engine *engine;
    Vl2Request *r;
    Trace trace;
} Answered;

static Vl2Picture load_picture(const char *name)
{
    Error e;
    char path[256], *bytes;
    size_t n;
    snprintf(path, sizeof path, "preprocess/%s", name);
    if (!file_read(golden_or_skip(path), 64 << 20, &bytes, &n, &e)) fail_msg("%s", e.text);
    return (Vl2Picture){ .bytes = bytes, .n = n, .name = name };
}

static Answered answer(const char *model, const Variant *v, int chunk, const char *cpu)
{
    Answered a = { 0 };
    Error e;
    Vl2Picture picture[2] = { 0 };
    Vl2Message m = { .role = "user", .picture = picture, .n_pictures = v->is_text ? 0 : v->has_two_pictures ? 2 : 1 };
    for (int i = 0; i < m.n_pictures; i++) picture[i] = load_picture(i == 0 ? "rgba.png" : "graya.png");
    m.content = v->is_text ? "The quick brown fox jumps over the lazy dog. The quick brown fox jumps over the lazy dog."
                : v->has_two_pictures ? "<image><image>\nWhat is this? 0123456789"
                                      : "<image>\nWhat is this? 0123456789";
    a.engine =
        vl2_open(&(Vl2Options){ .model = model, .compute = "f32", .chunk = chunk, .cpu = cpu, .threads = 2 }, &e);
    if (!a.engine) fail_msg("%s", e.text);
    trace_open(&a.trace, NULL);
    engine_trace(a.engine, &a.trace.sink, true);
    Vl2Sampling o = VL2_GREEDY;
    o.max_tokens = ANSWER;
    a.r = vl2_submit(a.engine, &(Vl2Prompt){ .message = &m, .n_messages = 1 }, &o, &e);
    if (!a.r) fail_msg("%s", e.text);
    run_to_end(a.r);
    for (int i = 0; i < m.n_pictures; i++) free((void *)(uintptr_t)picture[i].bytes);
    return a;
}

static void close_answered(Answered *a)
{
    trace_close(&a->trace);
    vl2_close(a->engine);
}

static const float *traced_row(const Answered *a, const char *name, int index, size_t row)
{
    char full[64];
    snprintf(full, sizeof full, index < 0 ? "%s" : "%s.%d", name, index);
    const TracedTensor *t = trace_find(&a->trace, full);
    if (!t || row >= t->rows) fail_msg("%s: row %zu was not traced", full, row);
    return t->data + row * t->cols;
}

/* ---- comparing ----------------------------------------------------------------------------------------------------- */

/* The names stand in the order of `f32_error`. */
typedef enum { VISION_OUT, PROJECTOR_OUT, LAYER_OUT, LOGITS, GEN_LOGITS, EXPERT_WEIGHTS } Stage;
static const char *const STAGES[] = { "vision_out", "projector_out", "layer_out",
                                      "logits",     "gen_logits",    "expert_weights" };

/* One row of a stage; the worst difference so far. */
static double worse(double worst, const TensorFiles *t, Stage s, int row, const float *seen)
{
    const FileTensor *expected = want(t, STAGES[s]);
    const size_t cols = (size_t)expected->dim[1];
    for (size_t i = 0; i < cols; i++) {
        const double d = fabs((double)seen[i] - f32_at(expected, (size_t)row * cols + i));
        if (!(d <= worst)) worst = isnan(d) ? INFINITY : d;
    }
    return worst;
}

static void check_stage(const TensorFiles *t, Stage s, double worst)
{
    const double bound = 10.0 * f32_at(want(t, "f32_error"), (size_t)s);
    assert_within(STAGES[s], worst, bound < 2e-5 ? 2e-5 : bound);
}

static void check_prompt(const Answered *a, const TensorFiles *t)
{
    const Prompt *p = &a->r->prompt;
    const FileTensor *ids = want(t, "input_ids");
    assert_int_equal(p->n, n_elements(ids));
    for (int i = 0; i < p->n; i++) assert_int_equal(p->id[i], int_at(ids, (size_t)i));
    for (int i = 0; i < p->n_images; i++) {
        assert_int_equal(p->image[i].tiles.across, int_at(want(t, "images_spatial_crop"), 2 * (size_t)i));
        assert_int_equal(p->image[i].tiles.down, int_at(want(t, "images_spatial_crop"), 2 * (size_t)i + 1));
    }
}

/* The last row of the first tile. */
static void check_picture(const Answered *a, const TensorFiles *t)
{
    const Config *c = &a->engine->model.config;
    const size_t patches = (size_t)(c->vision.grid * c->vision.grid),
                 tokens = (size_t)(c->projector.grid * c->projector.grid);
    check_stage(t, VISION_OUT, worse(0, t, VISION_OUT, 0, traced_row(a, "vision_out", -1, patches - 1)));
    check_stage(t, PROJECTOR_OUT, worse(0, t, PROJECTOR_OUT, 0, traced_row(a, "projector_out", -1, tokens - 1)));
}

/* Ids of all rows, and every expert's weight in the last row of the prompt. */
static void check_experts(const Answered *a, const TensorFiles *t)
{
    const LanguageConfig *c = &a->engine->model.config.language;
    const size_t rows = (size_t)a->r->prompt.n, k = (size_t)c->top_k;
    const FileTensor *ids = tensor_files_find(t, "expert_ids");
    double worst = 0;
    for (int i = 0, moe = 0; i < c->n_layers; i++) {
        if (!config_layer_is_moe(c, i)) continue;
        float weight[64] = { 0 };
        assert_in_range(c->n_routed_experts, 1, 64);
        for (size_t j = 0; j < k; j++)
            weight[(int)traced_row(a, "moe_ids", i, rows - 1)[j]] = traced_row(a, "moe_weights", i, rows - 1)[j];
        worst = worse(worst, t, EXPERT_WEIGHTS, moe, weight);
        for (size_t j = 0; ids && j < rows * k; j++)
            assert_int_equal((int)traced_row(a, "moe_ids", i, 0)[j], ids->data[(size_t)moe * rows * k + j]);
        moe++;
    }
    check_stage(t, EXPERT_WEIGHTS, worst);
}

static void check_language(const Answered *a, const TensorFiles *t)
{
    const size_t last = (size_t)a->r->prompt.n - 1, n = a->r->output.n;
    const FileTensor *ids = want(t, "gen_ids");
    double worst = 0;
    for (int i = 0; i < a->engine->model.config.language.n_layers; i++)
        worst = worse(worst, t, LAYER_OUT, i, traced_row(a, "layer_out", i, last));
    check_stage(t, LAYER_OUT, worst);
    check_stage(t, LOGITS, worse(0, t, LOGITS, 0, traced_row(a, "logits", -1, last)));
    assert_int_equal(n, n_elements(ids));
    for (size_t i = 0; i < n; i++) assert_int_equal(a->r->output.id[i], int_at(ids, i));
    check_stage(t, GEN_LOGITS, worse(0, t, GEN_LOGITS, 0, traced_row(a, "logits", -1, last + n - 1)));
}

static void check_answered(const Answered *a, const char *expected)
{
    Error e;
    char path[256];
    snprintf(path, sizeof path, "tests/data/variants/%s.safetensors", expected);
    TensorFiles *t = tensor_files_open(path, &e);
    if (!t) fail_msg("%s", e.text);
    check_prompt(a, t);
    if (a->r->n_tiles) check_picture(a, t);
    if (tensor_files_find(t, STAGES[EXPERT_WEIGHTS])) check_experts(a, t);
    check_language(a, t);
    tensor_files_close(t);
}

/* ---- the tests ----------------------------------------------------------------------------------------------------- */

/* In one piece against the reference; then in chunks of 7 rows, the same bits. */
static void equals_reference(void **state)
{
    const Variant *v = *state;
    TempFolder f = temp_open();
    const char *const model = made(&f, v);
    Answered whole = answer(model, v, 0, NULL), chunks = answer(model, v, 7, NULL);
    check_answered(&whole, v->name);
    const TracedTensor *x = trace_find(&whole.trace, "logits"), *y = trace_find(&chunks.trace, "logits");
    assert_int_equal(x->rows, y->rows);
    assert_memory_equal(x->data, y->data, x->rows * x->cols * sizeof *x->data);
    close_answered(&whole);
    close_answered(&chunks);
    temp_close(&f);
}

static const Variant *variant(const char *name)
{
    for (int i = 0; i < N_VARIANTS; i++)
        if (strcmp(VARIANTS[i].name, name) == 0) return &VARIANTS[i];
    fail_msg("there is no variant %s", name);
    return NULL;
}

/* Sizes that fill no vector, under every instruction set. */
static void odd_sizes_equal_reference_on_every_cpu(void **state)
{
    (void)state;
    static const char *const names[] = { "mha_hidden_72", "mla_hidden_72", "mla_hidden_50", "patch_16" };
    TempFolder f = temp_open();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *const model = made(&f, variant(names[i]));
        for (int level = CPU_SCALAR; level <= (int)cpu_best(); level++) {
            Answered a = answer(model, variant(names[i]), 0, cpu_level_name((CpuLevel)level));
            check_answered(&a, names[i]);
            close_answered(&a);
        }
    }
    temp_close(&f);
}

/* Writes the model anew as one file in which every third tensor is f32: no value changes. */
static void widen_every_third(TempFolder *f, const char *model)
{
    enum { MOST = 512 };
    static TensorSpec spec[MOST];
    Error e;
    const char *const path = temp_path(f, "mixed.safetensors");
    TensorFiles *t = tensor_files_open(model, &e);
    assert_non_null(t);
    const int n = tensor_files_count(t);
    assert_in_range(n, 1, MOST);
    for (int i = 0; i < n; i++) {
        const FileTensor *from = tensor_files_at(t, i);
        spec[i] = (TensorSpec){ .name = from->name, .dtype = i % 3 ? from->dtype : DT_F32, .n_dims = from->n_dims };
        memcpy(spec[i].dim, from->dim, sizeof spec[i].dim);
    }
    TensorWriter *w = tensor_writer_open(path, spec, n, &e);
    assert_non_null(w);
    for (int i = 0; i < n; i++) {
        const FileTensor *from = tensor_files_at(t, i);
        const size_t elements = n_elements(from);
        float *wide = xmalloc(elements * sizeof *wide);
        for (size_t k = 0; k < elements; k++) {
            uint16_t half;
            memcpy(&half, from->data + 2 * k, 2);
            wide[k] = bf16_to_f32(half);
        }
        assert_true(i % 3 ? tensor_writer_add(w, from->data, from->bytes, &e)
                          : tensor_writer_add(w, wide, elements * sizeof *wide, &e));
        free(wide);
    }
    assert_true(tensor_writer_commit(w, &e));
    tensor_files_close(t);
    char command[256], old[256];
    snprintf(command, sizeof command, "%s/model.safetensors", model);
    snprintf(old, sizeof old, "%s/model-00001-of-000001.safetensors", model);
    assert_int_equal(unlink(old), 0);
    snprintf(old, sizeof old, "%s/model.safetensors.index.json", model);
    assert_int_equal(unlink(old), 0);
    assert_int_equal(rename(path, command), 0);
}

static void mixed_number_types_equal_reference(void **state)
{
    (void)state;
    static const char *const names[] = { "mla_q_lora_bias", "mha_bias_gqa", "noaux_four_groups" };
    TempFolder f = temp_open();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *const model = made(&f, variant(names[i]));
        widen_every_third(&f, model);
        Answered a = answer(model, variant(names[i]), 0, NULL);
        check_answered(&a, names[i]);
        close_answered(&a);
    }
    temp_close(&f);
}

/* The official loader does not tie a head that the file has. */
static void tied_model_uses_a_head_of_its_own(void **state)
{
    (void)state;
    TempFolder f = temp_open();
    Error e;
    const Variant *v = variant("mha_kv_heads_null");
    const char *const model = made(&f, v);
    char path[256];
    snprintf(path, sizeof path, "%s/config.json", model);
    json_t *config = json_parse_file(path, 1 << 20, &e);
    assert_non_null(config);
    json_object_set_new(json_object_get(config, "language_config"), "tie_word_embeddings", json_true());
    assert_int_equal(json_dump_file(config, path, 0), 0);
    json_decref(config);
    Answered a = answer(model, v, 0, NULL);
    assert_true(a.engine->model.config.language.tie_word_embeddings);
    check_answered(&a, v->name);
    close_answered(&a);
    temp_close(&f);
}

int main(void)
{
    static TestList tests;
    add_test(&tests, odd_sizes_equal_reference_on_every_cpu, NULL, "odd_sizes_equal_reference_on_every_cpu");
    add_test(&tests, mixed_number_types_equal_reference, NULL, "mixed_number_types_equal_reference");
    add_test(&tests, tied_model_uses_a_head_of_its_own, NULL, "tied_model_uses_a_head_of_its_own");
    for (int i = 0; i < N_VARIANTS; i++)
        add_test(&tests, equals_reference, &VARIANTS[i], "%s_equals_reference", VARIANTS[i].name);
    return run_list(&tests);
}
