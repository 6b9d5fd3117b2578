/* weights.h - the parameters of the three parts, bound once to the tensors of a checkpoint.
 *
 * Matrices stay in the mapped files in their own number type; vectors (norms, biases, position table, newline, separator,
 * correction bias) are copied to f32. After binding nothing looks up a tensor by name. */
#ifndef VL2_MODEL_WEIGHTS_H
#define VL2_MODEL_WEIGHTS_H

#include "base/arena.h"
#include "format/safetensors.h"
#include "model/config.h"
#include "nn/ops.h"

/* ---- vision: SigLIP ---- */
typedef struct {
    Norm norm1, norm2;
    Linear qkv, proj, fc1, fc2;
} VisionBlock;

typedef struct {
    Linear patch_embed; /* [width, 3 * patch * patch] */
    Vector pos_embed;   /* [patches, width] */
    VisionBlock *block;
    Norm norm;
} VisionWeights;

/* ---- projector ---- */
typedef struct {
    Linear *layer;
    int n_layers;
    Vector image_newline, view_seperator; /* [n_embed]; the misspelling is the checkpoints' */
} ProjectorWeights;

/* ---- language: DeepSeek-V2 ---- */
typedef struct {
    Linear q, k, v, o;
} Mha;

typedef struct {
    Linear q;        /* without q_lora_rank: [n_heads * (d_nope + d_rope), d_model] */
    Linear q_a, q_b; /* with it */
    Linear kv_a;     /* [kv_rank + d_rope, d_model] */
    Linear kv_b;     /* [n_heads * (d_nope + d_v), kv_rank] */
    Linear o;
    Norm q_norm, kv_norm;
} Mla;

typedef struct {
    Linear gate, up, down;
} Mlp;

typedef struct {
    Linear gate; /* [n_experts, d_model]: the router */
    Router router;
    Expert *expert;
    Mlp shared; /* present when n_shared_experts > 0 */
} Moe;

typedef struct {
    Norm attn_norm, ffn_norm;
    Mha mha;
    Mla mla;
    bool is_moe;
    Mlp mlp; /* dense layers */
    Moe moe;
} Layer;

typedef struct {
    Weight embed;
    Layer *layer;
    Norm norm;
    Linear head;
} LanguageWeights;

typedef struct {
    VisionWeights vision;
    ProjectorWeights projector;
    LanguageWeights language;
    uint64_t n_parameters; /* of all tensors of the files, the unused pooling head included */
    uint64_t n_unused;     /* of those, parameters that nothing uses */
} Weights;

/* A parameter of a bound model: its published name and shape, and the place in Weights that holds it. */
typedef struct {
    const char *name;
    int n_dims;
    int64_t dim[4];
    bool is_correction; /* e_score_correction_bias: no gradient reaches it */
    Weight *matrix;     /* one of these two */
    Vector *vector;
} ParameterSlot;
typedef bool ParameterVisitor(void *context, const ParameterSlot *slot);

/* Shows every parameter that is used, in the order of the tables, until the visitor returns false. It may change what is in
 * the places; a tied head follows the embedding. */
bool weights_visit(Weights *w, const Config *c, ParameterVisitor *visitor, void *context, Error *e);

/* The shape is the expected one; of a quantised matrix [rows, cols] the row may be filled up to whole blocks. */
bool tensor_fits(const FileTensor *t, const int64_t *want, int n);

/* Binds every parameter that the config asks for; a missing, unknown, mis-shaped or mis-typed tensor is named. The result
 * points into `files` and `arena`, which must outlive it. */
bool weights_bind(Weights *w, const TensorFiles *files, const Config *c, Arena *arena, Error *e);

#endif
