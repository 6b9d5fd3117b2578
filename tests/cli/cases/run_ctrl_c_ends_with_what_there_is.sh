# needs micro-mha/model.safetensors
vl2 run -v -m micro-mha --ignore-eos hello > answer 2> notes &
until [ -s answer ]; do sleep 0.1; done
kill -INT $!
wait $!
echo "exit $?"
grep -o 'ended: .*' notes
