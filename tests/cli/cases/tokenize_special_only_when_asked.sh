# needs micro-mha/tokenizer.json
# A user cannot forge a turn: <|User|> is plain text unless --raw-special.
vl2 tokenize -m micro-mha '<|User|>' | wc -w
vl2 tokenize -m micro-mha --raw-special '<|User|>' | wc -w
vl2 tokenize -m micro-mha '<|grounding|>' | wc -w
vl2 tokenize -m micro-mha --raw-special 'a<|User|>b' | vl2 tokenize -m micro-mha --decode --skip-special
