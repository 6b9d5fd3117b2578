# needs micro-mha/model.safetensors
ask() { vl2 run -m micro-mha --max-tokens 16 --json --temperature 1.5 "$@" hello | jq -c .output_ids; }
ask --seed 7 > one
ask --seed 7 --threads 3 --chunk-size 2 > two
ask --seed 8 > three
cmp one two
cmp -s one three || echo 'another seed, another answer'
ask --seed 7 --top-k 1 > greedy
vl2 run -m micro-mha --max-tokens 16 --json hello | jq -c .output_ids | cmp - greedy
