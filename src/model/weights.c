/* weights.c - the binding tables: one row for each kind of tensor, with the checkpoint's own name, where it goes, its shape,
 * and when it exists. Everything else here walks these tables. */
#include "model/weights.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/tensor_list.h"

/* All sizes that shapes are made of, so that a table can name them. */
typedef struct {
    int none, one, three;
    /* vision */
    int patch, patches, width, width2, width3, mlp_hidden;
    /* projector */
    int in, hidden, n_embed;
    /* language */
    int vocab, d_model, q_out, kv_out, o_in, d_ff, d_expert, d_shared, n_experts;
    int q_rank, kv_rank, kv_a_out, kv_b_out;
} Dims;

typedef enum { MATRIX, VECTOR } BindKind; /* where a Weight goes; where a Vector goes */

/* When a row holds: all of these are true of the model, or of the layer. */
enum {
    ALWAYS = 0,
    IF_MHA = 1,
    IF_MLA = 2,
    IF_Q_LORA = 4,
    IF_Q_FULL = 8,
    IF_BIAS = 16,
    IF_DENSE = 32,
    IF_MOE = 64,
    IF_SHARED = 128,
    IF_NOAUX = 256
};

typedef struct {
    const char *name;
    BindKind kind;
    ListedKind role; /* what it is for: tensor_list.h */
    unsigned when;
    size_t offset;  /* into the struct that the table belongs to */
    size_t dims[4]; /* offsets into Dims; a first one of `none` ends the list */
} Binding;

/* clang-format off */
#define D(x)               offsetof(Dims, x)
#define SHAPE1(a)          { D(a), D(none), D(none), D(none) }
#define SHAPE2(a, b)       { D(a), D(b), D(none), D(none) }
#define SHAPE3(a, b, c)    { D(a), D(b), D(c), D(none) }
#define SHAPE4(a, b, c, d) { D(a), D(b), D(c), D(d) }
#define V(field)           offsetof(VisionWeights, field)
#define B(field)           offsetof(VisionBlock, field)
#define L(field)           offsetof(Layer, field)
#define G(field)           offsetof(LanguageWeights, field)
#define P(field)           offsetof(ProjectorWeights, field)
/* clang-format on */

static const Binding vision_table[] = {
    { "vision.patch_embed.proj.weight", MATRIX, LISTED_MATRIX, ALWAYS, V(patch_embed.w),
      SHAPE4(width, three, patch, patch) },
    { "vision.patch_embed.proj.bias", VECTOR, LISTED_BIAS, ALWAYS, V(patch_embed.bias), SHAPE1(width) },
    { "vision.pos_embed", VECTOR, LISTED_EMBEDDING, ALWAYS, V(pos_embed), SHAPE3(one, patches, width) },
    { "vision.norm.weight", VECTOR, LISTED_NORM, ALWAYS, V(norm.w), SHAPE1(width) },
    { "vision.norm.bias", VECTOR, LISTED_BIAS, ALWAYS, V(norm.b), SHAPE1(width) },
};

static const Binding block_table[] = {
    { "norm1.weight", VECTOR, LISTED_NORM, ALWAYS, B(norm1.w), SHAPE1(width) },
    { "norm1.bias", VECTOR, LISTED_BIAS, ALWAYS, B(norm1.b), SHAPE1(width) },
    { "attn.qkv.weight", MATRIX, LISTED_MATRIX, ALWAYS, B(qkv.w), SHAPE2(width3, width) },
    { "attn.qkv.bias", VECTOR, LISTED_BIAS, ALWAYS, B(qkv.bias), SHAPE1(width3) },
    { "attn.proj.weight", MATRIX, LISTED_RESIDUAL, ALWAYS, B(proj.w), SHAPE2(width, width) },
    { "attn.proj.bias", VECTOR, LISTED_BIAS, ALWAYS, B(proj.bias), SHAPE1(width) },
    { "norm2.weight", VECTOR, LISTED_NORM, ALWAYS, B(norm2.w), SHAPE1(width) },
    { "norm2.bias", VECTOR, LISTED_BIAS, ALWAYS, B(norm2.b), SHAPE1(width) },
    { "mlp.fc1.weight", MATRIX, LISTED_MATRIX, ALWAYS, B(fc1.w), SHAPE2(mlp_hidden, width) },
    { "mlp.fc1.bias", VECTOR, LISTED_BIAS, ALWAYS, B(fc1.bias), SHAPE1(mlp_hidden) },
    { "mlp.fc2.weight", MATRIX, LISTED_RESIDUAL, ALWAYS, B(fc2.w), SHAPE2(width, mlp_hidden) },
    { "mlp.fc2.bias", VECTOR, LISTED_BIAS, ALWAYS, B(fc2.bias), SHAPE1(width) },
};

static const Binding separator_table[] = {
    { "image_newline", VECTOR, LISTED_EMBEDDING, ALWAYS, P(image_newline), SHAPE1(n_embed) },
    { "view_seperator", VECTOR, LISTED_EMBEDDING, ALWAYS, P(view_seperator), SHAPE1(n_embed) },
};

static const Binding linear_table[] = {
    /* one layer of the projector: its sizes are set in Dims for each */
    { "weight", MATRIX, LISTED_MATRIX, ALWAYS, offsetof(Linear, w), SHAPE2(hidden, in) },
    { "bias", VECTOR, LISTED_BIAS, ALWAYS, offsetof(Linear, bias), SHAPE1(hidden) },
};

static const Binding language_table[] = {
    { "language.model.embed_tokens.weight", MATRIX, LISTED_EMBEDDING, ALWAYS, G(embed), SHAPE2(vocab, d_model) },
    { "language.model.norm.weight", VECTOR, LISTED_NORM, ALWAYS, G(norm.w), SHAPE1(d_model) },
};
static const Binding head_table[] = {
    { "language.lm_head.weight", MATRIX, LISTED_HEAD, ALWAYS, G(head.w), SHAPE2(vocab, d_model) },
};

static const Binding layer_table[] = {
    { "input_layernorm.weight", VECTOR, LISTED_NORM, ALWAYS, L(attn_norm.w), SHAPE1(d_model) },
    { "post_attention_layernorm.weight", VECTOR, LISTED_NORM, ALWAYS, L(ffn_norm.w), SHAPE1(d_model) },

    { "self_attn.q_proj.weight", MATRIX, LISTED_MATRIX, IF_MHA, L(mha.q.w), SHAPE2(q_out, d_model) },
    { "self_attn.k_proj.weight", MATRIX, LISTED_MATRIX, IF_MHA, L(mha.k.w), SHAPE2(kv_out, d_model) },
    { "self_attn.v_proj.weight", MATRIX, LISTED_MATRIX, IF_MHA, L(mha.v.w), SHAPE2(kv_out, d_model) },
    { "self_attn.o_proj.weight", MATRIX, LISTED_RESIDUAL, IF_MHA, L(mha.o.w), SHAPE2(d_model, o_in) },
    { "self_attn.q_proj.bias", VECTOR, LISTED_BIAS, IF_MHA | IF_BIAS, L(mha.q.bias), SHAPE1(q_out) },
    { "self_attn.k_proj.bias", VECTOR, LISTED_BIAS, IF_MHA | IF_BIAS, L(mha.k.bias), SHAPE1(kv_out) },
    { "self_attn.v_proj.bias", VECTOR, LISTED_BIAS, IF_MHA | IF_BIAS, L(mha.v.bias), SHAPE1(kv_out) },
    { "self_attn.o_proj.bias", VECTOR, LISTED_BIAS, IF_MHA | IF_BIAS, L(mha.o.bias), SHAPE1(d_model) },

    { "self_attn.q_proj.weight", MATRIX, LISTED_MATRIX, IF_MLA | IF_Q_FULL, L(mla.q.w), SHAPE2(q_out, d_model) },
    { "self_attn.q_a_proj.weight", MATRIX, LISTED_MATRIX, IF_MLA | IF_Q_LORA, L(mla.q_a.w), SHAPE2(q_rank, d_model) },
    { "self_attn.q_a_proj.bias", VECTOR, LISTED_BIAS, IF_MLA | IF_Q_LORA | IF_BIAS, L(mla.q_a.bias), SHAPE1(q_rank) },
    { "self_attn.q_a_layernorm.weight", VECTOR, LISTED_NORM, IF_MLA | IF_Q_LORA, L(mla.q_norm.w), SHAPE1(q_rank) },
    { "self_attn.q_b_proj.weight", MATRIX, LISTED_MATRIX, IF_MLA | IF_Q_LORA, L(mla.q_b.w), SHAPE2(q_out, q_rank) },
    { "self_attn.kv_a_proj_with_mqa.weight", MATRIX, LISTED_MATRIX, IF_MLA, L(mla.kv_a.w), SHAPE2(kv_a_out, d_model) },
    { "self_attn.kv_a_proj_with_mqa.bias", VECTOR, LISTED_BIAS, IF_MLA | IF_BIAS, L(mla.kv_a.bias), SHAPE1(kv_a_out) },
    { "self_attn.kv_a_layernorm.weight", VECTOR, LISTED_NORM, IF_MLA, L(mla.kv_norm.w), SHAPE1(kv_rank) },
    { "self_attn.kv_b_proj.weight", MATRIX, LISTED_ABSORBED, IF_MLA, L(mla.kv_b.w), SHAPE2(kv_b_out, kv_rank) },
    { "self_attn.o_proj.weight", MATRIX, LISTED_RESIDUAL, IF_MLA, L(mla.o.w), SHAPE2(d_model, o_in) },
    { "self_attn.o_proj.bias", VECTOR, LISTED_BIAS, IF_MLA | IF_BIAS, L(mla.o.bias), SHAPE1(d_model) },

    { "mlp.gate_proj.weight", MATRIX, LISTED_MATRIX, IF_DENSE, L(mlp.gate.w), SHAPE2(d_ff, d_model) },
    { "mlp.up_proj.weight", MATRIX, LISTED_MATRIX, IF_DENSE, L(mlp.up.w), SHAPE2(d_ff, d_model) },
    { "mlp.down_proj.weight", MATRIX, LISTED_RESIDUAL, IF_DENSE, L(mlp.down.w), SHAPE2(d_model, d_ff) },

    { "mlp.gate.weight", MATRIX, LISTED_ROUTER, IF_MOE, L(moe.gate.w), SHAPE2(n_experts, d_model) },
    { "mlp.gate.e_score_correction_bias", VECTOR, LISTED_CORRECTION, IF_MOE | IF_NOAUX, L(moe.router.correction_bias),
      SHAPE1(n_experts) },
    { "mlp.shared_experts.gate_proj.weight", MATRIX, LISTED_MATRIX, IF_MOE | IF_SHARED, L(moe.shared.gate.w),
      SHAPE2(d_shared, d_model) },
    { "mlp.shared_experts.up_proj.weight", MATRIX, LISTED_MATRIX, IF_MOE | IF_SHARED, L(moe.shared.up.w),
      SHAPE2(d_shared, d_model) },
    { "mlp.shared_experts.down_proj.weight", MATRIX, LISTED_RESIDUAL, IF_MOE | IF_SHARED, L(moe.shared.down.w),
      SHAPE2(d_model, d_shared) },
};

static const Binding expert_table[] = {
    { "gate_proj.weight", MATRIX, LISTED_MATRIX, ALWAYS, offsetof(Expert, gate), SHAPE2(d_expert, d_model) },
    { "up_proj.weight", MATRIX, LISTED_MATRIX, ALWAYS, offsetof(Expert, up), SHAPE2(d_expert, d_model) },
    { "down_proj.weight", MATRIX, LISTED_RESIDUAL, ALWAYS, offsetof(Expert, down), SHAPE2(d_model, d_expert) },
};

/* The pooling head of the vision tower (ignore_head): in every checkpoint, used by nothing. Listed, never bound. */
static const Binding pool_table[] = {
    { "latent", VECTOR, LISTED_EMBEDDING, ALWAYS, 0, SHAPE3(one, one, width) },
    { "q.weight", MATRIX, LISTED_MATRIX, ALWAYS, 0, SHAPE2(width, width) },
    { "q.bias", VECTOR, LISTED_BIAS, ALWAYS, 0, SHAPE1(width) },
    { "kv.weight", MATRIX, LISTED_MATRIX, ALWAYS, 0, SHAPE2(width2, width) },
    { "kv.bias", VECTOR, LISTED_BIAS, ALWAYS, 0, SHAPE1(width2) },
    { "proj.weight", MATRIX, LISTED_MATRIX, ALWAYS, 0, SHAPE2(width, width) },
    { "proj.bias", VECTOR, LISTED_BIAS, ALWAYS, 0, SHAPE1(width) },
    { "norm.weight", VECTOR, LISTED_NORM, ALWAYS, 0, SHAPE1(width) },
    { "norm.bias", VECTOR, LISTED_BIAS, ALWAYS, 0, SHAPE1(width) },
    { "mlp.fc1.weight", MATRIX, LISTED_MATRIX, ALWAYS, 0, SHAPE2(mlp_hidden, width) },
    { "mlp.fc1.bias", VECTOR, LISTED_BIAS, ALWAYS, 0, SHAPE1(mlp_hidden) },
    { "mlp.fc2.weight", MATRIX, LISTED_MATRIX, ALWAYS, 0, SHAPE2(width, mlp_hidden) },
    { "mlp.fc2.bias", VECTOR, LISTED_BIAS, ALWAYS, 0, SHAPE1(width) },
};
static const char pool_prefix[] = "vision.attn_pool.";

/* The pooling head, and buffers of old exports. */
static bool is_unused(const char *name)
{
    return str_starts(name, pool_prefix) || str_ends(name, ".rotary_emb.inv_freq");
}

/* ---- walking the tables ---- */

/* Binds the tables to files, or writes what they say to a list, or shows what they were bound to. */
typedef struct {
    const TensorFiles *files;
    TensorList *list;          /* NULL: bind */
    ParameterVisitor *visitor; /* NULL: bind */
    void *context;
    Arena *arena;
    Dims dims;
    bool *used; /* [tensor_files_count] */
    Error *e;
} Binder;

static void write_shape(const int64_t *dim, int n, char *out, size_t size)
{
    size_t at = 0;
    at += (size_t)snprintf(out, size, "[");
    for (int i = 0; i < n && at < size; i++)
        at += (size_t)snprintf(out + at, size - at, i ? ", %lld" : "%lld", (long long)dim[i]);
    if (at < size) snprintf(out + at, size - at, "]");
}

static int shape_of(const Binder *b, const Binding *row, int64_t dim[4])
{
    int n = 0;
    for (; n < 4 && row->dims[n] != D(none); n++) dim[n] = *(const int *)((const char *)&b->dims + row->dims[n]);
    return n;
}

bool tensor_fits(const FileTensor *t, const int64_t *want, int n)
{
    int64_t row = want[n - 1];
    if (dtype_is_quantised(t->dtype) && n == 2) row = (row + QUANT_BLOCK - 1) / QUANT_BLOCK * QUANT_BLOCK;
    return t->n_dims == n && memcmp(t->dim, want, (size_t)(n - 1) * sizeof *want) == 0 && t->dim[n - 1] == row;
}

/* What types a tensor of n dimensions may have: those before the result. Strips of rows only where products alone read it. */
static DType types_of(const Binding *row, int n)
{
    if (row->kind != MATRIX || n != 2) return DT_PLAIN_TYPES;
    return row->role == LISTED_EMBEDDING || row->role == LISTED_ABSORBED ? DT_ROW_TYPES : DT_MATRIX_TYPES;
}

static const FileTensor *find(Binder *b, const char *name, const Binding *row)
{
    int64_t want[4];
    const int n = shape_of(b, row, want);
    const FileTensor *t = tensor_files_find(b->files, name);
    char found[160], expected[160];
    write_shape(want, n, expected, sizeof expected);
    if (!t) {
        fail(b->e, ERR_FORMAT, "tensor %s is missing, expected %s", name, expected);
        return NULL;
    }
    b->used[tensor_files_index(b->files, t)] = true;
    if (!tensor_fits(t, want, n)) {
        write_shape(t->dim, t->n_dims, found, sizeof found);
        fail(b->e, ERR_FORMAT, "%s: %s is %s, config.json says %s", t->file, name, found, expected);
        return NULL;
    }
    if (t->dtype >= types_of(row, n)) {
        fail(b->e, ERR_FORMAT, "%s: %s is %s, expected F32, BF16 or F16%s", t->file, name, dtype_name(t->dtype),
             types_of(row, n) > DT_PLAIN_TYPES ? ", or Q8_0, Q4_0 or IQ4_NL" : "");
        return NULL;
    }
    return t;
}

static void widen(float *to, const unsigned char *from, DType dtype, size_t n)
{
    if (dtype == DT_F32) memcpy(to, from, n * sizeof *to);
    for (size_t i = 0; dtype != DT_F32 && i < n; i++) {
        uint16_t half;
        memcpy(&half, from + 2 * i, 2);
        to[i] = dtype == DT_BF16 ? bf16_to_f32(half) : f16_to_f32(half);
    }
}

static bool list_row(Binder *b, const char *name, const Binding *row)
{
    int64_t dim[4];
    tensor_list_add(b->list, name, row->role, shape_of(b, row, dim), dim);
    return true;
}

static bool visit_row(Binder *b, const char *name, const Binding *row, void *object)
{
    void *place = (char *)object + row->offset;
    ParameterSlot slot = { .name = name, .is_correction = row->role == LISTED_CORRECTION };
    slot.n_dims = shape_of(b, row, slot.dim);
    if (row->kind == MATRIX)
        slot.matrix = place;
    else
        slot.vector = place;
    return b->visitor(b->context, &slot);
}

static bool bind_row(Binder *b, const char *name, const Binding *row, void *object)
{
    if (b->list) return list_row(b, name, row);
    if (b->visitor) return visit_row(b, name, row, object);
    const FileTensor *t = find(b, name, row);
    if (!t) return false;
    int64_t dim[4];
    const int n_dims = shape_of(b, row, dim);
    size_t n = 1;
    for (int i = 0; i < n_dims; i++) n *= (size_t)dim[i]; /* within the file: cannot overflow */
    if (row->kind == MATRIX) {
        *(Weight *)(void *)((char *)object + row->offset) =
            (Weight){ .data = t->data, .dtype = t->dtype, .rows = (int)dim[0], .cols = (int)(n / (size_t)dim[0]) };
        return true;
    }
    float *copy = arena_try(b->arena, n * sizeof *copy);
    if (!copy) return fail(b->e, ERR_MEMORY, "%s: no room for %zu values", name, n);
    widen(copy, t->data, t->dtype, n);
    *(Vector *)(void *)((char *)object + row->offset) = (Vector){ .data = copy };
    return true;
}

/* Binds the rows of a table that hold under `flags`, with `prefix` in front of their names. */
static bool bind_table(Binder *b, const char *prefix, const Binding *table, size_t n, unsigned flags, void *object)
{
    for (size_t i = 0; i < n; i++) {
        char name[160];
        if ((table[i].when & flags) != table[i].when) continue;
        snprintf(name, sizeof name, "%s%s", prefix, table[i].name);
        if (!bind_row(b, name, &table[i], object)) return false;
    }
    return true;
}
#define BIND(b, prefix, table, flags, object)                                                                          \
    bind_table(b, prefix, table, sizeof table / sizeof table[0], flags, object)

/* Room for n structs of bindings; those that are bound already (`have`) stay. */
static void *arena_array(Binder *b, void *have, int n, size_t size)
{
    if (b->visitor) return have;
    void *p = arena_try(b->arena, (size_t)n * size); /* n from the config, which limits it */
    if (p)
        memset(p, 0, (size_t)n * size);
    else
        fail(b->e, ERR_MEMORY, "no room for %d x %zu bytes of bindings", n, size);
    return p;
}

static Dims dims_of(const Config *c)
{
    const LanguageConfig *l = &c->language;
    const VisionConfig *v = &c->vision;
    const int q_head = l->use_mla ? l->qk_nope_head_dim + l->qk_rope_head_dim : l->head_dim;
    return (Dims){
        .one = 1,
        .three = 3,
        .patch = v->patch_size,
        .patches = v->grid * v->grid,
        .width = v->width,
        .width2 = 2 * v->width,
        .width3 = 3 * v->width,
        .mlp_hidden = v->mlp_hidden,
        .n_embed = c->projector.n_embed,
        .vocab = l->vocab_size,
        .d_model = l->hidden_size,
        .q_out = l->n_heads * q_head,
        .kv_out = l->n_kv_heads * l->head_dim,
        .o_in = l->n_heads * (l->use_mla ? l->v_head_dim : l->head_dim),
        .d_ff = l->intermediate_size,
        .d_expert = l->moe_intermediate_size,
        .d_shared = l->moe_intermediate_size * l->n_shared_experts,
        .n_experts = l->n_routed_experts,
        .q_rank = l->q_lora_rank,
        .kv_rank = l->kv_lora_rank,
        .kv_a_out = l->kv_lora_rank + l->qk_rope_head_dim,
        .kv_b_out = l->n_heads * (l->qk_nope_head_dim + l->v_head_dim),
    };
}

static bool bind_vision(Binder *b, VisionWeights *w, const VisionConfig *c)
{
    const float eps = 1e-6f; /* of every LayerNorm of the tower, whatever the config says */
    if (!BIND(b, "", vision_table, ALWAYS, w)) return false;
    w->norm.eps = eps;
    w->block = arena_array(b, w->block, c->layers, sizeof *w->block);
    if (!w->block) return false;
    for (int i = 0; i < c->layers; i++) {
        char prefix[64];
        snprintf(prefix, sizeof prefix, "vision.blocks.%d.", i);
        if (!BIND(b, prefix, block_table, ALWAYS, &w->block[i])) return false;
        w->block[i].norm1.eps = w->block[i].norm2.eps = eps;
    }
    return true;
}

static int projector_layers(const ProjectorConfig *c)
{
    switch (c->kind) {
    case PROJECTOR_IDENTITY: return 0;
    case PROJECTOR_LINEAR: return 1;
    case PROJECTOR_MLP_GELU: return c->depth;
    case PROJECTOR_DOWNSAMPLE_MLP_GELU:
        return c->depth < 2 ? 2 : c->depth; /* the official code always adds the last one */
    }
    return 0;
}

static bool bind_projector(Binder *b, ProjectorWeights *w, const ProjectorConfig *c)
{
    const bool down = c->kind == PROJECTOR_DOWNSAMPLE_MLP_GELU;
    if (!BIND(b, "", separator_table, ALWAYS, w)) return false;
    w->n_layers = projector_layers(c);
    w->layer = arena_array(b, w->layer, w->n_layers, sizeof *w->layer);
    if (!w->layer) return false;
    for (int i = 0; i < w->n_layers; i++) {
        char prefix[64];
        const int inner = down ? c->n_embed * c->mlp_ratio : c->n_embed;
        b->dims.in = i > 0 ? inner : c->input_dim * (down ? c->downsample_ratio * c->downsample_ratio : 1);
        b->dims.hidden = i == w->n_layers - 1 ? c->n_embed : inner;
        if (c->kind == PROJECTOR_LINEAR)
            snprintf(prefix, sizeof prefix, "projector.layers.");
        else
            snprintf(prefix, sizeof prefix, "projector.layers.%d.", 2 * i);
        if (!BIND(b, prefix, linear_table, ALWAYS, &w->layer[i])) return false;
    }
    return true;
}

/* Puts an f32 copy in the place of a matrix. */
static bool make_f32(Binder *b, Weight *w)
{
    const size_t cols = (size_t)w->cols, stride = weight_stride(w);
    if (w->dtype == DT_F32) return true;
    float *copy = arena_try(b->arena, (size_t)w->rows * cols * sizeof *copy);
    if (!copy) return fail(b->e, ERR_MEMORY, "no room for a matrix of %d x %d weights as f32", w->rows, w->cols);
    const Kernels *k = kernels_get(CPU_SCALAR);
    for (size_t i = 0; i < (size_t)w->rows; i++)
        k->to_f32[w->dtype](copy + i * cols, (const unsigned char *)w->data + i * stride, w->cols);
    *w = (Weight){ .data = copy, .dtype = DT_F32, .rows = w->rows, .cols = w->cols };
    return true;
}

/* An expert's input is prepared once, for one number type. Experts of several types in one layer, which no published file
 * has, become f32 copies; quantised ones would grow eightfold and are refused. */
static bool unify_experts(Binder *b, const char *prefix, Expert *x, int n)
{
    bool same = true, quantised = false, ok = true;
    for (int i = 0; i < n; i++) {
        const DType type[] = { x[i].gate.dtype, x[i].up.dtype, x[i].down.dtype };
        for (int k = 0; k < 3; k++) {
            same &= type[k] == x[0].gate.dtype;
            quantised |= dtype_is_quantised(type[k]);
        }
    }
    if (!same && quantised)
        return fail(b->e, ERR_UNSUPPORTED, "%smlp.experts have several types, expected one where they are quantised",
                    prefix);
    for (int i = 0; i < n && ok && !same; i++)
        ok = make_f32(b, &x[i].gate) && make_f32(b, &x[i].up) && make_f32(b, &x[i].down);
    return ok;
}

static bool bind_moe(Binder *b, const char *prefix, Moe *m, const LanguageConfig *c)
{
    m->router = (Router){ .n_experts = c->n_routed_experts,
                          .top_k = c->top_k,
                          .n_group = c->n_group,
                          .topk_group = c->topk_group,
                          .method = c->topk_method == TOPK_NOAUX           ? ROUTE_NOAUX
                                    : c->topk_method == TOPK_GROUP_LIMITED ? ROUTE_GROUP_LIMITED
                                                                           : ROUTE_GREEDY,
                          .sigmoid = c->scoring == SCORING_SIGMOID,
                          .norm_topk_prob = c->norm_topk_prob,
                          .scaling_factor = (float)c->routed_scaling_factor,
                          .balance_alpha = (float)c->aux_loss_alpha,
                          .balance_by_sequence = c->seq_aux,
                          .correction_bias = m->router.correction_bias };
    m->expert = arena_array(b, m->expert, c->n_routed_experts, sizeof *m->expert);
    if (!m->expert) return false;
    for (int i = 0; i < c->n_routed_experts; i++) {
        char name[96];
        snprintf(name, sizeof name, "%smlp.experts.%d.", prefix, i);
        if (!BIND(b, name, expert_table, ALWAYS, &m->expert[i])) return false;
    }
    return b->list || b->visitor || unify_experts(b, prefix, m->expert, c->n_routed_experts);
}

static bool bind_layer(Binder *b, int i, Layer *l, const LanguageConfig *c)
{
    char prefix[64];
    snprintf(prefix, sizeof prefix, "language.model.layers.%d.", i);
    l->is_moe = config_layer_is_moe(c, i);
    const unsigned flags = (c->use_mla ? IF_MLA : IF_MHA) | (c->q_lora_rank ? IF_Q_LORA : IF_Q_FULL) |
                           (c->attention_bias ? IF_BIAS : 0u) | (l->is_moe ? IF_MOE : IF_DENSE) |
                           (c->n_shared_experts ? IF_SHARED : 0u) | (c->topk_method == TOPK_NOAUX ? IF_NOAUX : 0u);
    if (!BIND(b, prefix, layer_table, flags, l)) return false;
    l->attn_norm.eps = l->ffn_norm.eps = (float)c->rms_norm_eps;
    l->mla.q_norm.eps = l->mla.kv_norm.eps = 1e-6f; /* these two do not follow rms_norm_eps */
    return !l->is_moe || bind_moe(b, prefix, &l->moe, c);
}

static bool bind_language(Binder *b, LanguageWeights *w, const LanguageConfig *c)
{
    const bool tied = w->head.w.data == w->embed.data; /* when visiting */
    if (!BIND(b, "", language_table, ALWAYS, w)) return false;
    w->norm.eps = (float)c->rms_norm_eps;
    /* A head of its own is used even where the config ties it: the official loader never ties the two again. */
    const bool has_head =
        b->visitor ? !tied : !c->tie_word_embeddings || (b->files && tensor_files_find(b->files, head_table[0].name));
    if (!has_head)
        w->head.w = w->embed;
    else if (!BIND(b, "", head_table, ALWAYS, w))
        return false;
    w->layer = arena_array(b, w->layer, c->n_layers, sizeof *w->layer);
    if (!w->layer) return false;
    for (int i = 0; i < c->n_layers; i++)
        if (!bind_layer(b, i, &w->layer[i], c)) return false;
    return true;
}

/* Every tensor of the files is one that was bound, or a known unused one. */
static bool account(const Binder *b, Weights *w)
{
    for (int i = 0; i < tensor_files_count(b->files); i++) {
        const FileTensor *t = tensor_files_at(b->files, i);
        const uint64_t n = file_tensor_elements(t);
        w->n_parameters += n;
        if (b->used[i]) continue;
        if (!is_unused(t->name))
            return fail(b->e, ERR_FORMAT, "%s: tensor %s is not one that config.json asks for", t->file, t->name);
        w->n_unused += n;
    }
    return true;
}

static bool walk(Binder *b, Weights *w, const Config *c)
{
    b->dims = dims_of(c);
    return bind_language(b, &w->language, &c->language) && bind_vision(b, &w->vision, &c->vision) &&
           bind_projector(b, &w->projector, &c->projector);
}

bool weights_bind(Weights *w, const TensorFiles *files, const Config *c, Arena *arena, Error *e)
{
    *w = (Weights){ 0 };
    Binder b = { .files = files, .arena = arena, .e = e };
    b.used = xcalloc((size_t)tensor_files_count(files), sizeof(bool));
    const bool ok = walk(&b, w, c) && account(&b, w);
    free(b.used);
    return ok;
}

bool weights_visit(Weights *w, const Config *c, ParameterVisitor *visitor, void *context, Error *e)
{
    Binder b = { .visitor = visitor, .context = context, .e = e };
    return walk(&b, w, c);
}

bool tensor_list(TensorList *l, const Config *c, Error *e)
{
    Weights w = { 0 };
    Arena arena;
    *l = (TensorList){ 0 };
    if (!arena_open(&arena, 256u << 20, e)) return false;
    Binder b = { .list = l, .arena = &arena, .e = e };
    const bool ok = walk(&b, &w, c) && BIND(&b, pool_prefix, pool_table, ALWAYS, NULL);
    arena_close(&arena);
    if (!ok) tensor_list_free(l);
    return ok;
}
