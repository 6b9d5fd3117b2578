# needs micro-mha/model.safetensors
# Golden micro-mha, "prefix".
cat > talk.json <<'J'
[{"role": "<|User|>", "content": "How many people are there in the picture?"},
 {"role": "<|Assistant|>", "content": "There are 3 people"}]
J
vl2 run -m micro-mha --conversation talk.json --compute f32 --max-tokens 8 --json | jq -c .output_ids
vl2 run -m micro-mha --conversation talk.json 'Are you sure?' --compute f32 --max-tokens 2 --special
echo
