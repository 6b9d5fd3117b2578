# needs micro-mha/model.safetensors
# -i and a prompt make the same prompt as the conversation file: tags go in front, as in the official demo.
cat > talk.json <<'J'
[{"role": "user", "content": "<image>\nWhat is this?", "images": ["data/golden/images/cat.png"]}]
J
vl2 run -m micro-mha --conversation talk.json --max-tokens 3 --json | jq -c '[.prompt_ids, .output_ids]' > one
vl2 run -m micro-mha -i data/golden/images/cat.png 'What is this?' --max-tokens 3 --json | jq -c '[.prompt_ids, .output_ids]' > two
echo 'What is this?' | vl2 run -m micro-mha -i data/golden/images/cat.png - --max-tokens 3 --json |
    jq -c '[.prompt_ids, .output_ids]' > three
cmp one two
cmp one three
vl2 run -m micro-mha -i data/golden/images/cat.png 'Before <image> after' --max-tokens 3 --special | head -1
