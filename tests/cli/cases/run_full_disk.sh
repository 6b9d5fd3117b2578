# needs micro-mha/model.safetensors
vl2 run -m micro-mha --max-tokens 2 hello > /dev/full
