# needs micro-mla/model.safetensors.index.json
# Sizes of activations follow the plan, which its own test holds against the real peak: here they are only there.
vl2 info micro-mla --compute f32 --cpu scalar --threads 2 |
    sed '/^  \(vectors\|step\|request\|total\)/s/[0-9.]* [kMG]*B */N /g'
vl2 info micro-mla --json --compute f32 --cpu scalar --threads 2 | jq -c '.parameters, .language, .vision, .tokenizer, (.memory | keys)'
