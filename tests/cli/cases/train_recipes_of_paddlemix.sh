# needs micro-mha/model.safetensors
# needs micro-mla/model.safetensors.index.json
# The commands of the recipes in docs/training.md, as they stand there, on micro models in the place of tiny and small: what each run
# trained, its settings, and that vl2 takes the result. The data are in PaddleMIX's form.
ln -s micro-mha deepseek-vl2-tiny
ln -s micro-mla deepseek-vl2-small
mkdir -p playground/data/x playground/json
cp data/golden/images/cat.png data/golden/images/rocket.png playground/data/x/
cat > playground/json/train.json <<'J'
[
  {"messages": [{"role": "user", "content": "<image>What is it?"}, {"role": "assistant", "content": "A cat."}], "images": ["playground/data/x/cat.png"]},
  {"messages": [{"role": "user", "content": "What is it?"}, {"role": "assistant", "content": "A rocket."}], "images": ["playground/data/x/rocket.png"]}
]
J
echo '{"chartqa": {"annotation": "playground/json/train.json", "repeat_time": 1, "data_augment": false}}' > meta.json
awk '/^```sh/ { on = 1; next } /^```/ { on = 0 } on && /^# (tiny|small), / { recipe = 1 } on && recipe' "$ROOT/docs/training.md" |
    sed 's/^vl2 train /&-q /' > recipes.sh
grep -c '^vl2 train' recipes.sh
sh -e recipes.sh
for run in tiny-sft small-sft tiny-lora small-lora; do
    echo "$run: $(ls -p $run | tr '\n' ' ')"
    jq -c 'select(.run) | .run | [.steps, (.settings | .accumulate, .batch_size, .rate, .schedule, .warmup, .weight_decay, .group_by_length,
        .max_length, .parameters, .adapter_rank, .adapter_alpha, (.dropout * 1000 | round))]' $run/log.jsonl
    case $run in
        *-sft) vl2 info $run/model > /dev/null && echo "a model" ;;
        *) jq -c '[.r, .lora_alpha, .lora_dropout]' $run/adapter/adapter_config.json
           vl2 run -q -m deepseek-vl2-${run%-lora} --lora $run/adapter --max-tokens 1 "What is it?" > /dev/null && echo "an adapter" ;;
    esac
done
cmp -s tiny-sft/model/model.safetensors micro-mha/model.safetensors || echo "it has learnt"
