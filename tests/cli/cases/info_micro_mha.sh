# needs micro-mha/config.json
vl2 info micro-mha --compute f32 --cpu scalar --threads 2 | sed 's/ of [0-9.]* [kMGT]*B: fits/ of N: fits/'
vl2 info micro-mha --json --compute f32 --cpu scalar --threads 2 | jq -c '.parameters, .language, .vision, .tokenizer, (.memory | keys)'
