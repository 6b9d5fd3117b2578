# needs micro-mha/model.safetensors
vl2 bench micro-mha --ctx 500 --prefill 8 --depth 0,16 --batch 1,2 --tokens 8 --repeat 2 --json --csv out.csv --chart out.svg > out.json
jq -r '.complete, .repeat, .tokens, .model.name, .model.types, (.machine | keys | join(" ")), (.machine.limits[0] | keys | join(" ")),
       (.results[] | [.name, .at, .unit, .better, .samples, .limit_of, has("times_one")] | @csv)' out.json
jq -r '.results[] | select(.low > .median or .median > .high or .median <= 0)' out.json
cut -d, -f1-3,7,12 out.csv
sed 's/"[^"]*"/text/g' out.csv | awk -F, '{ print NF }' | sort -u
jq -r '.results[0] | .median' out.json | cut -c1-4 > json.median # the same figures everywhere
sed -n 2p out.csv | cut -d, -f4 | cut -c1-4 | cmp - json.median
xmllint --noout out.svg
grep -c 'class="bar"' out.svg
grep -c 'class="dot"' out.svg
