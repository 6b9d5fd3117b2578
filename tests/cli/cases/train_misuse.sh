vl2 train --data x.jsonl
echo "exit $?"
vl2 train --dry-run
echo "exit $?"
vl2 train --dry-run --data x.jsonl --pack 1000
echo "exit $?"
vl2 train --dry-run --data x.jsonl
echo "exit $?"
