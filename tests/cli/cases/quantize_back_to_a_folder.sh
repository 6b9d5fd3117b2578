# needs micro-mha/model.safetensors
vl2 quantize micro-mha -o m.gguf --type bf16 -q
vl2 quantize m.gguf -o back --to safetensors -q
ls back
for f in config processor_config tokenizer tokenizer_config special_tokens_map; do cmp back/$f.json micro-mha/$f.json; done
vl2 quantize m.gguf -o q8.gguf -q
vl2 quantize q8.gguf -o wide --to safetensors --type f32 -q
vl2 info wide | grep ^weights
vl2 quantize m.gguf -o back --to safetensors
