# needs micro-mha/config.json
# needs micro-mla/config.json
# The configuration alone decides: weights are those of the models. What is told, or concerns vl2 alone, is no warning.
t() { # MODEL CHANGE [OPTIONS]
    rm -rf m && cp -rL "$1" m && chmod -R u+w m
    jq ".language_config |= (. + $2)" "$1/config.json" > m/config.json
    echo "$1 $2 $3" >&2
    vl2 quantize m --dry-run --text-only --type bf16 $3 > /dev/null
}
yarn='{"type": "yarn", "factor": 4, "original_max_position_embeddings": 64, "mscale_all_dim": 0.7, "mscale":'
t micro-mha '{}'
t micro-mha '{"rope_scaling": {"type": "linear", "factor": 4}, "rms_norm_eps": 0.01}'
t micro-mha '{"rope_scaling": {"type": "dynamic", "factor": 4}, "norm_topk_prob": true}'
t micro-mha '{"norm_topk_prob": true}' -q
t micro-mla '{"norm_topk_prob": true}'
t micro-mla '{"rope_scaling": {"type": "linear", "factor": 4}, "rms_norm_eps": 0.01}'
t micro-mla "{\"rope_scaling\": $yarn 0.7}}"
t micro-mla "{\"rope_scaling\": $yarn 1}, \"topk_method\": \"group_limited_greedy\", \"n_group\": 2}"
