# needs micro-mla-noaux/model.safetensors
# needs images/cat.png
cp images/cat.png images/rocket.png .
cat > d.jsonl <<'J'
{"messages": [{"role": "user", "content": "<image>\nWhere is <ref-object>?"}, {"role": "assistant", "content": "<ref-object><bbox>"}], "images": ["cat.png"], "objects": {"ref": ["the cat", "the cat"], "bbox": [[0.1, 0.2, 0.6, 0.7]], "bbox_type": "norm1"}}
{"messages": [{"role": "user", "content": "<image>\nWhat flies?"}, {"role": "assistant", "content": "A rocket"}], "images": ["rocket.png"]}
{"messages": [{"role": "user", "content": "One and one?"}, {"role": "assistant", "content": "Two"}]}
J
go() { vl2 train -m micro-mla-noaux -d d.jsonl --held-out d.jsonl --rate 1e-2 --accumulate 3 --threads 1 "$@"; echo "exit $?"; }
go -o run --epochs 24 --evaluate-every 12 --best-by answers -q
jq -c 'select(.score != null) | [.step, .answers, (.score >= 0), (.exact_match != null), (.iou != null)]' run/log.jsonl
jq -c 'select(.step == 24 and .samples_shown) | .samples_shown[] | [.where, .expected, .answer, .picture]' run/log.jsonl
ls run/shown
xmllint --noout run/shown/24-0.svg && grep -c 'expected' run/shown/24-0.svg
vl2 run -m run/model -q "One and one?"
vl2 run -m run/best -q --raw-special -i cat.png "Where is <|ref|>the cat<|/ref|>?"
vl2 plot run/log.jsonl --json | jq -c '.series.score.last, .series.iou.last'
go -o none --epochs 2 --answers 0 --evaluate-every 2 -q
jq -c 'select(.held_out_loss) | keys' none/log.jsonl; ls none
go -o bad --best-by answers --answers 0
