# needs micro-mha/model.safetensors
cat > lines <<'L'
/set max-tokens 6
hello
/image data/golden/images/cat.png
What is this?
/undo
/save talk.json
/retry
a message \
of two lines
"""
one
two"""
//slash
/save long.json
/quit
never read
L
vl2 chat -m micro-mha --compute f32 < lines > answers
wc -l < answers
jq -c '.[] | [.role, .images, if .role == "<|User|>" then .content else (.content | type) end]' talk.json long.json
head -n 1 answers > first
vl2 run -m micro-mha --compute f32 --max-tokens 6 hello | head -n 1 | cmp - first
