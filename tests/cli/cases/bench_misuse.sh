# needs micro-mha/model.safetensors
# Nothing of this takes longer than to find out.
t() { vl2 bench "$@"; echo "exit $?" >&2; }
t micro-mha --prefill 512,5x
t micro-mha --prefill ,
t micro-mha --prefill 0
t micro-mha --depth -1
t micro-mha --prefill 8192
t micro-mha --depth 64 --ctx 32
t micro-mha --batch 16 --chunk-size 8
t micro-mha --only prefill,speed
t micro-mha --chart out.png
t micro-mha --json --csv -
t micro-mha --csv no/such/folder/out.csv
t micro-mha --image nothing.png
t micro-mha --compare nothing.json
t micro-mha --compare micro-mha/config.json
echo '{"results": [{"name": "load", "at": 0}]}' > short.json
t micro-mha --compare short.json
echo '[1]' > list.json
t micro-mha --compare list.json
t micro-mha -m micro-mha
t nothing
t micro-mha --cpu z80
t micro-mha --repeat 0
ls
