# needs micro-mha/tokenizer.json
# needs images/cat.png
# As PaddleMIX has it: names in the meta file and of pictures are relative to where training was begun.
mkdir -p playground/data/x playground/json
cp images/cat.png playground/data/x/
cat > playground/json/train.json <<'END'
[
  {"messages": [{"role": "user", "content": "<image>What is it?"}, {"role": "assistant", "content": "A cat."}], "images": ["playground/data/x/cat.png"]},
  {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
]
END
echo '{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}], "images": ["cat.png"]}' > playground/json/more.jsonl
cat > playground/meta.json <<'END'
{"chartqa": {"annotation": "playground/json/train.json", "repeat_time": 3, "data_augment": false},
 "more": {"file_name": "playground/json/more.jsonl", "root": "playground/data/x", "repeat_time": 1}}
END
vl2 train --dry-run -m micro-mha --data playground/meta.json --show 0
vl2 train --dry-run -m micro-mha --data playground/meta.json --data-root . --show 0 --pack 4096 --accumulate 2
