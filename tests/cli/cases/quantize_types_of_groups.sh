# needs micro-mla/model.safetensors.index.json
vl2 quantize micro-mla -o m.gguf --type q4 --head f16 -q
vl2 info m.gguf | grep -E '^(weights|matrices|parameters)'
vl2 info m.gguf --json | jq -c '.parameters'
vl2 quantize micro-mla --dry-run --type q4-small --vision q8_0 | grep -E 'blk.(0|1)\.|mm\.|embd|tensors'
vl2 quantize micro-mla --dry-run --type bf16 --text-only | grep -E '^v|^mm|tensors'
