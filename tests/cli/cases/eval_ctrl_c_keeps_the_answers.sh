# needs micro-mha/model.safetensors
p=$(base64 -w0 data/golden/images/cat.png)
{ printf 'index\timage\tquestion\tanswer\n'
  for i in 0 1 2 3 4 5; do printf '%s\t%s\tWhat is it? %s\tcat\n' $i "$p" $i; done; } > GQA.tsv
e="vl2 eval -q -m micro-mha --compute f32 --data GQA.tsv --batch 1 --max-tokens 300 --examples 0"
$e -o ended > out &
pid=$!
while ! [ -s ended/micro-mha_GQA.jsonl ]; do sleep 0.01; done
kill -TERM $pid
wait $pid
echo "exit $?"
[ "$(wc -l < ended/micro-mha_GQA.jsonl)" -lt 6 ] && ls ended
$e -o ended > out
$e -o whole > out
cmp ended/micro-mha_GQA.jsonl whole/micro-mha_GQA.jsonl && cmp ended/micro-mha_GQA.tsv whole/micro-mha_GQA.tsv && echo the same
