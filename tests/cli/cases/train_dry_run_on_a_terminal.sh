# needs micro-mha/tokenizer.json
# Labels are green; what a text contains cannot speak to the terminal.
printf '{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "a\\u001b[31mb"}]}\n' > data.jsonl
script -qec 'vl2 train --dry-run -m micro-mha --data data.jsonl --quiet' /dev/null </dev/null | tr -d '\r' | grep 'Assistant' | sed 's/\x1b/ESC/g'
