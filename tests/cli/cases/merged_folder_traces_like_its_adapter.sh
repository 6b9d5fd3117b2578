# needs micro-mha-f32/model.safetensors
# An adapter that was learnt, and the folder that it was merged into: the same logits, but for the order of f32 sums, and the same
# answer.
cat > d.jsonl <<'J'
{"messages": [{"role": "user", "content": "Two and two?"}, {"role": "assistant", "content": "Four"}]}
{"messages": [{"role": "user", "content": "Three and three?"}, {"role": "assistant", "content": "Six"}]}
J
vl2 train -m micro-mha-f32 -d d.jsonl --lora-rank 8 --rate 2e-2 --epochs 15 --accumulate 2 --threads 1 -o run -q
vl2 merge -m micro-mha-f32 --lora run/adapter -o merged -q
for ask in "text|" "picture|-i data/golden/images/cat.png"; do
    kind=${ask%%|*}
    # shellcheck disable=SC2086 # words
    t() { vl2 trace --only logits -q ${ask#*|} -o "$@" "Two and two?"; }
    t base.safetensors -m micro-mha-f32
    t adapter.safetensors -m micro-mha-f32 --lora run/adapter
    t merged.safetensors -m merged
    for f in base adapter merged; do # the numbers behind the header, whose length stands in the first 8 bytes
        head=$(od -An -t u8 -N 8 $f.safetensors)
        od -An -v -w4 -t f4 -j $((head + 8)) $f.safetensors > $f.numbers
    done
    far() { paste "$1.numbers" "$2.numbers" | awk '{ d = $1 - $2; d = d < 0 ? -d : d; if (d > m) m = d } END { print (NR ? m + 0 : "nothing") }'; }
    far adapter merged | awk -v k="$kind" '{ print k ": adapter and merged", ($1 != "nothing" && $1 < 1e-3) ? "agree" : $1 }'
    far adapter base | awk -v k="$kind" '{ print k ": adapter and base", ($1 > 0.5) ? "do not" : $1 }'
done
vl2 run -m micro-mha-f32 --lora run/adapter -q "Two and two?"
vl2 run -m merged -q "Two and two?"
