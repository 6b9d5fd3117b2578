# needs micro-mha/model.safetensors
t() { vl2 run -m bad --max-tokens 1 hello; echo "exit $?" >&2; }
renew() { rm -rf bad; mkdir bad; cp -L micro-mha/*.json micro-mha/model.safetensors bad; chmod -R u+w bad; }
t
mkdir bad; t
renew; rm bad/config.json; t
renew; rm bad/tokenizer.json; t
renew; rm bad/model.safetensors; t
renew; echo '{' > bad/config.json; t
renew; jq '.language_config.hidden_size = 65' micro-mha/config.json > bad/config.json; t
renew; jq '.language_config.num_hidden_layers = 1000000' micro-mha/config.json > bad/config.json; t
renew; jq '.language_config.num_hidden_layers = "four"' micro-mha/config.json > bad/config.json; t
renew; head -c 100000 micro-mha/model.safetensors > bad/model.safetensors; t
renew; head -c 5 micro-mha/model.safetensors > bad/model.safetensors; t
renew; { printf '\377\377\377\377\377\377\377\177'; tail -c +9 micro-mha/model.safetensors; } > bad/model.safetensors; t
renew; sed 's/"BF16"/"BF61"/' micro-mha/model.safetensors > bad/model.safetensors; t
renew; sed 's/image_newline/image_oldline/' micro-mha/model.safetensors > bad/model.safetensors; t
