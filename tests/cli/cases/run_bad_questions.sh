# needs micro-mha/model.safetensors
t() { vl2 run -m micro-mha --max-tokens 1 "$@"; echo "exit $?" >&2; }
t "$(printf 'caf\351')"
printf 'caf\351' | t -
t -i nowhere.png hello
t -i data/golden/images/cat.png '<image> and <image>'
t '<image>'
head -c 20000 data/golden/images/cat.png > truncated.png
t -i truncated.png hello
t --ctx 100 -i data/golden/images/cat.png hello
t -i data/golden/images/cat.png --max-megapixels 1 --ctx 16 hello
t ''
