# needs micro-mha/model.safetensors
# The first command is as if killed: its last line is cut off.
p=$(base64 -w0 data/golden/images/cat.png)
{ printf 'index\timage\tquestion\tanswer\tcategory\timage_path\n'
  for i in 0 1 2 3; do
    if [ $((i % 2)) = 0 ]; then image=$p answer=Yes; else image=$((i - 1)) answer=No; fi
    printf '%s\t%s\tIs it a cat?\t%s\texistence\t%s.png\n' $i "$image" $answer $((i / 2))
  done; } > MME.tsv
e() { vl2 eval -m micro-mha --compute f32 --data MME.tsv --max-tokens 3 "$@"; echo "exit $?" >&2; }
e -o whole
cp -r whole killed
head -c -30 whole/micro-mha_MME.jsonl > killed/micro-mha_MME.jsonl
e -o killed > out
cmp whole/micro-mha_MME.jsonl killed/micro-mha_MME.jsonl && cmp whole/micro-mha_MME.tsv killed/micro-mha_MME.tsv && echo the same
e -q -o parts --shard 1/2 > out
OMPI_COMM_WORLD_RANK=1 OMPI_COMM_WORLD_SIZE=2 e -q -o parts --shard auto > out
vl2 eval -q --score --data MME.tsv parts/micro-mha_MME_*of2.tsv -o parts > merged
vl2 eval -q --score --data MME.tsv whole/micro-mha_MME.tsv > once
cmp merged once && echo the same
sed 's/Is it/Was it/' MME.tsv > OTHER.tsv
vl2 eval -m micro-mha --data OTHER.tsv --task MME -o whole --max-tokens 3 -q > out; echo "exit $?"
cp whole/micro-mha_MME.jsonl whole/micro-mha_OTHER.jsonl
vl2 eval -m micro-mha --data OTHER.tsv --task MME -o whole --max-tokens 3 -q; echo "exit $?"
cut -f1,2,3,4,5 whole/micro-mha_MME.tsv
grep -c 'class="card"' whole/micro-mha_MME.html
