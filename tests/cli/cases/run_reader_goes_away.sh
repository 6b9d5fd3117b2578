# needs micro-mha/model.safetensors
# Nobody reads on: no message, and no endless answer.
vl2 run -m micro-mha --ignore-eos --max-tokens 400 hello | head -c 1 > /dev/null
