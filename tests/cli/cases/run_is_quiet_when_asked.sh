# needs micro-mha/model.safetensors
vl2 run -q -m micro-mha --compute f32 --max-tokens 2 --boxes out.png hello > answer
ls
vl2 run -m micro-mha --compute f32 --max-tokens 2 --boxes out.png hello > answer
vl2 run -v -m micro-mha --compute f32 --max-tokens 2 hello 2>&1 > answer | sed -n 's/[0-9.]* tokens\/s/N tokens\/s/; s/in [0-9.]* s/in N s/; /^vl2: \(prompt\|answer\)/p'
