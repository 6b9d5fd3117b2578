# needs micro-mha/model.safetensors
# What matters is learnt from conversations with and without pictures, a folder's own or one in each line of a .jsonl.
cat > talks.jsonl <<END
[{"role": "<|User|>", "content": "<image>What is this?", "images": ["images/cat.png"]}, {"role": "<|Assistant|>", "content": "A cat."}]

[{"role": "user", "content": "Hello"}]
END
vl2 quantize micro-mha -o i.safetensors --calibrate talks.jsonl
vl2 quantize micro-mla -o j.safetensors --calibrate talks.jsonl --quiet
printf '[{"role": "user", "content": "Hello"}]' > talk.json
vl2 quantize micro-mha -o text.safetensors --calibrate talk.json
vl2 quantize micro-mha -o sum.safetensors --calibrate talks.jsonl --threads 2 -q && cmp i.safetensors sum.safetensors && echo "the same on two threads"
header() { tail -c +9 "$1" | head -c "$(head -c 8 "$1" | od -A n -t u8 | tr -d ' ')"; }
header i.safetensors | jq -c '."vision.blocks.0.attn.qkv.weight", ."language.lm_head.weight"'
header text.safetensors | jq -c '."vision.blocks.0.attn.qkv.weight", ."language.lm_head.weight".shape'
