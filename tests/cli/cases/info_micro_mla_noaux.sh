# needs micro-mla-noaux/model.safetensors
# Sizes of activations follow the plan, which its own test holds against the real peak: here they are only there.
vl2 info micro-mla-noaux --compute f32 --cpu scalar --threads 2 |
    sed '/^  \(vectors\|step\|request\|total\)/s/[0-9.]* [kMG]*B */N /g'
vl2 info micro-mla-noaux --json --compute f32 --cpu scalar --threads 2 | jq -c '.parameters, .language, .vision, .tokenizer, (.memory | keys)'
