# needs micro-mha/model.safetensors
# This answer holds control characters. A pipe gets them as they are, a terminal gets their symbols.
ask="vl2 run -q -m micro-mha --compute f32 --max-tokens 60 --ignore-eos blue"
count() { tr -d '\n\r\t' | LC_ALL=C tr -cd '\000-\037\177' | wc -c; }
[ "$($ask | count)" -gt 0 ] && echo 'in the pipe'
TERM=xterm script -qec "$ask" /dev/null < /dev/null | count
