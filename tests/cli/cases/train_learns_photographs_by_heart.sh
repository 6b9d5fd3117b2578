# slow
# needs micro-mla-noaux/model.safetensors
# All parameters, adapters, and adapters on 4 bits: each learns what is on three photographs and then says it; merged into the model,
# an adapter says the same.
ALL="cat coffee rocket"
for what in $ALL; do
    cp data/golden/images/$what.png .
    printf '%s%s%s\n' '{"messages": [{"role": "user", "content": "<image>\nWhat is it?"}, {"role": "assistant", "content": "' \
        $what '"}], "images": ["'$what'.png"]}'
done > d.jsonl
learn() { vl2 train -d d.jsonl --schedule linear --warmup 2 --accumulate 1 --batch-size 3 --epochs 16 "$@" -q; }
ask() {
    for what in $ALL; do vl2 run "$@" -q --max-tokens 8 -i $what.png "What is it?"; done | tr '\n' ' '
    echo
}
loss() { jq -r 'select(.loss) | .loss' "$1/log.jsonl" | tail -1 | awk '{ print ($1 < 0.1) ? "loss near zero" : "loss " $1 }'; }
vl2 quantize micro-mla-noaux --type q4_0 -o q4.gguf -q
learn -m micro-mla-noaux -o all --rate 3e-3
learn -m micro-mla-noaux -o lora --lora-rank 16 --rate 1e-2
learn -m q4.gguf -o qlora --lora-rank 16 --rate 1e-2
loss all; ask -m all/model
loss lora; ask -m micro-mla-noaux --lora lora/adapter
loss qlora; ask -m q4.gguf --lora qlora/adapter
vl2 merge -m micro-mla-noaux --lora lora/adapter -o merged -q && ask -m merged
vl2 merge -m micro-mla-noaux --lora qlora/adapter -o qmerged -q && ask -m qmerged
