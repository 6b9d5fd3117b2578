# needs micro-mha/model.safetensors
# Bad conversations are named with their line; nothing is written.
cal() { vl2 quantize micro-mha -o out.safetensors --calibrate "$1"; echo "$?"; }
printf '[{"role": "user", "content": "Hello"}]\n\n[{"role": "user"}]\n' > a.jsonl; cal a.jsonl
printf '[{"role": "user", "content": "Hello"}]\n{\n' > b.jsonl; cal b.jsonl
printf '[{"role": "user", "content": "<image>", "images": ["gone.png"]}]\n' > c.jsonl; cal c.jsonl
printf '\n \n' > d.jsonl; cal d.jsonl
printf '[{"role": "user", "content": "\377"}]\n' > e.jsonl; cal e.jsonl
jq -nc '[{role: "user", content: ("Hello " * 4000)}]' > f.jsonl; cal f.jsonl
cal nowhere.jsonl
printf '[{"role": "user", "content": "Hello"}]\n' > g.jsonl
vl2 quantize micro-mha -o nowhere/out.safetensors --calibrate g.jsonl; echo "$?"
vl2 quantize micro-mha -o out.safetensors --calibrate g.jsonl --to safetensors; echo "$?"
vl2 quantize micro-mha --calibrate g.jsonl; echo "$?"
ls ./*.safetensors 2>/dev/null
true
