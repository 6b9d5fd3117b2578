/* gguf_names.c - the table of names. In a pattern '#' stands for the number of a layer, '@' for that of an expert, '$' at the
 * end for ".weight", ".bias" or what else follows a dot. */
#include "format/gguf_names.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *published, *gguf;
} NAME[] = {
    { "language.model.embed_tokens$", "token_embd$" },
    { "language.model.norm$", "output_norm$" },
    { "language.lm_head$", "output$" },

    { "language.model.layers.#.input_layernorm$", "blk.#.attn_norm$" },
    { "language.model.layers.#.post_attention_layernorm$", "blk.#.ffn_norm$" },
    { "language.model.layers.#.self_attn.q_proj$", "blk.#.attn_q$" },
    { "language.model.layers.#.self_attn.k_proj$", "blk.#.attn_k$" },
    { "language.model.layers.#.self_attn.v_proj$", "blk.#.attn_v$" },
    { "language.model.layers.#.self_attn.o_proj$", "blk.#.attn_output$" },
    { "language.model.layers.#.self_attn.q_a_proj$", "blk.#.attn_q_a$" },
    { "language.model.layers.#.self_attn.q_a_layernorm$", "blk.#.attn_q_a_norm$" },
    { "language.model.layers.#.self_attn.q_b_proj$", "blk.#.attn_q_b$" },
    { "language.model.layers.#.self_attn.kv_a_proj_with_mqa$", "blk.#.attn_kv_a_mqa$" },
    { "language.model.layers.#.self_attn.kv_a_layernorm$", "blk.#.attn_kv_a_norm$" },
    { "language.model.layers.#.self_attn.kv_b_proj$", "blk.#.attn_kv_b$" },

    { "language.model.layers.#.mlp.gate_proj$", "blk.#.ffn_gate$" },
    { "language.model.layers.#.mlp.up_proj$", "blk.#.ffn_up$" },
    { "language.model.layers.#.mlp.down_proj$", "blk.#.ffn_down$" },
    { "language.model.layers.#.mlp.gate.e_score_correction_bias", "blk.#.exp_probs_b.bias" },
    { "language.model.layers.#.mlp.gate$", "blk.#.ffn_gate_inp$" },
    { "language.model.layers.#.mlp.shared_experts.gate_proj$", "blk.#.ffn_gate_shexp$" },
    { "language.model.layers.#.mlp.shared_experts.up_proj$", "blk.#.ffn_up_shexp$" },
    { "language.model.layers.#.mlp.shared_experts.down_proj$", "blk.#.ffn_down_shexp$" },
    { "language.model.layers.#.mlp.experts.@.gate_proj$", "blk.#.ffn_gate_exps$" },
    { "language.model.layers.#.mlp.experts.@.up_proj$", "blk.#.ffn_up_exps$" },
    { "language.model.layers.#.mlp.experts.@.down_proj$", "blk.#.ffn_down_exps$" },

    { "vision.patch_embed.proj$", "v.patch_embd$" },
    { "vision.pos_embed", "v.position_embd.weight" },
    { "vision.norm$", "v.post_ln$" },
    { "vision.attn_pool$", "v.attn_pool$" },
    { "vision.blocks.#.norm1$", "v.blk.#.ln1$" },
    { "vision.blocks.#.attn.qkv$", "v.blk.#.attn_qkv$" },
    { "vision.blocks.#.attn.proj$", "v.blk.#.attn_out$" },
    { "vision.blocks.#.norm2$", "v.blk.#.ln2$" },
    { "vision.blocks.#.mlp.fc1$", "v.blk.#.ffn_up$" },
    { "vision.blocks.#.mlp.fc2$", "v.blk.#.ffn_down$" },

    { "image_newline", "v.image_newline" },
    { "view_seperator", "v.view_seperator" },
    { "projector.layers.#$", "mm.#$" },
    { "projector.layers$", "mm.model.fc$" },
};
enum { N_NAMES = sizeof NAME / sizeof *NAME };

/* What stood for the marks of a pattern. */
typedef struct {
    int layer, expert; /* -1: the pattern has none */
    const char *rest;
} Marks;

/* A number without leading zeros, as `printf` writes it. */
static bool match_number(const char **s, int *out)
{
    enum { MOST = 65535 };
    const char *p = *s;
    int v = 0;
    for (; *p >= '0' && *p <= '9' && v <= MOST; p++) v = 10 * v + *p - '0';
    if (p == *s || v > MOST || (**s == '0' && p - *s > 1)) return false;
    *s = p;
    *out = v;
    return true;
}

static bool match(const char *pattern, const char *s, Marks *m)
{
    *m = (Marks){ -1, -1, "" };
    for (; *pattern; pattern++) {
        if (*pattern == '$') {
            m->rest = s;
            return *s == '.' && s[1];
        }
        if (*pattern == '#' || *pattern == '@') {
            if (!match_number(&s, *pattern == '#' ? &m->layer : &m->expert)) return false;
        } else if (*s++ != *pattern)
            return false;
    }
    return *s == '\0';
}

static bool expand(const char *pattern, const Marks *m, char out[TENSOR_NAME_SIZE])
{
    size_t n = 0;
    for (; *pattern && n < TENSOR_NAME_SIZE; pattern++) {
        const size_t left = TENSOR_NAME_SIZE - n;
        if (*pattern == '#' || *pattern == '@')
            n += (size_t)snprintf(out + n, left, "%d", *pattern == '#' ? m->layer : m->expert);
        else if (*pattern == '$')
            n += (size_t)snprintf(out + n, left, "%s", m->rest);
        else
            n += (size_t)snprintf(out + n, left, "%c", *pattern);
    }
    return n < TENSOR_NAME_SIZE;
}

bool gguf_name_of(const char *published, char out[TENSOR_NAME_SIZE], int *expert)
{
    Marks m;
    for (int i = 0; i < N_NAMES; i++)
        if (match(NAME[i].published, published, &m)) {
            *expert = m.expert;
            return expand(NAME[i].gguf, &m, out);
        }
    return false;
}

/* The row that a GGUF name belongs to, -1 if it is unknown. */
static int find_gguf(const char *gguf, Marks *m)
{
    for (int i = 0; i < N_NAMES; i++)
        if (match(NAME[i].gguf, gguf, m)) return i;
    return -1;
}

bool published_name_of(const char *gguf, int expert, char out[TENSOR_NAME_SIZE])
{
    Marks m;
    const int i = find_gguf(gguf, &m);
    m.expert = expert;
    return i >= 0 && expand(NAME[i].published, &m, out);
}

bool gguf_name_is_merged(const char *gguf)
{
    Marks m;
    const int i = find_gguf(gguf, &m);
    return i >= 0 && strchr(NAME[i].published, '@');
}
