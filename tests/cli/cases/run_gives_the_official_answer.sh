# needs micro-mha/model.safetensors
# needs images/astronaut.png
# The official example of one picture: prompt and greedy answer are those of the official code (golden micro-mha, "single").
cat > talk.json <<'J'
[{"role": "<|User|>", "content": "<image>\n<|ref|>The giraffe at the back.<|/ref|>.", "images": ["images/astronaut.png"]},
 {"role": "<|Assistant|>", "content": ""}]
J
vl2 run -m micro-mha --conversation talk.json --compute f32 --max-tokens 24 --json > answer.json
jq -c '{n: (.prompt_ids | length), output_ids, text, finish_reason, boxes, repairs, image_tokens, tiles}' answer.json
jq -c '.timings | keys' answer.json
vl2 run -m micro-mha --conversation talk.json --compute f32 --max-tokens 24 --special
vl2 run -m micro-mha --conversation talk.json --compute f32 --max-tokens 24 --chunk-size 7 --threads 3
