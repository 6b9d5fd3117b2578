# needs micro-mha/tokenizer.json
vl2 tokenize -m micro-mha -- --decode
