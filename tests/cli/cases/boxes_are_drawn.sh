# needs micro-mha/model.safetensors
# A continued answer that holds boxes: what the model adds does not matter here.
cat > talk.json <<'J'
[{"role": "user", "content": "<image>\n<|ref|>The cat.<|/ref|>", "images": ["data/golden/images/cat.png"]}]
J
vl2 run -m micro-mha --conversation talk.json --max-tokens 1 --boxes out.svg > answer
vl2 run -m micro-mha --conversation talk.json --max-tokens 1 --boxes nowhere/out.svg > answer
