# needs micro-mha/tokenizer.json
printf '{"text": "Hello"}\n\n{"text": "a\\u0000b\\nc"}\n{"text": ""}\n' | vl2 tokenize -m micro-mha --jsonl | tee ids
vl2 tokenize -m micro-mha --jsonl --decode < ids
