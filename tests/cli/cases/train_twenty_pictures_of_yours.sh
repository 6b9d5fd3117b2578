# slow
# The commands that docs/training.md begins with, as they stand there, on twenty drawn pictures of two kinds: round things and tall
# ones, of any colour and size, anywhere. In the end the model tells the held-out ones apart.
draw() { # KIND NUMBER
    awk -v kind="$1" -v seed="$2" '
    function chance() { seed = seed * 16807 % 2147483647; return seed / 2147483647 }
    BEGIN {
        seed = seed * 7919 + (kind == "cup"); chance(); n = 56
        print "P3", n, n, 255
        s = 8 + int(chance() * 10); x = s + int(chance() * (n - 2 * s)); y = s + int(chance() * (n - 2 * s))
        for (c = 0; c < 3; c++) { ink[c] = int(chance() * 160); paper[c] = 200 + int(chance() * 55) }
        for (j = 0; j < n; j++) for (i = 0; i < n; i++) {
            dx = i - x; dy = j - y
            on = kind == "cup" ? dx * dx + dy * dy < s * s : (dx * dx < s * s / 9 && dy * dy < s * s)
            for (c = 0; c < 3; c++) printf "%d ", on ? ink[c] : paper[c]
        } }' > "$1/$2.ppm"
}
mkdir cup bottle
for i in 1 2 3 4 5 6 7 8 9 10; do draw cup $i; draw bottle $i; done
awk '/^## Twenty pictures/ { here = 1 } here && /^```sh/ { on = 1; next } on && /^```/ { exit } on' "$ROOT/docs/training.md" |
    sed '/^vl2 serve/d' > commands.sh
grep -c '^vl2' commands.sh
sh -e commands.sh > out 2> notes || cat out notes
wc -l < train.jsonl; wc -l < held-out.jsonl
tail -1 out
sed -n '/^Answers to held-out/,/^A /p' out | grep -c '^  same' |
    awk '{ print ($1 >= 3 ? "three or four" : $1), "of four held-out pictures" }' # bits depend on the instruction set
