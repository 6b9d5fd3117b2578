/* tensor_list.c - see tensor_list.h. One function for each module of the official code; each adds what its module owns
 * under the name of the module. */
#include "model/tensor_list.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

/* Where the next tensors belong. */
typedef struct {
    TensorList *list;
    TensorPart part;
    char module[64]; /* "language.model.layers.3." */
} Place;

static void add(const Place *p, ListedKind kind, const char *name, int n_dims, const int64_t *dim)
{
    TensorList *l = p->list;
    ListedTensor t = { .part = p->part, .kind = kind, .n_dims = n_dims };
    const int n = snprintf(t.name, sizeof t.name, "%s%s", p->module, name);
    assert(n > 0 && n < (int)sizeof t.name);
    (void)n;
    for (int i = 0; i < n_dims; i++) t.dim[i] = dim[i];
    GROW(l->tensor, l->n, l->capacity);
    l->tensor[l->n++] = t;
}

static void vector(const Place *p, ListedKind kind, const char *name, int64_t n)
{
    add(p, kind, name, 1, &n);
}

static void matrix(const Place *p, ListedKind kind, const char *name, int64_t out, int64_t in)
{
    add(p, kind, name, 2, (int64_t[]){ out, in });
}

/* name.weight [out, in] and, where it has one, name.bias [out]. */
static void linear(const Place *p, ListedKind kind, const char *name, int64_t out, int64_t in, bool bias)
{
    char full[80];
    snprintf(full, sizeof full, "%s.weight", name);
    matrix(p, kind, full, out, in);
    snprintf(full, sizeof full, "%s.bias", name);
    if (bias) vector(p, LISTED_BIAS, full, out);
}

static void norm(const Place *p, const char *name, int64_t n, bool bias)
{
    char full[80];
    snprintf(full, sizeof full, "%s.weight", name);
    vector(p, LISTED_NORM, full, n);
    snprintf(full, sizeof full, "%s.bias", name);
    if (bias) vector(p, LISTED_BIAS, full, n);
}

static Place place(TensorList *l, TensorPart part, const char *module)
{
    Place p = { .list = l, .part = part };
    snprintf(p.module, sizeof p.module, "%s", module);
    return p;
}

/* ---- vision -------------------------------------------------------------------------------------------------------- */

static void list_vision_block(TensorList *l, const VisionConfig *c, int i)
{
    Place p = place(l, PART_VISION, "");
    snprintf(p.module, sizeof p.module, "vision.blocks.%d.", i);
    norm(&p, "norm1", c->width, true);
    linear(&p, LISTED_MATRIX, "attn.qkv", 3 * (int64_t)c->width, c->width, true);
    linear(&p, LISTED_RESIDUAL, "attn.proj", c->width, c->width, true);
    norm(&p, "norm2", c->width, true);
    linear(&p, LISTED_MATRIX, "mlp.fc1", c->mlp_hidden, c->width, true);
    linear(&p, LISTED_RESIDUAL, "mlp.fc2", c->width, c->mlp_hidden, true);
}

static void list_pool(TensorList *l, const VisionConfig *c)
{
    const Place p = place(l, PART_POOL, "vision.attn_pool.");
    add(&p, LISTED_EMBEDDING, "latent", 3, (int64_t[]){ 1, 1, c->width });
    linear(&p, LISTED_MATRIX, "q", c->width, c->width, true);
    linear(&p, LISTED_MATRIX, "kv", 2 * (int64_t)c->width, c->width, true);
    linear(&p, LISTED_MATRIX, "proj", c->width, c->width, true);
    norm(&p, "norm", c->width, true);
    linear(&p, LISTED_MATRIX, "mlp.fc1", c->mlp_hidden, c->width, true);
    linear(&p, LISTED_MATRIX, "mlp.fc2", c->width, c->mlp_hidden, true);
}

static void list_vision(TensorList *l, const VisionConfig *c)
{
    const Place p = place(l, PART_VISION, "vision.");
    add(&p, LISTED_EMBEDDING, "pos_embed", 3, (int64_t[]){ 1, (int64_t)c->grid * c->grid, c->width });
    add(&p, LISTED_MATRIX, "patch_embed.proj.weight", 4, (int64_t[]){ c->width, 3, c->patch_size, c->patch_size });
    vector(&p, LISTED_BIAS, "patch_embed.proj.bias", c->width);
    for (int i = 0; i < c->layers; i++) list_vision_block(l, c, i);
    norm(&p, "norm", c->width, true);
    list_pool(l, c);
}

/* ---- projector ----------------------------------------------------------------------------------------------------- */

/* Modules 0, 2, 4, ... of a sequence: a GELU stands between any two. */
static void list_projector_mlp(const Place *p, const ProjectorConfig *c)
{
    int64_t in = (int64_t)c->input_dim * c->downsample_ratio * c->downsample_ratio;
    for (int i = 0; i < c->depth; i++) {
        char name[32];
        const bool last = i == c->depth - 1;
        const int64_t out = last ? c->n_embed : (int64_t)c->n_embed * c->mlp_ratio;
        snprintf(name, sizeof name, "layers.%d", 2 * i);
        linear(p, LISTED_MATRIX, name, out, in, true);
        in = out;
    }
}

static void list_projector(TensorList *l, const ProjectorConfig *c)
{
    const Place p = place(l, PART_PROJECTOR, "projector.");
    switch (c->kind) {
    case PROJECTOR_DOWNSAMPLE_MLP_GELU:
    case PROJECTOR_MLP_GELU: list_projector_mlp(&p, c); break;
    case PROJECTOR_LINEAR: linear(&p, LISTED_MATRIX, "layers", c->n_embed, c->input_dim, true); break;
    case PROJECTOR_IDENTITY: break;
    }
}

/* ---- language ------------------------------------------------------------------------------------------------------ */

static void list_mha(const Place *p, const LanguageConfig *c)
{
    const int64_t d = c->hidden_size, kv = (int64_t)c->n_kv_heads * c->head_dim;
    linear(p, LISTED_MATRIX, "self_attn.q_proj", d, d, c->attention_bias);
    linear(p, LISTED_MATRIX, "self_attn.k_proj", kv, d, c->attention_bias);
    linear(p, LISTED_MATRIX, "self_attn.v_proj", kv, d, c->attention_bias);
    linear(p, LISTED_RESIDUAL, "self_attn.o_proj", d, d, c->attention_bias);
}

static void list_mla(const Place *p, const LanguageConfig *c)
{
    const int64_t d = c->hidden_size, heads = c->n_heads;
    const int64_t q_rows = heads * (c->qk_nope_head_dim + c->qk_rope_head_dim);
    if (c->q_lora_rank) {
        linear(p, LISTED_MATRIX, "self_attn.q_a_proj", c->q_lora_rank, d, c->attention_bias);
        norm(p, "self_attn.q_a_layernorm", c->q_lora_rank, false);
        linear(p, LISTED_MATRIX, "self_attn.q_b_proj", q_rows, c->q_lora_rank, false);
    } else
        linear(p, LISTED_MATRIX, "self_attn.q_proj", q_rows, d, false);
    linear(p, LISTED_MATRIX, "self_attn.kv_a_proj_with_mqa", c->kv_lora_rank + c->qk_rope_head_dim, d,
           c->attention_bias);
    norm(p, "self_attn.kv_a_layernorm", c->kv_lora_rank, false);
    linear(p, LISTED_MATRIX, "self_attn.kv_b_proj", heads * (c->qk_nope_head_dim + c->v_head_dim), c->kv_lora_rank,
           false);
    linear(p, LISTED_RESIDUAL, "self_attn.o_proj", d, heads * c->v_head_dim, c->attention_bias);
}

/* `name` ends with a dot: "mlp.", "mlp.experts.7." */
static void list_mlp(const Place *p, const char *name, int64_t hidden, int64_t inner)
{
    char full[64];
    snprintf(full, sizeof full, "%sgate_proj", name);
    linear(p, LISTED_MATRIX, full, inner, hidden, false);
    snprintf(full, sizeof full, "%sup_proj", name);
    linear(p, LISTED_MATRIX, full, inner, hidden, false);
    snprintf(full, sizeof full, "%sdown_proj", name);
    linear(p, LISTED_RESIDUAL, full, hidden, inner, false);
}

static void list_moe(Place *p, const LanguageConfig *c)
{
    char name[48];
    p->part = PART_EXPERTS;
    for (int i = 0; i < c->n_routed_experts; i++) {
        snprintf(name, sizeof name, "mlp.experts.%d.", i);
        list_mlp(p, name, c->hidden_size, c->moe_intermediate_size);
    }
    p->part = PART_LANGUAGE;
    matrix(p, LISTED_ROUTER, "mlp.gate.weight", c->n_routed_experts, c->hidden_size);
    if (c->topk_method == TOPK_NOAUX)
        vector(p, LISTED_CORRECTION, "mlp.gate.e_score_correction_bias", c->n_routed_experts);
    if (c->n_shared_experts)
        list_mlp(p, "mlp.shared_experts.", c->hidden_size, (int64_t)c->moe_intermediate_size * c->n_shared_experts);
}

static void list_layer(TensorList *l, const LanguageConfig *c, int i)
{
    Place p = place(l, PART_LANGUAGE, "");
    snprintf(p.module, sizeof p.module, "language.model.layers.%d.", i);
    if (c->use_mla)
        list_mla(&p, c);
    else
        list_mha(&p, c);
    if (config_layer_is_moe(c, i))
        list_moe(&p, c);
    else
        list_mlp(&p, "mlp.", c->hidden_size, c->intermediate_size);
    norm(&p, "input_layernorm", c->hidden_size, false);
    norm(&p, "post_attention_layernorm", c->hidden_size, false);
}

static void list_language(TensorList *l, const LanguageConfig *c)
{
    const Place embeddings = place(l, PART_EMBEDDINGS, "language."), p = place(l, PART_LANGUAGE, "language.");
    matrix(&embeddings, LISTED_EMBEDDING, "model.embed_tokens.weight", c->vocab_size, c->hidden_size);
    for (int i = 0; i < c->n_layers; i++) list_layer(l, c, i);
    norm(&p, "model.norm", c->hidden_size, false);
    if (!c->tie_word_embeddings) matrix(&embeddings, LISTED_HEAD, "lm_head.weight", c->vocab_size, c->hidden_size);
}

/* ---- the whole ----------------------------------------------------------------------------------------------------- */

TensorList tensor_list(const Config *c)
{
    TensorList l = { 0 };
    const Place top = place(&l, PART_PROJECTOR, "");
    vector(&top, LISTED_EMBEDDING, "image_newline", c->projector.n_embed);
    vector(&top, LISTED_EMBEDDING, "view_seperator", c->projector.n_embed); /* spelled so in every checkpoint */
    list_vision(&l, &c->vision);
    list_projector(&l, &c->projector);
    list_language(&l, &c->language);
    return l;
}

void tensor_list_free(TensorList *l)
{
    free(l->tensor);
    *l = (TensorList){ 0 };
}

uint64_t listed_elements(const ListedTensor *t)
{
    uint64_t n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= (uint64_t)t->dim[i];
    return n;
}

uint64_t tensor_list_elements(const TensorList *l, TensorPart part)
{
    uint64_t n = 0;
    for (int i = 0; i < l->n; i++)
        if (part == PART_COUNT || l->tensor[i].part == part) n += listed_elements(&l->tensor[i]);
    return n;
}
