# needs micro-mha/model.safetensors
printf '/set max-tokens 5\n/image data/golden/images/cat.png\nWhat is this?\n/save talk.json\n' | vl2 chat -q -m micro-mha --compute f32 > one
jq 'del(.[1])' talk.json > asked.json
vl2 run -m micro-mha --compute f32 --max-tokens 5 --conversation asked.json | cmp - one
printf '/set max-tokens 5\n/load asked.json\n' | vl2 chat -q -m micro-mha --compute f32 | cmp - one
printf '/set max-tokens 5\n/load talk.json\n/retry\n' | vl2 chat -q -m micro-mha --compute f32 | cmp - one
