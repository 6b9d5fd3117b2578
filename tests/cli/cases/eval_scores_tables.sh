printf 'index\tquestion\tanswer\tprediction\n1\tq\tred\tRed\n2\tq\tblue\tgreen\n' > a.tsv
printf 'index\tquestion\tanswer\tprediction\n1\tq\tred\tred\n2\tq\tblue\tblue\n' > b.tsv
printf 'index\tquestion\tanswer\tprediction\n3\tq\tred\tred\n' > c.tsv
vl2 eval -q --score --task GQA a.tsv
vl2 eval -q --score --task GQA a.tsv c.tsv --json
vl2 eval --compare --task GQA a.tsv b.tsv
vl2 eval -q --score --task GQA a.tsv b.tsv
ls eval
cat eval/a-to-b.md eval/a.json
