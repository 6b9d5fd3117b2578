# needs micro-mha/tokenizer.json
for text in 'Hello, world' '请描述一下 12345' '<|ref|>a cat<|/ref|>'; do
    vl2 tokenize -m micro-mha "$text" | vl2 tokenize -m micro-mha --decode
done
vl2 tokenize -m micro-mha --decode '[1, 2,3]'
