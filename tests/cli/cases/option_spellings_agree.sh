# needs micro-mha/tokenizer.json
vl2 tokenize -m micro-mha hello
vl2 tokenize -mmicro-mha hello
vl2 tokenize --model micro-mha hello
vl2 tokenize --model=micro-mha hello
vl2 tokenize hello -m micro-mha
