# needs micro-mla-noaux/model.safetensors
# On a terminal: how far it is, and the score so far. Whatever is said, one of the letters is in it.
p=$(base64 -w0 data/golden/preprocess/photo444.jpg)
letters="['a', 'e', 'i', 'o', 'u', '.', ',', ' ']"
{ printf 'index\timage\tquestion\tanswer\tcategory\n'
  for i in 1 2 3; do printf '%s\t%s\tWhat is it? %s\t%s\tScene Text-centric VQA\n' $i "$p" $i "$letters"; done; } > OCRBench.tsv
e='vl2 eval -m micro-mla-noaux --compute f32 --data OCRBench.tsv --batch 1 --max-tokens 40'
TERM=xterm script -qec "$e" /dev/null < /dev/null | tr '\r' '\n' > screen
grep -o 'asking, [0-9.]* so far' screen | sort -u
grep -c 'asking' screen | sed 's/^[1-9][0-9]*$/several times/'
$e -o plain --limit 1 2>&1 | grep -c asking
