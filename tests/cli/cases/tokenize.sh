# needs micro-mha/tokenizer.json
vl2 tokenize -m micro-mha 'Describe this image.'
echo 'from standard input' | vl2 tokenize -m micro-mha
vl2 tokenize -m micro-mha --verbose 'Hello 你好'
vl2 tokenize --tokenizer micro-mha/tokenizer.json 'Describe this image.'
