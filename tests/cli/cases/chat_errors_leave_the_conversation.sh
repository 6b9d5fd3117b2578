# needs micro-mha/model.safetensors
cat > lines <<'L'
/set max-tokens 2
/imgae data/golden/images/cat.png
/nonsense
/image nowhere.png
/image
/image "unclosed
/retry
/undo
/boxes out.png
/load nowhere.json
/set temperature hot
/set nothing 3
/set a b c
two <image> tags <image>
/save
/save talk.json
L
vl2 chat -m micro-mha --compute f32 < lines
echo "exit $?" >&2
jq -c . talk.json
