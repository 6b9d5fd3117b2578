# needs micro-mha/model.safetensors
# needs micro-mla/model.safetensors.index.json
# needs images/cat.png
ask() { vl2 run -m "$1" --compute f32 --max-tokens 6 -q -i images/cat.png 'What is this?'; }
for m in micro-mha micro-mla; do
    vl2 quantize $m -o $m.gguf --type bf16
    ask $m > expected
    ask $m.gguf | cmp - expected && echo "$m: the same answer"
done
vl2 tokenize -m micro-mha.gguf 'What is this?'
vl2 tiles -m micro-mha.gguf images/cat.png
vl2 trace -m micro-mha.gguf -o t.safetensors --only logits -q hello && ls t.safetensors
echo 'hello' | vl2 chat -m micro-mha.gguf --max-tokens 2 -q > /dev/null && echo chat
