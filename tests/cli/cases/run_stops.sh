# needs micro-mha/model.safetensors
ask() { vl2 run -m micro-mha --compute f32 --max-tokens 12 --json "$@" "Hello! 请描述一下 12345 giraffes, isn't it?" |
    jq -c '[.text, .finish_reason, (.output_ids | length)]'; }
ask
ask --stop '图'
ask --stop-id 311
ask --max-tokens 2
