# Without -m it is the model that comes with vl2 that learns, and the result answers as a model of its own.
cp "$ROOT/models/scene.png" .
cat > train.jsonl <<'J'
{"messages": [{"role": "user", "content": "<image>\nWho is it?"}, {"role": "assistant", "content": "A red fox."}], "images": ["scene.png"]}
J
vl2 train --data train.jsonl --epochs 12 --accumulate 1 --rate 1e-3 --warmup 1 --schedule constant -o run
vl2 run -q -m run/model -i scene.png 'Who is it?'
grep -o '"model": "[^"]*"' run/log.jsonl
