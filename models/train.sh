#!/bin/sh
# Makes models/default.gguf anew: train.sh [FOLDER] (default: build/default-model; 2 GB). Draws the data, learns the tokens, trains in four
# stages, writes FOLDER/default.gguf. Some hours on 2 cores; begun again after Ctrl-C or a crash it goes on where it was. The
# same instruction set gives the same bits.
set -eu
cd "$(dirname "$0")/.."
work=${1:-build/default-model}
build=build/release
make -s all tools
mkdir -p "$work"

# scenes NAME RECORDS SEED OPTION...
scenes() {
    name=$1 count=$2 seed=$3
    shift 3
    [ -e "$work/$name/done" ] && return
    echo "drawing $name: $count records" >&2
    "$build/tools/make_scenes" --count "$count" --seed "$seed" "$@" -o "$work/$name"
    : >"$work/$name/done"
}

# stage NAME FROM DATA STEPS OPTION...
stage() {
    name=$1 from=$2 data=$3 steps=$4
    shift 4
    [ -e "$work/$name/model/config.json" ] && return
    resume=
    [ -n "$(ls "$work/$name/checkpoints" 2>/dev/null)" ] && resume=--resume
    "$build/vl2" train -m "$from" --data "$data" -b 32 --accumulate 1 --optimizer muon --weight-decay 0.02 \
        --steps "$steps" --save-every 100 "$@" $resume -o "$work/$name"
}

# Tokens: what questions and answers about scenes need. Printed words are not among them, so that they are read letter by letter.
scenes texts 12000 77 --tasks ground,caption,what,count,colour,place,chart,several
[ -e "$work/tokenizer.json" ] || "$build/tools/make_tokenizer" -o "$work/tokenizer.json" "$work/texts/data.jsonl"
[ -e "$work/begin/config.json" ] ||
    "$build/tools/make_model" --shape default --dtype f32 --tokenizer "$work/tokenizer.json" -o "$work/begin"

# 1. Where image tokens are from and what they show: maps, then boxes.
scenes first 30000 1 --rounds 3 --tasks map:6,caption:3,region:2,ground:3,colour,what,count
stage 1 "$work/begin" "$work/first/data.jsonl" 600 --rate 2e-3 --schedule constant --warmup 50 --epochs 2

# 2. Everything, up to five questions a picture.
scenes second 100000 2 --rounds 5 \
    --tasks map:1,caption:2,region:2,ground:6,colour:2,what:1,count:2,place:2,read:4,chart:2,several:2
head -41000 "$work/second/data.jsonl" >"$work/second/a.jsonl"
stage 2 "$work/1/model" "$work/second/a.jsonl" 824 --rate 2e-3 --schedule constant --warmup 20

# 3. Everything, and single letters and digits; the rate falls to nearly nothing.
scenes third 12000 3 --tasks read --letters 2
{
    sed -n '45001,76000p' "$work/second/data.jsonl" | sed 's|"pictures/|"second/pictures/|g'
    sed 's|"pictures/|"third/pictures/|g' "$work/third/data.jsonl"
} >"$work/third.jsonl"
stage 3 "$work/2/model" "$work/third.jsonl" 950 --rate 2e-3 --schedule linear --last-rate 0.01 --warmup 15

# 4. Once more, without printed text. (The model in the repository stopped at 266 steps of a fall over 624 and went on with one over 420.)
sed -n '76001,100000p' "$work/second/data.jsonl" | grep -v '"tasks":\["read"\]' | sed 's|"pictures/|"second/pictures/|g' >"$work/fourth.jsonl"
stage 4 "$work/3/model" "$work/fourth.jsonl" 420 --rate 1.5e-3 --schedule linear --last-rate 0.01 --warmup 15

rm -f "$work/default.gguf"
"$build/vl2" quantize "$work/4/model" --type bf16 -o "$work/default.gguf"
echo "$work/default.gguf is there; make eval MODEL=$work/default.gguf measures it" >&2
