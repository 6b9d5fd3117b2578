# needs micro-mha/model.safetensors
# The question about a picture does not fit; what was measured before it is told.
vl2 bench micro-mha --ctx 100 --tokens 8 --repeat 1 --json > out.json
echo "exit $?"
jq -c '.complete, [.results[].name]' out.json
