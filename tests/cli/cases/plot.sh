# A run of 40 steps that was resumed behind its 30th, with a last line that is cut short.
step() { awk -v from="$1" -v to="$2" 'BEGIN { for (s = from; s <= to; s++) {
    printf "{\"step\": %d, \"epoch\": 0, \"loss\": %.6f, \"grad_norm\": %.4f, \"rate\": %.8f, \"tokens\": 800, \"busiest\": %.3f}\n",
        s, 2 / s, 1 + s % 3, 0.0001 * (1 - s / 40), 2 - s / 40
    if (s % 10 == 0) printf "{\"step\": %d, \"held_out_loss\": %.4f}\n", s, 3 / s + s / 100 } }'; }
{
    echo '{"run": {"steps": 40, "model": "tiny", "settings": {}}}'
    step 1 35
    echo '{"run": {"steps": 40, "model": "tiny", "settings": {}}}'
    step 31 40
    echo '{"step": 40, "samples_shown": [{"where": "h.jsonl:1", "prompt": "?", "expected": "A cup.", "answer": "A cup."},
        {"where": "h.jsonl:2", "expected": "A\\nbox.", "answer": "A cup."}]}' | tr -d '\n'
    printf '\n{"step": 41, "lo'
} > log.jsonl
vl2 plot log.jsonl
vl2 plot log.jsonl --json | jq -c '.runs, .steps, .bad_lines, .series.loss, .series.held_out_loss'
vl2 plot log.jsonl -o chart.svg && xmllint --noout chart.svg && grep -c '<polyline' chart.svg
grep -o '<text[^>]*font-weight[^>]*>[^<]*' chart.svg | sed 's/.*>//'
vl2 plot log.jsonl -o chart.png && vl2 tiles --json chart.png | jq -c .size
