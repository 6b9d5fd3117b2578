# needs micro-mha/model.safetensors
cat > d.jsonl <<'J'
{"messages": [{"role": "user", "content": "Two and two?"}, {"role": "assistant", "content": "Four"}]}
{"messages": [{"role": "user", "content": "Three and three?"}, {"role": "assistant", "content": "Six"}]}
J
go() { vl2 train -m micro-mha -d d.jsonl --accumulate 1 --rate 1e-3 --epochs 2 --freeze-vision "$@"; echo "exit $?"; }
go -o whole --held-out d.jsonl --evaluate-every 3 -q
ls whole whole/model whole/checkpoints
jq -c 'keys' whole/log.jsonl
go -o whole
go -o part --resume
go -o part --save-every 2 -q
rm part/checkpoints/step-00000004.safetensors
go -o part --resume --rate 2e-3
go -o part --resume -q
cmp part/model/model.safetensors whole/model/model.safetensors && echo same
go -o lora --lora-rank 4
vl2 train -m micro-mha -d d.jsonl --accumulate 2 --lora-rank 4 -o lora -q && ls lora/adapter
vl2 run -m micro-mha --lora lora/adapter --max-tokens 2 -q "Two and two?" > a && vl2 run -m micro-mha --max-tokens 2 -q "Two and two?" > b; wc -l < a
