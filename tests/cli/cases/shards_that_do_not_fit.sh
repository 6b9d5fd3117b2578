# needs micro-mla/model.safetensors.index.json
t() { vl2 info bad > report; echo "exit $?" >&2; }
renew() { rm -rf bad; mkdir bad; cp -L micro-mla/*.json micro-mla/*.safetensors bad; chmod -R u+w bad; }
renew; t
renew; rm bad/model-00002-of-000003.safetensors; t
renew; echo '{}' > bad/model.safetensors.index.json; t
renew; jq '.weight_map["view_seperator"] = "../elsewhere.safetensors"' micro-mla/model.safetensors.index.json > bad/model.safetensors.index.json; t
renew; jq '.weight_map["ghost"] = "model-00001-of-000003.safetensors"' micro-mla/model.safetensors.index.json > bad/model.safetensors.index.json; t
