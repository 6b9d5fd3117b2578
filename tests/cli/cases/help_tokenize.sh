vl2 tokenize -h
