/* test_make_model.c - the generator's checkpoints open as models, whatever the architecture; the same seed gives the same
 * bytes on any number of threads; the special tokens lie as in the published models. */
int make_model_main(int argc, char **argv);
#define main make_model_main
#include "../../tools/make_model.c"
#undef main

#include "model/model.h"

#include "temp_folder.h"
#include "support.h"

enum { MAX_ARGS = 24 };

/* Runs the generator with `args` (ended by NULL) and "-o <folder>/<name>"; returns the path, in the ring of the folder. */
static const char *made(TempFolder *s, const char *name, const char *const *args, Error *e, bool *ok)
{
    const char *const path = temp_path(s, name);
    char *argv[MAX_ARGS + 4] = { NULL, NULL, (char *)(uintptr_t)path };
    int argc = 3;
    argv[0] = argv[1] = (char[]){ "-o" }; /* the first is the name of the program */
    for (int i = 0; args[i]; i++) argv[argc++] = (char *)(uintptr_t)args[i];
    Options o;
    fflush(stdout);
    const int terminal = dup(STDERR_FILENO); /* progress is not what this test is about */
    assert_non_null(freopen("/dev/null", "w", stderr));
    *ok = take_options(&o, argc, argv, e) && make_model(&o, e);
    fflush(stderr);
    dup2(terminal, STDERR_FILENO);
    close(terminal);
    return path;
}

static const char *made_well(TempFolder *s, const char *name, const char *const *args)
{
    Error e = { 0 };
    bool ok;
    const char *const path = made(s, name, args, &e, &ok);
    if (!ok) fail_msg("%s: %s", name, e.text);
    return path;
}

static Model opened(const char *path)
{
    Error e = { 0 };
    Model m;
    if (!model_open(&m, path, &e)) fail_msg("%s", e.text);
    return m;
}

#define ARGS(...)   ((const char *const[]){ __VA_ARGS__, NULL })
#define SET(x)      "--set", x
#define LANGUAGE(x) "--set", "language_config." x

static void micro_models_open_in_every_dtype(void **state)
{
    (void)state;
    static const char *const shapes[] = { "micro-mha", "micro-mla", "micro-noaux" };
    static const char *const dtypes[] = { "bf16", "f16", "f32" };
    TempFolder s = temp_open();
    for (int i = 0; i < 9; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s-%s", shapes[i / 3], dtypes[i % 3]);
        const char *const path = made_well(&s, name, ARGS("--shape", shapes[i / 3], "--dtype", dtypes[i % 3]));
        Model m = opened(path);
        assert_true(tensor_files_bytes(m.files) < 3000000);
        assert_string_equal(m.config.torch_dtype, i % 3 == 0 ? "bfloat16" : i % 3 == 1 ? "float16" : "float32");
        model_close(&m);
        temp_remove(path, 0);
    }
    temp_close(&s);
}

static void every_architecture_opens(void **state)
{
    (void)state;
    static const char *const rows[][MAX_ARGS] = {
        { "--shape", "micro-mha", LANGUAGE("num_key_value_heads=2"), LANGUAGE("attention_bias=true") },
        { "--shape", "micro-mha", LANGUAGE("tie_word_embeddings=true") },
        { "--shape", "micro-mha", LANGUAGE("n_shared_experts=null") },
        { "--shape", "micro-mha", LANGUAGE("n_routed_experts=null"), LANGUAGE("num_experts_per_tok=null") },
        { "--shape", "micro-mha", LANGUAGE("moe_layer_freq=2"), LANGUAGE("first_k_dense_replace=2") },
        { "--shape", "micro-mha", LANGUAGE("first_k_dense_replace=0") },
        { "--shape", "micro-mha", LANGUAGE("rope_scaling={\"type\":\"dynamic\",\"factor\":2}") },
        { "--shape", "micro-mha", LANGUAGE("rope_scaling.type=linear"), LANGUAGE("rope_scaling.factor=4") },
        { "--shape", "micro-mla", LANGUAGE("q_lora_rank=24"), LANGUAGE("attention_bias=true") },
        { "--shape", "micro-mla", LANGUAGE("rope_scaling={\"type\":\"yarn\",\"factor\":40,\"mscale_all_dim\":0.7}") },
        { "--shape", "micro-mla", LANGUAGE("topk_method=group_limited_greedy"), LANGUAGE("n_group=4"),
          LANGUAGE("topk_group=2") },
        { "--shape", "micro-noaux", LANGUAGE("n_group=4"), LANGUAGE("topk_group=2") },
        { "--shape", "micro-mha", SET("projector_config.depth=3"), SET("projector_config.mlp_ratio=2") },
        { "--shape", "micro-mha", SET("projector_config.projector_type=mlp_gelu"),
          SET("vision_config.image_size=112") },
        { "--shape", "micro-mha", SET("projector_config.projector_type=linear"), SET("vision_config.image_size=112") },
        { "--shape", "micro-mha", SET("projector_config.projector_type=identity"), SET("vision_config.width=64") },
        { "--shape", "micro-mha", SET("global_view_pos=tail"), SET("processor.sft_format=plain") },
    };
    TempFolder s = temp_open();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *const path = made_well(&s, "model", rows[i]);
        Model m = opened(path);
        model_close(&m);
        temp_remove(path, 0);
    }
    temp_close(&s);
}

/* The bytes of all tensors, in the order of their names. */
static uint64_t fingerprint(const char *path)
{
    Error e = { 0 };
    TensorFiles *t = tensor_files_open(path, &e);
    if (!t) fail_msg("%s", e.text);
    uint64_t h = 0;
    for (int i = 0; i < tensor_files_count(t); i++) {
        const FileTensor *x = tensor_files_at(t, i);
        h = rng_at(h, hash_name(x->name));
        for (size_t k = 0; k < x->bytes; k++) h = (h ^ x->data[k]) * 0x100000001b3u;
    }
    tensor_files_close(t);
    return h;
}

static void same_seed_same_bytes(void **state)
{
    (void)state;
    TempFolder s = temp_open();
    const uint64_t one = fingerprint(made_well(&s, "a", ARGS("--shape", "micro-mla", "--threads", "1")));
    assert_true(one == fingerprint(made_well(&s, "b", ARGS("--shape", "micro-mla", "--threads", "3"))));
    assert_true(one == fingerprint(made_well(&s, "c", ARGS("--shape", "micro-mla", "--shard-bytes", "300000"))));
    assert_true(one != fingerprint(made_well(&s, "d", ARGS("--shape", "micro-mla", "--seed", "2"))));
    temp_close(&s);
}

/* Long enough for several pieces and batches, of a length that is no multiple of four. */
static void pieces_join_without_a_seam(void **state)
{
    (void)state;
    TempFolder s = temp_open();
    static const char *const args[] = { "--shape", "micro-mha", LANGUAGE("vocab_size=70001"), "--threads", "2", NULL };
    const char *const path = made_well(&s, "a", args);
    Error e = { 0 };
    TensorFiles *t = tensor_files_open(path, &e);
    assert_non_null(t);
    const FileTensor *x = tensor_files_find(t, "language.model.embed_tokens.weight");
    assert_true(x->bytes > (size_t)2 * PIECES * PIECE_BYTES);
    static Drawing d;
    double level[LEVELS];
    const ListedTensor listed = {
        "language.model.embed_tokens.weight", PART_EMBEDDINGS, LISTED_EMBEDDING, 2, { 70001, 64 }
    };
    const Config c = { 0 };
    normal_levels(level);
    start_drawing(&d, &listed, &c, level, DT_BF16, 1);
    unsigned char *whole = malloc(x->bytes + 16);
    assert_non_null(whole);
    draw(&d, 0, x->bytes / 2, whole);
    assert_memory_equal(whole, x->data, x->bytes);
    free(whole);
    tensor_files_close(t);
    temp_close(&s);
}

/* The bytes of a GGUF file before the data: version, counts, metadata, names, types, shapes and offsets of all tensors. */
static size_t head_bytes(const Gguf *g)
{
    const GgufTensor *last = gguf_at(g, gguf_count(g) - 1);
    const size_t data = (size_t)(last->data + last->bytes - gguf_at(g, 0)->data);
    return gguf_bytes(g) - (data + 31) / 32 * 32; /* each tensor is filled up to the alignment */
}

static Gguf *gguf_opened(const char *path)
{
    Error e = { 0 };
    Gguf *g = gguf_open(path, &e);
    if (!g) fail_msg("%s", e.text);
    return g;
}

static void quantise(const char *from, const char *types, bool text_only, const char *out)
{
    Error e = { 0 };
    Model m = opened(from);
    ConvertOptions o = { .to = CONVERT_GGUF, .text_only = text_only };
    ConvertPlan plan;
    Pool *pool = pool_open(1, &e);
    if (!pool || !weight_types_find(types, &o.types, &e) || !convert_plan(&plan, &m, &o, &e) ||
        !convert_run(&plan, &m, &o, out, pool, NULL, &e))
        fail_msg("%s", e.text);
    convert_plan_free(&plan);
    pool_close(pool);
    model_close(&m);
}

/* The folder bears the name that the generator's own has, which becomes general.name. */
static void a_gguf_has_the_head_that_quantize_writes(void **state)
{
    (void)state;
    static const char *const shapes[] = { "micro-mha", "micro-mla", "micro-noaux" };
    static const struct {
        const char *types, *more;
    } rows[] = { { "q4", NULL },   { "q8", NULL },   { "q4-small", NULL },
                 { "q4_0", NULL }, { "bf16", NULL }, { "q8_0", "--text-only" } };
    TempFolder s = temp_open();
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 6; k++) {
            const char *const folder = made_well(&s, shapes[i], ARGS("--shape", shapes[i]));
            const char *const drawn =
                made_well(&s, "drawn", ARGS("--shape", shapes[i], "--gguf", rows[k].types, rows[k].more));
            const char *const written = temp_path(&s, "written");
            quantise(folder, rows[k].types, rows[k].more != NULL, written);
            Gguf *a = gguf_opened(drawn), *b = gguf_opened(written);
            assert_int_equal(gguf_bytes(a), gguf_bytes(b));
            assert_int_equal(head_bytes(a), head_bytes(b));
            char *x = NULL, *y = NULL;
            size_t n = 0;
            Error e = { 0 };
            assert_true(file_read(drawn, 1 << 24, &x, &n, &e) && file_read(written, 1 << 24, &y, &n, &e));
            assert_memory_equal(x, y, head_bytes(a));
            free(x);
            free(y);
            gguf_close(a);
            gguf_close(b);
            if (!rows[k].more) {
                Model m = opened(drawn);
                model_close(&m);
            }
            temp_remove(folder, 0);
            assert_int_equal(unlink(drawn), 0);
        }
    temp_close(&s);
}

/* The root mean square of a matrix beside that of the folder's, worst of all matrices; 1: no difference. */
static double worst_spread(const char *gguf, const char *folder)
{
    const Kernels *k = kernels_get(cpu_best());
    Model a = opened(gguf), b = opened(folder);
    double worst = 0;
    for (int i = 0; i < tensor_files_count(a.files); i++) {
        const FileTensor *t = tensor_files_at(a.files, i), *of[2] = { t, tensor_files_find(b.files, t->name) };
        double rms[2] = { 0 };
        if (t->n_dims != 2 || file_tensor_elements(t) < 2000) continue;
        for (int side = 0; side < 2; side++) {
            const FileTensor *u = of[side];
            const size_t cols = (size_t)u->dim[1];
            float *x = xcalloc(cols, sizeof *x);
            const size_t bytes = dtype_row_bytes(u->dtype, cols);
            unsigned char *one = xcalloc(bytes, 1);
            for (size_t row = 0; row < (size_t)u->dim[0]; row++) {
                const unsigned char *from = u->data + row * bytes;
                if (dtype_is_x16(u->dtype)) {
                    interleaved_row(u->dtype, one, u->data + row / STRIP_ROWS * STRIP_ROWS * bytes,
                                    (int)(row % STRIP_ROWS), cols);
                    from = one;
                }
                k->to_f32[dtype_of_rows(u->dtype)](x, from, (int)cols);
                for (int64_t c = 0; c < of[1]->dim[1]; c++)
                    rms[side] += (double)x[c] * x[c]; /* without what fills up */
            }
            free(x);
            free(one);
        }
        worst = fmax(worst, fabs(sqrt(rms[0] / rms[1]) - 1));
    }
    model_close(&a);
    model_close(&b);
    return worst;
}

static void drawn_blocks_have_the_spread_of_plain_numbers(void **state)
{
    (void)state;
    static const char *const types[] = { "q8_0", "q4_0", "iq4_nl" };
    TempFolder s = temp_open();
    const char *const folder = made_well(&s, "folder", ARGS("--shape", "micro-mla"));
    for (int i = 0; i < 3; i++) {
        const char *const path = made_well(&s, types[i], ARGS("--shape", "micro-mla", "--gguf", types[i]));
        assert_within(types[i], worst_spread(path, folder), 0.06); /* as in weights_have_the_stated_spread */
    }
    temp_close(&s);
}

static void a_gguf_depends_on_the_seed_alone(void **state)
{
    (void)state;
    static const char *const threads[] = { "1", "3" };
    Error e = { 0 };
    TempFolder s = temp_open();
    char *bytes[3] = { NULL };
    size_t n[3];
    for (int i = 0; i < 3; i++) {
        const char *const path = made_well(&s, "m.gguf",
                                           ARGS("--shape", "micro-mha", "--gguf", "q4", "--threads", threads[i % 2],
                                                "--seed", i < 2 ? "1" : "2", LANGUAGE("vocab_size=70001")));
        assert_true(file_read(path, 1 << 24, &bytes[i], &n[i], &e));
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(n[0], n[1]);
    assert_memory_equal(bytes[0], bytes[1], n[0]);
    assert_true(n[2] == n[0] && memcmp(bytes[2], bytes[0], n[0]) != 0);
    for (int i = 0; i < 3; i++) free(bytes[i]);
    temp_close(&s);
}

static void weights_have_the_stated_spread(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double mean, rms; /* rms around the mean */
    } rows[] = {
        { "language.model.layers.1.mlp.experts.3.up_proj.weight", 0, 0.125 }, /* 1 / sqrt(64) */
        { "language.model.layers.0.mlp.down_proj.weight", 0, 0.0279508497 },  /* 1 / sqrt(160 * 8) */
        { "language.lm_head.weight", 0, 0.375 },                              /* 3 / sqrt(64) */
        { "language.model.embed_tokens.weight", 0, 1 },
        { "vision.patch_embed.proj.weight", 0, 0.0412393049 }, /* 1 / sqrt(3 * 14 * 14) */
        { "vision.pos_embed", 0, 0.3 },
        { "vision.blocks.1.attn.qkv.weight", 0, 0.144337567 }, /* 1 / sqrt(48) */
    };
    Error e = { 0 };
    TempFolder s = temp_open();
    TensorFiles *t = tensor_files_open(made_well(&s, "a", ARGS("--shape", "micro-mha", "--dtype", "f32")), &e);
    assert_non_null(t);
    double worst = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const FileTensor *x = tensor_files_find(t, rows[i].name);
        assert_non_null(x);
        const size_t n = x->bytes / 4;
        double sum = 0, squares = 0;
        for (size_t k = 0; k < n; k++) {
            float v;
            memcpy(&v, x->data + 4 * k, 4);
            sum += v;
            squares += (v - rows[i].mean) * (v - rows[i].mean);
        }
        const double off = fabs(sqrt(squares / (double)n) / rows[i].rms - 1);
        const double tilt = fabs(sum / (double)n - rows[i].mean) / rows[i].rms;
        worst = fmax(worst, fmax(off, tilt));
    }
    /* The smallest has 3072 elements: rms varies by 1 / sqrt(2 * 3072) = 1.3 %, the mean by 1.8 % of it. */
    assert_within("relative error of mean and rms", worst, 0.06);
    tensor_files_close(t);
    temp_close(&s);
}

static void shards_stay_below_their_limit(void **state)
{
    (void)state;
    Error e = { 0 };
    TempFolder s = temp_open();
    const char *const path = made_well(&s, "a", ARGS("--shape", "micro-mha", "--shard-bytes", "300000"));
    TensorFiles *t = tensor_files_open(path, &e);
    if (!t) fail_msg("%s", e.text);
    size_t bytes[8] = { 0 };
    for (int i = 0; i < tensor_files_count(t); i++) {
        int shard, n;
        const FileTensor *x = tensor_files_at(t, i);
        assert_int_equal(sscanf(x->file, "model-%5d-of-%6d.safetensors", &shard, &n), 2);
        assert_true(n == 5 && shard >= 1 && shard <= n);
        bytes[shard - 1] += x->bytes;
    }
    for (int i = 0; i < 5; i++) assert_true(bytes[i] > 0 && bytes[i] <= 300000);
    tensor_files_close(t);
    temp_close(&s);
}

/* The hub shows 3 x 8.59 GB and 6.52 GB for small, one file of 6.74 GB for tiny. */
static void full_shapes_fall_into_the_published_shards(void **state)
{
    (void)state;
    static const struct {
        const char *shape;
        int shards;
        double last; /* GB */
    } rows[] = { { "tiny", 1, 6.74 }, { "small", 4, 6.52 } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error e = { 0 };
        Checkpoint c = { 0 };
        const Options o = { .shape = model_shape_find(rows[i].shape), .dtype = DT_BF16 };
        assert_true(make_config(&c, &o, &e));
        assert_true(tensor_list(&c.list, &c.parsed, &e));
        int *shard = calloc((size_t)c.list.n, sizeof *shard);
        assert_non_null(shard);
        assert_int_equal(plan_shards(shard, &c.list, 2, SHARD_BYTES), rows[i].shards);
        double last = 0;
        for (int k = 0; k < c.list.n; k++)
            if (shard[k] == rows[i].shards) last += 2e-9 * (double)listed_elements(&c.list.tensor[k]);
        assert_within("GB of the last shard, off by", fabs(last - rows[i].last), 0.05); /* one tensor more or less */
        free(shard);
        tensor_list_free(&c.list);
        config_free(&c.parsed);
        json_decref(c.config);
        json_decref(c.processor);
    }
}

static json_int_t id_in(const char *path, const char *token)
{
    Error e = { 0 };
    bool is_added;
    char *file = path_join(path, "tokenizer.json");
    json_t *t = json_parse_file(file, JSON_LIMIT, &e);
    if (!t) fail_msg("%s", e.text);
    const json_int_t id = token_id(t, token, &is_added);
    assert_true(is_added);
    json_decref(t);
    free(file);
    return id;
}

static void specials_follow_the_vocabulary(void **state)
{
    (void)state;
    static const char *const order[] = { "<image>",  "<|ref|>",       "<|/ref|>", "<|det|>",
                                         "<|/det|>", "<|grounding|>", "<|User|>", "<|Assistant|>" };
    TempFolder s = temp_open();
    const char *path = made_well(&s, "bytes", ARGS("--shape", "micro-mha"));
    assert_true(id_in(path, BOS) == 0 && id_in(path, EOS) == 1 && id_in(path, PAD) == 2); /* as tiny and base */
    for (int i = 0; i < 8; i++) assert_int_equal(id_in(path, order[i]), 259 + i);

    const char *const v2 = golden_or_skip("tokenizer/v2-style-tokenizer.json"); /* as small: no pad of its own */
    path = made_well(&s, "v2", ARGS("--shape", "micro-mla", "--tokenizer", v2, LANGUAGE("vocab_size=2300")));
    assert_true(id_in(path, BOS) == 2243 && id_in(path, EOS) == 2244 && id_in(path, PAD) == 2245);
    for (int i = 0; i < 8; i++) assert_int_equal(id_in(path, order[i]), 2246 + i);
    Model m = opened(path);
    assert_true(m.config.language.bos_token_id == 2243 && m.config.language.eos_token_id == 2244);
    model_close(&m);

    path = made_well(&s, "again", ARGS("--shape", "micro-mla", "--tokenizer-from", path, LANGUAGE("vocab_size=2300")));
    assert_int_equal(id_in(path, "<|Assistant|>"), 2253); /* what is there stays where it is */
    temp_close(&s);
}

static void refuses_with_a_reason(void **state)
{
    (void)state;
    static const struct {
        const char *args[MAX_ARGS];
        ErrorCode code;
        const char *expected;
    } rows[] = {
        { { "--shape", "huge" }, ERR_USAGE, "--shape huge: expected default, micro-mha" },
        { { "--dtype", "bf16" }, ERR_USAGE, "--shape is missing" },
        { { "--shape", "tiny", "--dtype", "int8" }, ERR_USAGE, "--dtype int8: expected bf16, f16 or f32" },
        { { "--shape", "tiny", "--gguf", "q5" },
          ERR_USAGE,
          "--gguf: the type 'q5' is unknown, expected one of q8, q4" },
        { { "--shape", "tiny", "--seed", "x" }, ERR_USAGE, "--seed x: expected a number" },
        { { "--shape", "tiny", "--threads", "0" }, ERR_USAGE, "--threads 0: expected a number from 1 to 1024" },
        { { "--shape", "micro-mha", "extra" }, ERR_USAGE, "unexpected argument extra" },
        { { "--shape", "micro-mha", "--set", "nothing" }, ERR_USAGE, "--set nothing: expected KEY=VALUE" },
        { { "--shape", "micro-mha", LANGUAGE("hidden_size=65") }, ERR_FORMAT, "language_config: \"hidden_size\" 65" },
        { { "--shape", "micro-mha", LANGUAGE("vocab_size=200") },
          ERR_USAGE,
          "ids go up to 266, language_config.vocab_size is 200" },
        { { "--shape", "micro-mha", "--tokenizer", "/nowhere" }, ERR_SYSTEM, "/nowhere: cannot open" },
        { { "--shape", "base", "--dtype", "f32", LANGUAGE("n_routed_experts=2000"),
            LANGUAGE("moe_intermediate_size=1048576") },
          ERR_SYSTEM,
          "free on this file system" },
        { { "--shape", "base", "--gguf", "q4", LANGUAGE("n_routed_experts=2000"),
            LANGUAGE("moe_intermediate_size=1048576") },
          ERR_SYSTEM,
          "free on this file system" },
    };
    TempFolder s = temp_open();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Error e = { 0 };
        bool ok;
        made(&s, "out", rows[i].args, &e, &ok);
        if (ok) fail_msg("row %zu was accepted", i);
        if (!strstr(e.text, rows[i].expected)) fail_msg("\"%s\" does not say \"%s\"", e.text, rows[i].expected);
        assert_int_equal(e.code, rows[i].code);
    }
    assert_int_equal(rmdir(s.folder), 0); /* no failure left a file behind */
}

static void never_writes_over_a_model(void **state)
{
    (void)state;
    Error e = { 0 };
    bool ok;
    TempFolder s = temp_open();
    const char *const path = made_well(&s, "a", ARGS("--shape", "micro-mha"));
    const uint64_t before = fingerprint(path);
    made(&s, "a", ARGS("--shape", "micro-mla"), &e, &ok);
    assert_false(ok);
    assert_non_null(strstr(e.text, "exists and is not an empty folder"));
    assert_true(before == fingerprint(path));
    assert_int_equal(mkdir(temp_path(&s, "empty"), 0700), 0);
    made_well(&s, "empty", ARGS("--shape", "micro-mha"));
    made(&s, "a", ARGS("--shape", "micro-mha", "--gguf", "q8"), &e, &ok);
    assert_false(ok);
    assert_non_null(strstr(e.text, "is there already"));
    temp_close(&s);
}

static void the_base_config_leaves_out_what_the_published_one_does(void **state)
{
    (void)state;
    static const char *const absent[] = {
        "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "kv_lora_rank",
        "use_mla",           "qk_nope_head_dim",    "qk_rope_head_dim",    "v_head_dim"
    };
    json_t *config = model_shape_config(model_shape_find("base")), *o = json_object_get(config, "language_config");
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) assert_null(json_object_get(o, absent[i]));
    assert_true(json_is_null(json_object_get(o, "q_lora_rank")));
    json_decref(config);
}

TEST_MAIN(TEST(micro_models_open_in_every_dtype), TEST(every_architecture_opens), TEST(same_seed_same_bytes),
          TEST(pieces_join_without_a_seam), TEST(a_gguf_has_the_head_that_quantize_writes),
          TEST(drawn_blocks_have_the_spread_of_plain_numbers), TEST(a_gguf_depends_on_the_seed_alone),
          TEST(weights_have_the_stated_spread), TEST(shards_stay_below_their_limit),
          TEST(full_shapes_fall_into_the_published_shards), TEST(specials_follow_the_vocabulary),
          TEST(refuses_with_a_reason), TEST(never_writes_over_a_model),
          TEST(the_base_config_leaves_out_what_the_published_one_does))
