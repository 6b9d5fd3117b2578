# needs micro-mha/model.safetensors
# Figures are masked; tokens, samples and what has a limit are the same on every machine.
vl2 bench --train micro-mha --samples 2 --length 16 --lora-rank 2 --repeat 2 --json --csv out.csv --chart out.svg > out.json
jq -r '.complete, .repeat, (.training | [.samples, .tokens, .rank, .adapter_parameters, .left_out]),
       (.results[] | [.name, .unit, .better, .samples, .limit_of]) | if type == "array" then @csv else . end' out.json
jq -r '.results[] | select(.low > .median or .median > .high or .median <= 0)' out.json
cut -d, -f1-3,7,12 out.csv
xmllint --noout out.svg && grep -c 'class="bar"' out.svg
vl2 bench --train -m micro-mha --only full,lora-recompute --length 16 --samples 1 --repeat 1 --compare out.json > out
sed -e '1s/.*/(the machine)/' -e '/^bf16 peak/d' -e '/^limits of/s/  *1 thread.*/ (threads)/' \
    -e '/^[a-z0-9]* peak,\|^read/s/  .*/  (rates)/' -e 's/, [0-9]* threads/, N threads/' -e 's/of [-0-9T:Z]*, vl2.*;/of (then);/' \
    -e '/step\|pass\|memory/s/[0-9][0-9.]*/N/g' -e 's/(N - N)//; s/N - N//; s/  */ /g; s/ better$//; s/ worse$//; s/ $//' out
t() { vl2 bench --train micro-mha "$@"; echo "exit $?"; }
t --prefill 5 2>&1
t --only decode 2>&1
t --lora some 2>&1
t -i cat.png --length 3 2>&1
vl2 bench micro-mha --length 3 2>&1
