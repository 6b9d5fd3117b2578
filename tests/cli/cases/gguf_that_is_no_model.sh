# needs micro-mha/model.safetensors
t() { vl2 run -m bad.gguf --max-tokens 1 hello; echo "exit $?" >&2; }
vl2 quantize micro-mha -o m.gguf --type q8 -q
n=$(stat -c %s m.gguf)
head -c 10 m.gguf > bad.gguf; t
head -c $((n - 5000)) m.gguf > bad.gguf; t
{ cat m.gguf; head -c 100 /dev/zero; } > bad.gguf; t
sed 's/blk.1.ffn_gate_exps/blk.1.ffn_cate_exps/' m.gguf > bad.gguf; t
sed 's/vl2.config/vl2.gonfic/' m.gguf > bad.gguf; t
sed 's/deepseek_vl_v2/deepseek_vl_v3/' m.gguf > bad.gguf; t
sed 's/vl2.processor_config/tokenizer.ggml.model/' m.gguf > bad.gguf; t
vl2 quantize micro-mha -o bad.gguf --text-only -q; t
