# needs micro-mha/model.safetensors
trap '' XFSZ
(ulimit -f 200; vl2 quantize micro-mha -o m.gguf; echo "exit $?" >&2)
(ulimit -f 200; vl2 quantize micro-mha -o m --to safetensors 2>&1 | sed 's/m\.[0-9]*\.part/m.N.part/')
ls
