# needs micro-mha/tokenizer.json
# needs images/cat.png
cp images/cat.png .
cat > data.jsonl <<'END'
{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}
{"messages": [{"role": "user", "content": "Hi"}]}
{"messages": [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "A cat."}], "images": ["images/cat.png"]}
{"messages": [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "A dog."}], "images": ["dog.png"]}
{"messages": [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "A cat."}], "images": ["cat.png"]}
{"messages":
END
vl2 train --dry-run -m micro-mha --data data.jsonl
echo "exit $?"
vl2 train --dry-run -m micro-mha --data data.jsonl --skip-bad --max-length 100 --show 1 | sed 's, leads to [^ ]*,,'
echo "exit $?"
vl2 train --dry-run -m micro-mha --data data.jsonl --skip-bad --allow-outside --json | jq -c '.records, .samples, .skipped'
