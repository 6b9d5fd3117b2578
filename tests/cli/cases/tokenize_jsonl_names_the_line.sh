# needs micro-mha/tokenizer.json
t() { printf "$1" | vl2 tokenize -m micro-mha --jsonl $2; echo "exit $?" >&2; }
t '{"text": "a"}\n{"text": 3}\n'
t '{"text": "a"}\n\n{"txt": "b"}\n'
t '{"text": "a"\n'
t '[1]\n'
t '{"text": "\\ud800"}\n'
t '{"ids": [1, "2"]}\n' --decode
t '{"ids": [-1]}\n' --decode
t '{"ids": 7}\n' --decode
