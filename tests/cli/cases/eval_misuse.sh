e() { vl2 eval "$@"; echo "exit $?" >&2; }
e
e --data nowhere_ChartQA.tsv
e --data nowhere.tsv --task DocVQ
e --data ChartQA_TEST.tsv --shard 3/2
e --data ChartQA_TEST.tsv --shard auto
e --data ChartQA_TEST.tsv answers.tsv
e --score
e --compare a.tsv
e --score --compare a.tsv b.tsv
e --score --blind a.tsv
e --score ChartQA.tsv
printf 'index\tanswer\n1\t2\n' > ChartQA.tsv
e --score ChartQA.tsv
printf 'index\tanswer\tprediction\n1\t2\t3\n1\t2\t3\n' > ChartQA.tsv
e --score ChartQA.tsv
