vl2 help tiles > one
vl2 tiles --help > two
cmp one two
