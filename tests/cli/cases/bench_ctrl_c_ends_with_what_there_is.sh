# needs micro-mha/model.safetensors
vl2 bench micro-mha --only prefill,decode --prefill 8 --depth 0 --tokens 60000 --repeat 1000 --json --chart out.svg > out.json &
sleep 5
kill -INT $!
wait $!
echo "exit $?"
jq .complete out.json
xmllint --noout out.svg
