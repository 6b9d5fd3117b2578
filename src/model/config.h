/* config.h - what config.json and processor_config.json say, with the official class defaults for what they leave out
 * (golden/README section 5.11 lists them; base leaves out layers, heads and the kv rank). Checked: every size is in a
 * sane range, and what does not fit together is an error that names the keys. */
#ifndef VL2_MODEL_CONFIG_H
#define VL2_MODEL_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "format/model_source.h"
#include "image/tile.h"
#include "text/chat.h"

typedef enum { TOPK_GREEDY, TOPK_GROUP_LIMITED, TOPK_NOAUX } TopkMethod;
typedef enum { SCORING_SOFTMAX, SCORING_SIGMOID } Scoring;
typedef enum { ROPE_PLAIN, ROPE_LINEAR, ROPE_DYNAMIC, ROPE_YARN } RopeKind;
typedef enum { PROJECTOR_DOWNSAMPLE_MLP_GELU, PROJECTOR_MLP_GELU, PROJECTOR_LINEAR, PROJECTOR_IDENTITY } ProjectorKind;

typedef struct {
    RopeKind kind;
    double theta;
    double factor;                        /* linear, dynamic, yarn */
    double beta_fast, beta_slow;          /* yarn */
    double mscale;                        /* yarn */
    double mscale_all_dim;                /* yarn; of MLA's softmax: linear, dynamic, too */
    int original_max_position_embeddings; /* yarn */
    int max_position_embeddings;          /* dynamic */
} RopeConfig;

typedef struct {
    int vocab_size, hidden_size, intermediate_size, n_layers, n_heads, n_kv_heads;
    bool use_mla, attention_bias, tie_word_embeddings;
    int kv_lora_rank, q_lora_rank;                      /* MLA; q_lora_rank 0: none */
    int qk_nope_head_dim, qk_rope_head_dim, v_head_dim; /* MLA */
    int head_dim;                                       /* MHA: hidden_size / n_heads */
    int n_routed_experts, n_shared_experts, top_k;      /* 0: none */
    int moe_intermediate_size, first_k_dense_replace, moe_layer_freq;
    int n_group, topk_group; /* 1, 1 when the file has none */
    TopkMethod topk_method;
    Scoring scoring;
    bool norm_topk_prob;
    double routed_scaling_factor, aux_loss_alpha, rms_norm_eps;
    bool seq_aux;
    int max_position_embeddings;
    int bos_token_id, eos_token_id;
    RopeConfig rope;
} LanguageConfig;

typedef struct {
    int image_size, patch_size, width, layers, heads;
    int mlp_hidden; /* (int)(width * mlp_ratio) */
    int grid;       /* image_size / patch_size patches a side, floored */
} VisionConfig;

typedef struct {
    ProjectorKind kind;
    int input_dim, n_embed, depth, mlp_ratio, downsample_ratio;
    int grid; /* projected tokens a side: ceil(vision grid / downsample_ratio) */
} ProjectorConfig;

typedef struct {
    Size *candidate;
    int n_candidates;
    int image_size; /* candidate[0].w: the side of a tile */
    int patch_size, downsample_ratio;
    double image_mean[3], image_std[3];
    Colour around; /* image_mean as bytes: what stands beside a picture that does not fill its view */
    bool mask_prompt, normalize;
    char *pad_token;
    ChatTemplate sft_format;
} ProcessorConfig;

typedef struct {
    LanguageConfig language;
    VisionConfig vision;
    ProjectorConfig projector;
    ProcessorConfig processor;
    bool global_view_first; /* global_view_pos "head" */
    char *torch_dtype;      /* as written, for `info`; may be NULL */
} Config;

/* Reads config.json and processor_config.json (when that one is missing: the values in config.json and the built-in rest).
 * A DeepSeek-OCR checkpoint, which carries the same model_type, is refused by name. */
bool config_read(Config *c, const ModelSource *source, Error *e);
bool config_load(Config *c, const char *path, Error *e); /* the same for a folder or GGUF that is not open */
/* The same from parsed files; processor may be NULL. The two `where` begin the messages. On failure *c is empty. */
bool config_from_json(Config *c, const json_t *config, const char *where, const json_t *processor,
                      const char *processor_where, Error *e);
void config_free(Config *c);

/* Layer i is MoE: routed experts exist, i >= first_k_dense_replace and i % moe_layer_freq == 0. */
bool config_layer_is_moe(const LanguageConfig *c, int i);

#endif
