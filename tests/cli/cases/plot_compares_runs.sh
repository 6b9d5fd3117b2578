for run in one two; do
    echo '{"step": 1, "loss": 3}' > $run.jsonl
    echo '{"step": 2, "loss": 2}' >> $run.jsonl
done
printf 'not JSON\n[]\n' >> two.jsonl
: > '<none>.jsonl'
vl2 plot one.jsonl two.jsonl '<none>.jsonl' -o chart.svg
xmllint --noout chart.svg
grep -o '<text[^>]*>[^<]*jsonl:[^<]*' chart.svg | sed 's/.*>//'
vl2 plot '<none>.jsonl'
vl2 plot '<none>.jsonl' -o none.png && vl2 tiles none.png --json | jq -c .size
