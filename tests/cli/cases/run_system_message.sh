# needs micro-mha/model.safetensors
# Golden micro-mha, "system": 463 tokens, 464 520 20 180 514 304 ...
cat > talk.json <<'J'
[{"role": "system", "content": "You are a helpful assistant. Answer step by step.\n"},
 {"role": "<|User|>", "content": "What is this? <image>", "images": ["data/golden/images/camera.png"]}]
J
vl2 run -m micro-mha --conversation talk.json --compute f32 --max-tokens 24 --json | jq -c '(.prompt_ids | length), .output_ids'
vl2 run -m micro-mha --compute f32 --max-tokens 24 --json -i data/golden/images/camera.png 'What is this? <image>' \
    --system 'You are a helpful assistant. Answer step by step.
' | jq -c '(.prompt_ids | length), .output_ids'
