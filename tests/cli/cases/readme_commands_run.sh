# needs micro-mha-f32/model.safetensors
# Every command of the README's ```sh blocks, with a micro model where it names a real one.
for name in deepseek-vl2-tiny deepseek-vl2-small; do ln -s micro-mha-f32 $name; done
for name in cat.png zoo.jpg 1.jpg 2.jpg 3.jpg marked.jpg other.jpg; do cp data/golden/images/cat.png $name; done
ln -s "$ROOT/models" models
{ printf 'index\timage\tquestion\tanswer\tcategory\timage_path\n'
  printf '0\t%s\tIs it a cat?\tYes\texistence\tcat.png\n' "$(base64 -w0 cat.png)"; } > MME.tsv
awk '/^```sh/ { n++; on = 1; next } /^```/ { on = 0 } on { print > (n ".sh") }' "$ROOT/README.md"
for block in $(seq 12); do
    sed 's/^vl2 run /&--ctx 4096 --max-tokens 3 /; s/^vl2 eval /&--max-tokens 3 /' $block.sh > short.sh
    sh -e short.sh < /dev/null > out 2> notes || { echo "block $block:"; cat $block.sh notes; }
    grep -c '^vl2 ' $block.sh
done
