#!/bin/sh
# The table of the default model: eval_default.sh BUILD_DIR OUT [MODEL]. Its held-out records are made anew (the same pixels on every
# machine), put to it as it is, after each preset of `vl2 quantize`, and blindly; OUT/table.md gets the figures. COUNT records are asked
# (default: 440, 40 a task); what OUT has of an earlier run of the same model is gone on with. UPDATE=1 puts
# the table into the README, between its two lines of `make eval`.
set -eu
build=$1
out=$2
model=${3:-}
count=${COUNT:-440}
vl2=$build/vl2
data=$out/Scenes_held_out.tsv
mkdir -p "$out"
[ -n "$model" ] || model=models/default.gguf
stamp="$count $(find -L "$model" -type f \( -name '*.safetensors' -o -name '*.gguf' \) -exec cat {} + | cksum)"
[ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ] || rm -rf "${out:?}"/* # another model, or other questions
echo "$stamp" >"$out/stamp"
if [ ! -s "$data" ]; then
    [ -e /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf ] ||
        echo "eval_default: fonts-noto-color-emoji is not installed: shapes alone, other figures than the README's" >&2
    "$build/tools/make_scenes" --held-out --count "$count" -o "$out/records"
    "$build/tools/scenes_tsv" "$out/records" "$data"
    rm -rf "$out/records"
fi

# ask MODEL [option]...
ask() {
    from=$1
    shift
    "$vl2" eval -q -m "$from" --compute f32 --data "$data" -o "$out" --max-tokens 160 --batch 8 "$@" >/dev/null
}

# The model under a name of its own, so that the files are called the same wherever it lies.
ln -sfn "$(realpath "$model")" "$out/model"
ask "$out/model"
ask "$out/model" --blind
for preset in q8 q4 q4-small; do
    [ -s "$out/$preset.gguf" ] || "$vl2" quantize -q "$model" --type "$preset" -o "$out/$preset.gguf"
    ask "$out/$preset.gguf"
done

# A row for each part, a column for each run.
jq -rn '
  def tenths: (. * 10 | round) as $t | "\($t / 10 | floor).\($t % 10)";
  [inputs] as $runs | ["as it is", "q8", "q4", "q4-small", "blind"] as $heads |
  "| | rows | " + ($heads | join(" | ")) + " |",
  "|---|---:|---:|---:|---:|---:|---:|",
  ($runs[0].scores | to_entries[] |
    "| \(if .value.name == "" then "all" else .value.name end) | \(.value.rows) | " +
    ([.key as $i | $runs[] | .scores[$i].value | tenths] | join(" | ")) + " |")
' "$out/model_Scenes_held_out.json" "$out/q8_Scenes_held_out.json" "$out/q4_Scenes_held_out.json" \
    "$out/q4-small_Scenes_held_out.json" "$out/model_Scenes_held_out_blind.json" >"$out/table.md"
cat "$out/table.md"

if [ -n "${UPDATE:-}" ]; then
    awk -v table="$out/table.md" '
        /^<!-- end of make eval -->$/ { inside = 0 }
        !inside { print }
        /^<!-- make eval -->$/ { inside = 1; while ((getline line < table) > 0) print line }' README.md >"$out/README.md"
    mv "$out/README.md" README.md
fi
