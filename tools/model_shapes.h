/* model_shapes.h - the JSON that make_model begins with: the three published architectures with exactly the keys that
 * their config.json has (what is absent is part of the format), micro ones for tests, and a tokenizer to fill. Also read
 * by tests. In a header of its own because formatting C would cut its long strings. */
#ifndef VL2_TOOLS_MODEL_SHAPES_H
#define VL2_TOOLS_MODEL_SHAPES_H

#include <jansson.h>
#include <string.h>

#define JSON_TEXT(...) #__VA_ARGS__

typedef struct {
    const char *name;
    const char *torch_dtype;
    /* Texts of objects; a later one overrides. */
    const char *language[3];
    const char *vision[3];
} ModelShape;

/* What the published files have in common. */
static const char COMMON_LANGUAGE[] = JSON_TEXT({
    "architectures": ["DeepseekV2ForCausalLM"],
    "auto_map": {
        "AutoConfig": "configuration_deepseek.DeepseekV2Config",
        "AutoModel": "modeling_deepseek.DeepseekV2Model",
        "AutoModelForCausalLM": "modeling_deepseek.DeepseekV2ForCausalLM"
    },
    "first_k_dense_replace": 1,
    "max_position_embeddings": 4096,
    "model_type": "deepseek_v2",
    "n_group": 1,
    "n_shared_experts": 2,
    "q_lora_rank": null,
    "topk_group": 1
});
static const char COMMON_VISION[] = JSON_TEXT({
    "layers": 27,
    "mlp_ratio": 3.7362,
    "model_name": "siglip_so400m_patch14_384",
    "model_type": "vision",
    "patch_size": 14,
    "width": 1152
});

/* Candidate resolutions in tiles (width, height), in the published order: on a tie the earlier one wins. */
static const int CANDIDATE_TILES[][2] = {
    { 1, 1 }, { 1, 2 }, { 2, 1 }, { 1, 3 }, { 3, 1 }, { 1, 4 }, { 4, 1 }, { 2, 2 }, { 1, 5 }, { 5, 1 }, { 1, 6 }, { 6, 1 },
    { 2, 3 }, { 3, 2 }, { 1, 7 }, { 7, 1 }, { 1, 8 }, { 8, 1 }, { 2, 4 }, { 4, 2 }, { 1, 9 }, { 9, 1 }, { 3, 3 },
};

static const char MICRO_LANGUAGE[] = JSON_TEXT({
    "bos_token_id": 0, "eos_token_id": 1, "hidden_size": 64, "intermediate_size": 160, "lm_head": true,
    "moe_intermediate_size": 48, "n_routed_experts": 8, "num_attention_heads": 4, "num_experts_per_tok": 3,
    "num_hidden_layers": 4, "num_key_value_heads": 4, "rm_head": false, "vocab_size": 600
});
static const char MICRO_VISION[] = JSON_TEXT({ "heads": 4, "layers": 3, "width": 48 });

static const ModelShape MODEL_SHAPES[] = {
    { "tiny", "bfloat16",
      { COMMON_LANGUAGE, JSON_TEXT({
          "bos_token_id": 0, "eos_token_id": 1, "hidden_size": 1280, "intermediate_size": 6848, "kv_lora_rank": null,
          "lm_head": true, "moe_intermediate_size": 896, "n_routed_experts": 64, "num_attention_heads": 10,
          "num_experts_per_tok": 6, "num_hidden_layers": 12, "num_key_value_heads": 10, "qk_nope_head_dim": 0,
          "qk_rope_head_dim": 0, "rm_head": false, "topk_method": "greedy", "use_mla": false, "v_head_dim": 0,
          "vocab_size": 129280
      }) },
      { COMMON_VISION } },
    { "small", "bfloat16",
      { COMMON_LANGUAGE, JSON_TEXT({
          "bos_token_id": 100000, "eos_token_id": 100001, "hidden_size": 2048, "intermediate_size": 10944,
          "kv_lora_rank": 512, "moe_intermediate_size": 1408, "n_routed_experts": 64, "num_attention_heads": 16,
          "num_experts_per_tok": 6, "num_hidden_layers": 27, "num_key_value_heads": 16, "qk_nope_head_dim": 128,
          "qk_rope_head_dim": 64, "topk_method": "greedy", "v_head_dim": 128, "vocab_size": 102400
      }) },
      { COMMON_VISION } },
    { "base", "bfloat16",
      { COMMON_LANGUAGE, JSON_TEXT({
          "bos_token_id": 0, "eos_token_id": 1, "hidden_size": 2560, "intermediate_size": 12288, "lm_head": false,
          "moe_intermediate_size": 1536, "n_routed_experts": 72, "norm_topk_prob": true, "num_experts_per_tok": 6,
          "rm_head": false, "routed_scaling_factor": 2.0, "scoring_func": "sigmoid", "topk_method": "noaux_tc",
          "vocab_size": 129280
      }) },
      { COMMON_VISION } },
    /* tiny at a tenth of a billion parameters: what training is measured with. */
    { "tiny-0.1b", "float32",
      { COMMON_LANGUAGE, JSON_TEXT({
          "bos_token_id": 0, "eos_token_id": 1, "hidden_size": 640, "intermediate_size": 1792, "kv_lora_rank": null,
          "lm_head": true, "moe_intermediate_size": 320, "n_routed_experts": 16, "num_attention_heads": 5,
          "num_experts_per_tok": 4, "num_hidden_layers": 6, "num_key_value_heads": 5, "qk_nope_head_dim": 0,
          "qk_rope_head_dim": 0, "rm_head": false, "topk_method": "greedy", "use_mla": false, "v_head_dim": 0,
          "vocab_size": 24576
      }) },
      { COMMON_VISION, JSON_TEXT({ "heads": 4, "layers": 3, "width": 48 }) } },
    /* The model that comes with vl2. */
    { "default", "bfloat16",
      { COMMON_LANGUAGE, JSON_TEXT({
          "aux_loss_alpha": 0.001, "bos_token_id": 0, "eos_token_id": 1, "hidden_size": 192, "intermediate_size": 512,
          "kv_lora_rank": 64, "lm_head": true, "max_position_embeddings": 2048, "moe_intermediate_size": 128,
          "n_routed_experts": 8, "n_shared_experts": 1, "num_attention_heads": 6, "num_experts_per_tok": 2,
          "num_hidden_layers": 6, "num_key_value_heads": 6, "qk_nope_head_dim": 32, "qk_rope_head_dim": 16,
          "rm_head": false, "seq_aux": true, "topk_method": "greedy", "v_head_dim": 32, "vocab_size": 704
      }) },
      { COMMON_VISION, JSON_TEXT({ "heads": 4, "image_size": 112, "layers": 4, "mlp_ratio": 4, "width": 128 }) } },
    { "micro-mha", "bfloat16",
      { COMMON_LANGUAGE, MICRO_LANGUAGE, JSON_TEXT({
          "kv_lora_rank": null, "qk_nope_head_dim": 0, "qk_rope_head_dim": 0, "topk_method": "greedy",
          "use_mla": false, "v_head_dim": 0
      }) },
      { COMMON_VISION, MICRO_VISION } },
    { "micro-mla", "bfloat16",
      { COMMON_LANGUAGE, MICRO_LANGUAGE, JSON_TEXT({
          "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "topk_method": "greedy",
          "v_head_dim": 16
      }) },
      { COMMON_VISION, MICRO_VISION } },
    { "micro-noaux", "bfloat16",
      { COMMON_LANGUAGE, MICRO_LANGUAGE, JSON_TEXT({
          "kv_lora_rank": 32, "qk_nope_head_dim": 16, "qk_rope_head_dim": 8, "topk_method": "noaux_tc",
          "v_head_dim": 24, "norm_topk_prob": true, "routed_scaling_factor": 2.0, "scoring_func": "sigmoid"
      }) },
      { COMMON_VISION, MICRO_VISION, JSON_TEXT({ "image_size": 112 }) } },
};
enum { MODEL_SHAPES_COUNT = sizeof MODEL_SHAPES / sizeof *MODEL_SHAPES };

/* A tokenizer in the structure of the 129280 family with an empty vocabulary, nothing merged and nothing added. */
static const char EMPTY_TOKENIZER[] = JSON_TEXT({
    "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
    "normalizer": { "type": "Sequence", "normalizers": [] },
    "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
        { "type": "Split", "pattern": { "Regex": "\\p{N}{1,3}" }, "behavior": "Isolated", "invert": false },
        { "type": "Split", "pattern": { "Regex": "[一-龥぀-ゟ゠-ヿ]+" }, "behavior": "Isolated", "invert": false },
        { "type": "Split", "pattern": { "Regex": "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+" },
          "behavior": "Isolated", "invert": false },
        { "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false }
    ] },
    "post_processor": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true },
    "decoder": { "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true },
    "model": {
        "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": {}, "merges": []
    }
});

static inline const ModelShape *model_shape_find(const char *name)
{
    for (int i = 0; i < MODEL_SHAPES_COUNT; i++)
        if (strcmp(MODEL_SHAPES[i].name, name) == 0) return &MODEL_SHAPES[i];
    return NULL;
}

/* Up to three texts as one object; caller: json_decref. */
static inline json_t *joined_json(const char *const text[3])
{
    json_t *all = json_object();
    for (int i = 0; i < 3 && text[i]; i++) {
        json_t *one = json_loads(text[i], 0, NULL);
        json_object_update(all, one);
        json_decref(one);
    }
    return all;
}

/* config.json without candidate_resolutions; caller: json_decref. */
static inline json_t *model_shape_config(const ModelShape *s)
{
    json_t *language = joined_json(s->language);
    json_object_set_new(language, "torch_dtype", json_string(s->torch_dtype));
    json_t *projector = json_pack("{s:s, s:O}", "model_type", "mlp_projector", "n_embed",
                                  json_object_get(language, "hidden_size"));
    json_t *vision = joined_json(s->vision);
    const json_int_t width = json_integer_value(json_object_get(vision, "width"));
    if (width != 1152) json_object_set_new(projector, "input_dim", json_integer(width)); /* the class default */
    return json_pack("{s:s, s:o, s:s, s:o, s:s, s:s, s:s, s:o}", "global_view_pos", "head", "language_config", language,
                     "model_type", "deepseek_vl_v2", "projector_config", projector, "tile_tag", "2D", "torch_dtype",
                     s->torch_dtype, "transformers_version", "4.38.2", "vision_config", vision);
}

/* The published list for tiles of `side` pixels; caller: json_decref. */
static inline json_t *candidate_resolutions(json_int_t side)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof CANDIDATE_TILES / sizeof *CANDIDATE_TILES; i++)
        json_array_append_new(list, json_pack("[I, I]", CANDIDATE_TILES[i][0] * side, CANDIDATE_TILES[i][1] * side));
    return list;
}

/* processor_config.json that goes with a config.json; caller: json_decref. */
static inline json_t *model_shape_processor(json_t *candidates, json_int_t patch_size, json_int_t downsample_ratio)
{
    return json_pack("{s:b, s:O, s:I, s:i, s:[f,f,f], s:[f,f,f], s:s, s:b, s:b, s:s, s:I, s:s, s:s}", "add_special_token",
                     0, "candidate_resolutions", candidates, "downsample_ratio", downsample_ratio, "ignore_id", -100,
                     "image_mean", 0.5, 0.5, 0.5, "image_std", 0.5, 0.5, 0.5, "image_token", "<image>", "mask_prompt", 0,
                     "normalize", 1, "pad_token", "<｜▁pad▁｜>", "patch_size", patch_size, "processor_class",
                     "DeepseekVLV2Processor", "sft_format", "deepseek");
}

#endif
