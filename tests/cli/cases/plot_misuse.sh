p() { vl2 plot "$@"; echo "exit $?" >&2; }
p
p nowhere.jsonl
p .
: > log.jsonl
p log.jsonl -o chart.gif
p log.jsonl -o nowhere/chart.svg
p log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl log.jsonl
p log.jsonl --dashboard 8080 --json
p log.jsonl --dashboard 0
