# needs micro-mha/tokenizer.json
t() { vl2 tokenize --tokenizer bad.json hello; echo "exit $?" >&2; }
vl2 tokenize --tokenizer nowhere.json hello
echo "exit $?" >&2
echo '{' > bad.json; t
echo '[]' > bad.json; t
jq '.model.type = "Unigram"' micro-mha/tokenizer.json > bad.json; t
jq '.model.vocab = {}' micro-mha/tokenizer.json > bad.json; t
jq '.model.merges[3] = "zzzz yyyy"' micro-mha/tokenizer.json > bad.json; t
jq '.model.merges[3] = 17' micro-mha/tokenizer.json > bad.json; t
jq '.added_tokens[1].id = .added_tokens[0].id' micro-mha/tokenizer.json > bad.json; t
head -c 100000 /dev/zero | tr '\0' '[' > bad.json; t
