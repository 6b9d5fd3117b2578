#!/bin/sh
# Shows what there is: demo.sh VL2 FOLDER. Cuts a picture into tiles, asks about it, draws boxes; results go to FOLDER.
set -eu
vl2=$1
out=$2
picture=tests/data/golden/images/astronaut.png
cd "$(dirname "$0")/.."
mkdir -p "$out"
cp "$picture" "$out/"

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

The model here is a small test model with RANDOM weights: it shows that every stage works, and its words mean nothing.
With a real model directory, -m DIR in the same commands gives real answers (README.md).
END

echo; echo "1. How a picture is cut into tiles"
show "$vl2" tiles "$out/astronaut.png" -o "$out/tiles.png"

echo; echo "2. A question about it (random weights: a random answer)"
show "$vl2" run -i "$out/astronaut.png" --max-tokens 24 "What is in this picture?"

# The answer begins with true boxes, as a trained model would give them; the model goes on from there.
cat >"$out/talk.json" <<'J'
[{"role": "<|User|>", "content": "<image>\n<|grounding|>What is in this picture?", "images": ["astronaut.png"]},
 {"role": "<|Assistant|>", "content": "<|ref|>the astronaut's face<|/ref|><|det|>[[336, 140, 547, 352]]<|/det|>, <|ref|>a helmet<|/ref|><|det|>[[542, 670, 973, 999]]<|/det|> and <|ref|>a space shuttle<|/ref|><|det|>[[694, 0, 908, 558]]<|/det|>"}]
J
echo; echo "3. An answer with boxes: the conversation file holds its beginning, with true boxes; the model continues it"
show "$vl2" run --conversation "$out/talk.json" --max-tokens 8 --boxes "$out/boxes.png"

cat <<END

Written: $out/tiles.png   how the picture was cut
         $out/boxes.png   the boxes with their labels
         $out/talk.json   the conversation
Next: make test; or $vl2 help
END
