# needs micro-mha/tokenizer.json
printf 'ab\377cd' | vl2 tokenize -m micro-mha
echo "exit $?" >&2
vl2 tokenize -m micro-mha --decode 1 2 x3
