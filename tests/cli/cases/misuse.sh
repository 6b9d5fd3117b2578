# Each line is misuse: exit 2, a message that names the thing.
t() { vl2 "$@"; echo "exit $?" >&2; }
t rnu
t nothing-like-it
t help rnu
t run
t run --temperatur 0.5 hello
t run --temperature hot hello
t run --temperature -1 hello
t run --top-p 1.5 hello
t run --top-k 3.5 hello
t run --seed -1 hello
t run --dtype f16 hello
t run --compute= hello
t run --max-tokens
t run -i
t run -x hello
t run --json=yes hello
t run one two
t run -i cat.png
t run --boxes out.gif hello
t run --cpu z80 -m micro-mha hello
t trace hello
t trace -o t.safetensors --only logitz hello
t tiles
t tiles a.png -o cut.bmp
t tokenize -m micro-mha --tokenizer tokenizer.json hello
t tokenize --jsonl hello
t completion
t completion fish
