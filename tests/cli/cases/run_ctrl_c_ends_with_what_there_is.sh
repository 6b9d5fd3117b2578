# needs micro-mha/model.safetensors
timeout --preserve-status -s INT 1 vl2 run -m micro-mha --ignore-eos --json hello > answer
echo "exit $?"
jq -c '.finish_reason, (.output_ids | length > 1)' answer
