# needs micro-mha/model.safetensors
t() { vl2 quantize "$@"; echo "exit $?" >&2; }
t
t micro-mha
t micro-mha -o m.gguf --type q5
t micro-mha -o m.gguf --head q9
t micro-mha -o m --to safetensors --type q8
t micro-mha -o m --to safetensors --head f16
t micro-mha -o m --to safetensors --text-only
t nowhere -o m.gguf
t micro-mha -o nowhere/m.gguf
t micro-mha -o nowhere/m --to safetensors
t micro-mha -o m.gguf --importance micro-mha/model.safetensors
ls
