name=$(printf 'a\033[31mb.png')
vl2 tiles "$name"
