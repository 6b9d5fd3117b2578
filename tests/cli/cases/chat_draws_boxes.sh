# needs micro-mha/model.safetensors
vl2 chat -m micro-mha --max-tokens 2 --compute f32 > answers <<'L'
/image data/golden/images/cat.png
Where is the cat?
/boxes out.png
/boxes out.gif
/boxes
L
echo "exit $?" >&2
# A conversation whose answer has begun is gone on with, not answered again.
cat > talk.json <<'J'
[{"role": "user", "content": "<image>", "images": ["data/golden/images/cat.png"]}, {"role": "assistant", "content": "A cat."}]
J
printf '/boxes out.png\n/retry\n' | vl2 chat -m micro-mha --max-tokens 2 --compute f32 --conversation talk.json | wc -l
