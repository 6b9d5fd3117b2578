# needs micro-mha/model.safetensors
# needs images/rocket.png
# The official example of several pictures: with three, none is cut (golden micro-mha, "three": 1316 tokens).
vl2 run -m micro-mha -i images/coffee.png -i images/rocket.png -i images/cat.png --compute f32 --max-tokens 24 --json \
    "This is image_1: <image>
This is image_2: <image>
This is image_3: <image>
 Can you tell me what are in the images?" | jq -c '{n: (.prompt_ids | length), output_ids, tiles, finish_reason}'
