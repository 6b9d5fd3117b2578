# needs micro-mha/model.safetensors
# An answer that the file began is continued; its boxes count, whatever the model adds.
begin='<|ref|>The cat.<|/ref|><|det|>[[100, 200, 500, 999], [600, 0, 999, 400]]<|/det|> and <|ref|>猫<|/ref|><|det|>[[0, 0, 99, 99]]<|/det|>'
talk() { jq -n --arg a "$begin" "[{role: \"user\", content: \"Where?\", images: $1}, {role: \"assistant\", content: \$a}]" |
    jq '.[0].content = ([.[0].images[] | "<image>\n"] | add) + "Where?"' > talk.json; }
talk '["data/golden/images/cat.png"]'
vl2 run -m micro-mha --conversation talk.json --compute f32 --max-tokens 1 --json --boxes out.svg |
    jq -c '.repairs, .boxes[]'
grep -o '<svg [^>]*>' out.svg | grep -o 'viewBox="[^"]*"'
grep -c 'The cat\.' out.svg
vl2 run -q -m micro-mha --conversation talk.json --max-tokens 1 --boxes out.png > answer
vl2 run -q -m micro-mha --conversation talk.json --max-tokens 1 --boxes out.jpg > answer
for file in out.png out.jpg; do vl2 tiles $file | head -1; cmp -s $file data/golden/images/cat.png && echo 'nothing drawn'; done
talk '["data/golden/images/cat.png", "data/golden/images/cat.png"]'
vl2 run -m micro-mha --conversation talk.json --max-tokens 1 --boxes two.png > answer
ls two*
vl2 run -m micro-mha --conversation talk.json --max-tokens 1 --boxes nowhere/out.svg 2>&1 > answer
