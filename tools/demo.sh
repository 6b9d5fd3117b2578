#!/bin/sh
# Shows what there is: demo.sh VL2 FOLDER. Asks the model that comes with vl2 about a picture, draws the box that it finds, cuts a
# photograph into tiles; results go to FOLDER. Ends with an error if the box is not where the panda is.
set -eu
vl2=$1
out=$2
cd "$(dirname "$0")/.."
mkdir -p "$out"
cp models/scene.png models/chart.png tests/data/golden/images/astronaut.png "$out/"

# Prints a command as one would type it, runs it.
show() {
    printf '\n$'
    for word in "$@"; do
        case $word in
            *[!A-Za-z0-9_./=-]*) printf " '%s'" "$word" ;;
            *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    "$@"
}

cat <<'END'

The model here came with vl2: 6 million parameters, trained by `vl2 train` on drawn scenes, and it knows nothing else
(models/README.md has what it can and cannot). With a published model, -m DIR in the same commands (README.md).
END

echo; echo "1. Where is it?"
show "$vl2" run -i "$out/scene.png" --boxes "$out/boxes.png" '<|ref|>The panda<|/ref|>.'

echo; echo "2. What is there?"
show "$vl2" run -i "$out/scene.png" '<|grounding|>What is in the picture?'
show "$vl2" run -i "$out/chart.png" 'Which bar is the highest?'

echo; echo "3. How a large picture is cut into tiles"
show "$vl2" tiles "$out/astronaut.png" -o "$out/tiles.png"

# The panda stands at 39 60 85 104 of 112 pixels: an IoU of 0.5 at least.
"$vl2" run -q -i "$out/scene.png" --json '<|ref|>The panda<|/ref|>.' >"$out/answer.json"
awk -v answer="$(sed -n 's/.*\[\[\([0-9, ]*\)\]\].*/\1/p' "$out/answer.json")" 'BEGIN {
    split(answer, b, /, */); split("347 535 758 927", t, " ")
    w = (b[3] < t[3] ? b[3] : t[3]) - (b[1] > t[1] ? b[1] : t[1])
    h = (b[4] < t[4] ? b[4] : t[4]) - (b[2] > t[2] ? b[2] : t[2])
    both = w > 0 && h > 0 ? w * h : 0
    iou = both / ((b[3] - b[1]) * (b[4] - b[2]) + (t[3] - t[1]) * (t[4] - t[2]) - both)
    printf "\nThe box and the panda: IoU %.2f\n", iou
    exit !(iou >= 0.5) }'

cat <<END

Written: $out/boxes.png   the box with its label
         $out/tiles.png   how the photograph was cut
Next: make test; or $vl2 help
END
