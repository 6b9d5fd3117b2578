# needs micro-mha/tokenizer.json
# needs images/cat.png
# A record with a picture and a box in pixels, two rounds of text, an official conversation.
cp images/cat.png images/coffee.png .
cat > data.jsonl <<'END'
{"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "<image>\nWhere is <ref-object>?"}, {"role": "assistant", "content": "<ref-object><bbox>"}], "images": ["coffee.png"], "objects": {"ref": ["the cup", "the cup"], "bbox": [[10, 20, 290, 200]]}}
{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "你好"}, {"role": "user", "content": "Bye."}, {"role": "assistant", "content": "See [[you]]."}]}
[{"role": "<|User|>", "content": "<image>\n<image>\nCompare.", "images": ["cat.png", "coffee.png"]}, {"role": "<|Assistant|>", "content": "Different."}]
END
vl2 train --dry-run -m micro-mha --data data.jsonl --in-order --show 3 --batch-size 2
echo "exit $?"
vl2 train --dry-run -m micro-mha --data data.jsonl --in-order --learn-prompt --show 1 --json | jq -c '.samples, .epoch, [.first[].parts[] | .label]'
