# needs micro-mha/model.safetensors
cat > talk.json <<'J'
[{"role": "user", "content": "<image>\nWhat is this?", "images": ["data/golden/images/cat.png"]}]
J
header() { n=$(od -An -t u8 -N 8 "$1" | tr -d ' '); tail -c +9 "$1" | head -c "$n"; }
vl2 trace -m micro-mha --conversation talk.json --compute f32 -o t.safetensors --greedy 3
header t.safetensors | jq -r 'del(.__metadata__) | to_entries | sort_by(.key)[] | "\(.key) \(.value.dtype) \(.value.shape)"'
vl2 trace -m micro-mha --conversation talk.json --compute f32 -o u.safetensors --only logits,moe_ids.1 --chunk-size 5
header u.safetensors | jq -r 'del(.__metadata__) | to_entries | sort_by(.key)[] | "\(.key) \(.value.dtype) \(.value.shape)"'
