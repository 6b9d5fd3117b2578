/* gguf_describe.c - see gguf_describe.h.
 *
 * Multi-head attention is the architecture "deepseek" of other programs, latent attention "deepseek2". Theirs rotates
 * neighbours, so "deepseek" has the rows of q and k in pairs. What they cannot say (a dynamic rope, experts in every other
 * layer) only vl2 can run; it reads the configuration from the texts. */
#include "model/gguf_describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/json.h"

enum { MAX_TEXT = 256 << 20, QUANTISATION_VERSION = 2 };

/* ---- the architecture ---- */

static void key_of(char key[96], const LanguageConfig *c, const char *name)
{
    snprintf(key, 96, "%s.%s", c->use_mla ? "deepseek2" : "deepseek", name);
}

static void put_u32(GgufMetadata *out, const LanguageConfig *c, const char *name, int v)
{
    char key[96];
    key_of(key, c, name);
    gguf_put_u32(out, key, (uint32_t)v);
}

static void put_f32(GgufMetadata *out, const LanguageConfig *c, const char *name, double v)
{
    char key[96];
    key_of(key, c, name);
    gguf_put_f32(out, key, (float)v);
}

static void put_word(GgufMetadata *out, const LanguageConfig *c, const char *name, const char *word)
{
    char key[96];
    key_of(key, c, name);
    gguf_put_word(out, key, word);
}

static int count_leading_dense(const LanguageConfig *c)
{
    int n = 0;
    while (n < c->n_layers && !config_layer_is_moe(c, n)) n++;
    return n;
}

static void put_experts(GgufMetadata *out, const LanguageConfig *c)
{
    enum { SOFTMAX = 1, SIGMOID = 2 }; /* other programs' codes */
    char key[96];
    put_u32(out, c, "leading_dense_block_count", count_leading_dense(c));
    if (!c->n_routed_experts) return;
    put_u32(out, c, "expert_count", c->n_routed_experts);
    put_u32(out, c, "expert_used_count", c->top_k);
    put_u32(out, c, "expert_shared_count", c->n_shared_experts);
    put_u32(out, c, "expert_feed_forward_length", c->moe_intermediate_size);
    put_f32(out, c, "expert_weights_scale", c->routed_scaling_factor);
    key_of(key, c, "expert_weights_norm");
    gguf_put_bool(out, key, c->norm_topk_prob);
    put_u32(out, c, "expert_gating_func", c->scoring == SCORING_SIGMOID ? SIGMOID : SOFTMAX);
    if (c->topk_method == TOPK_GREEDY || c->n_group < 2) return;
    put_u32(out, c, "expert_group_count", c->n_group);
    put_u32(out, c, "expert_group_used_count", c->topk_group);
}

static void put_rope(GgufMetadata *out, const LanguageConfig *c)
{
    const RopeConfig *r = &c->rope;
    put_u32(out, c, "rope.dimension_count", c->use_mla ? c->qk_rope_head_dim : c->head_dim);
    put_f32(out, c, "rope.freq_base", r->theta);
    if (r->kind != ROPE_LINEAR && r->kind != ROPE_YARN) return;
    put_word(out, c, "rope.scaling.type", r->kind == ROPE_YARN ? "yarn" : "linear");
    put_f32(out, c, "rope.scaling.factor", r->factor);
    if (r->kind != ROPE_YARN) return;
    put_u32(out, c, "rope.scaling.original_context_length", r->original_max_position_embeddings);
    put_f32(out, c, "rope.scaling.yarn_log_multiplier", 0.1 * r->mscale_all_dim);
}

static void put_attention(GgufMetadata *out, const LanguageConfig *c)
{
    put_u32(out, c, "attention.head_count", c->n_heads);
    put_u32(out, c, "attention.head_count_kv", c->use_mla ? c->n_heads : c->n_kv_heads);
    put_f32(out, c, "attention.layer_norm_rms_epsilon", c->rms_norm_eps);
    put_u32(out, c, "attention.key_length", c->use_mla ? c->qk_nope_head_dim + c->qk_rope_head_dim : c->head_dim);
    put_u32(out, c, "attention.value_length", c->use_mla ? c->v_head_dim : c->head_dim);
    if (!c->use_mla) return;
    put_u32(out, c, "attention.q_lora_rank", c->q_lora_rank); /* 0: none; readers ask for the key all the same */
    put_u32(out, c, "attention.kv_lora_rank", c->kv_lora_rank);
}

static void put_architecture(GgufMetadata *out, const LanguageConfig *c)
{
    put_u32(out, c, "block_count", c->n_layers);
    put_u32(out, c, "context_length", c->max_position_embeddings);
    put_u32(out, c, "embedding_length", c->hidden_size);
    put_u32(out, c, "feed_forward_length", c->intermediate_size);
    put_u32(out, c, "vocab_size", c->vocab_size);
    put_attention(out, c);
    put_rope(out, c);
    put_experts(out, c);
}

/* ---- the tokenizer ---- */

typedef enum { TOKEN_NORMAL = 1, TOKEN_CONTROL = 3, TOKEN_USER_DEFINED = 4, TOKEN_UNUSED = 5 } TokenKind;

typedef struct {
    const char *text; /* NULL: none yet; borrowed from the JSON or the tokenizer */
    size_t n;
    TokenKind kind;
} ListedToken;

static void take_token(ListedToken *list, int n, const json_t *id, const char *text, size_t length, TokenKind kind)
{
    const json_int_t i = json_is_integer(id) ? json_integer_value(id) : -1;
    if (i >= 0 && i < n && text) list[i] = (ListedToken){ text, length, kind };
}

/* The vocabulary in its own spelling, one character for a byte; then added tokens as they are. The tokenizer has checked the
 * file. */
static void take_tokens(ListedToken *list, int n, json_t *file, const Tokenizer *t)
{
    const char *text;
    json_t *id, *v;
    size_t i;
    json_object_foreach(json_object_get(json_object_get(file, "model"), "vocab"), text, id)
        take_token(list, n, id, text, strlen(text), TOKEN_NORMAL);
    json_array_foreach(json_object_get(file, "added_tokens"), i, v)
    {
        const json_t *content = json_object_get(v, "content");
        take_token(list, n, json_object_get(v, "id"), json_string_value(content), json_string_length(content),
                   json_is_true(json_object_get(v, "special")) ? TOKEN_CONTROL : TOKEN_USER_DEFINED);
    }
    for (int k = 0; k < n && k < tokenizer_count(t); k++) { /* what the processor adds */
        if (list[k].text) continue;
        list[k].text = tokenizer_bytes(t, k, &list[k].n);
        list[k].kind = tokenizer_is_special(t, k) ? TOKEN_CONTROL : TOKEN_USER_DEFINED;
    }
}

/* Rows of the embedding table that no token has get a name and kind that no text gives. */
static void put_tokens(GgufMetadata *out, const ListedToken *list, int n)
{
    gguf_begin_array(out, "tokenizer.ggml.tokens", GGUF_STRING, (size_t)n);
    for (int i = 0; i < n; i++) {
        char unused[32];
        const int length = snprintf(unused, sizeof unused, "[PAD%d]", i);
        if (list[i].text)
            gguf_add_string(out, list[i].text, list[i].n);
        else
            gguf_add_string(out, unused, (size_t)length);
    }
    gguf_begin_array(out, "tokenizer.ggml.token_type", GGUF_I32, (size_t)n);
    for (int i = 0; i < n; i++) gguf_add_i32(out, list[i].text ? (int32_t)list[i].kind : TOKEN_UNUSED);
}

/* A merge is "a b" or ["a", "b"]. */
static void put_merges(GgufMetadata *out, const json_t *merges)
{
    const size_t n = json_array_size(merges);
    gguf_begin_array(out, "tokenizer.ggml.merges", GGUF_STRING, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *v = json_array_get(merges, i);
        Str pair = { 0 };
        if (json_is_array(v))
            str_printf(&pair, "%s %s", json_string_value(json_array_get(v, 0)),
                       json_string_value(json_array_get(v, 1)));
        else
            str_puts(&pair, json_string_value(v));
        gguf_add_string(out, pair.text, pair.n);
        str_free(&pair);
    }
}

/* How other programs call the way in which text is cut before merging: digits by threes are DeepSeek-V3's, which
 * DeepSeek-VL2 has, too; one by one those of the first DeepSeek LLM. */
static const char *cutting_name(const json_t *file)
{
    char *text = json_dumps(json_object_get(file, "pre_tokenizer"), JSON_ENCODE_ANY);
    const char *name = text && strstr(text, "{1,3}") ? "deepseek-v3" : "deepseek-llm";
    free(text);
    return name;
}

static void put_tokenizer(GgufMetadata *out, const Model *m, json_t *file)
{
    const int n = m->config.language.vocab_size;
    const SpecialIds *special = tokenizer_special(m->tokenizer);
    ListedToken *list = xcalloc((size_t)n, sizeof *list);
    take_tokens(list, n, file, m->tokenizer);
    gguf_put_word(out, "tokenizer.ggml.model", "gpt2");
    gguf_put_word(out, "tokenizer.ggml.pre", cutting_name(file));
    put_tokens(out, list, n);
    put_merges(out, json_object_get(json_object_get(file, "model"), "merges"));
    gguf_put_u32(out, "tokenizer.ggml.bos_token_id", (uint32_t)special->bos);
    gguf_put_u32(out, "tokenizer.ggml.eos_token_id", (uint32_t)special->eos);
    gguf_put_u32(out, "tokenizer.ggml.padding_token_id", (uint32_t)special->pad);
    gguf_put_bool(out, "tokenizer.ggml.add_bos_token", true);
    gguf_put_bool(out, "tokenizer.ggml.add_eos_token", false);
    free(list);
}

static bool describe_tokenizer(GgufMetadata *out, const Model *m, Error *e)
{
    char *text;
    size_t n;
    if (!model_source_text(m->source, "tokenizer.json", MAX_TEXT, &text, &n, e)) return false;
    json_t *file = json_parse(text, n, "tokenizer.json", e);
    if (file) put_tokenizer(out, m, file);
    json_decref(file);
    free(text);
    return file != NULL;
}

/* ---- all of it ---- */

static bool put_texts(GgufMetadata *out, const ModelSource *source, Error *e)
{
    for (const ModelText *t = MODEL_TEXTS; t->file; t++) {
        char *text;
        size_t n;
        if (!model_source_has(source, t->file)) continue;
        if (!model_source_text(source, t->file, MAX_TEXT, &text, &n, e)) return false;
        gguf_put_string(out, t->key, text, n);
        free(text);
    }
    return true;
}

/* The code of a file whose matrices are mostly of a type; other programs only show it. */
static uint32_t file_type(DType t)
{
    static const uint32_t code[DT_MATRIX_TYPES] = {
        [DT_F32] = 0, [DT_F16] = 1, [DT_BF16] = 32, [DT_Q8_0] = 7, [DT_Q4_0] = 2, [DT_IQ4_NL] = 25
    };
    return code[dtype_of_rows(t)];
}

/* The last part of the source's path, without what tells the format. */
static void put_name(GgufMetadata *out, const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/') begin--;
    if (end - begin > 5 && strncmp(path + end - 5, ".gguf", 5) == 0) end -= 5;
    gguf_put_string(out, "general.name", path + begin, end - begin);
}

bool gguf_describe(GgufMetadata *out, const Model *m, DType main_type, bool text_only, Error *e)
{
    const LanguageConfig *c = &m->config.language;
    gguf_put_word(out, "general.architecture", c->use_mla ? "deepseek2" : "deepseek");
    gguf_put_word(out, "general.type", "model");
    put_name(out, model_source_path(m->source));
    gguf_put_u32(out, "general.file_type", file_type(main_type));
    gguf_put_u32(out, "general.quantization_version", QUANTISATION_VERSION);
    put_architecture(out, c);
    if (!c->use_mla) gguf_put_bool(out, GGUF_ROTARY_PAIRS_KEY, true);
    if (text_only) gguf_put_bool(out, GGUF_TEXT_ONLY_KEY, true);
    return describe_tokenizer(out, m, e) && (text_only || put_texts(out, m->source, e));
}

/* Found by running llama.cpp on such models (tests/interop, docs/formats.md). */
int gguf_untold(const LanguageConfig *c, const char *reason[GGUF_MAX_UNTOLD])
{
    const RopeConfig *r = &c->rope;
    const struct {
        bool applies;
        const char *reason;
    } rows[GGUF_MAX_UNTOLD] = {
        { r->kind == ROPE_DYNAMIC, "rope_scaling of type dynamic" },
        { r->kind == ROPE_LINEAR && c->use_mla, "rope_scaling of type linear with latent attention" },
        { r->kind == ROPE_YARN && r->mscale != r->mscale_all_dim, "mscale other than mscale_all_dim" },
        { c->norm_topk_prob && !c->use_mla, "norm_topk_prob without latent attention" },
        { c->topk_method == TOPK_GROUP_LIMITED, "topk_method group_limited_greedy" },
        { c->use_mla && c->rms_norm_eps != 1e-6, "rms_norm_eps other than 1e-6 with latent attention" },
    };
    int n = 0;
    for (int i = 0; i < GGUF_MAX_UNTOLD; i++)
        if (rows[i].applies) reason[n++] = rows[i].reason;
    return n;
}
