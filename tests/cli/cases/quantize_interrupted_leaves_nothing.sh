# needs micro-mha/model.safetensors
# Signals from the first moment on, until each has met the program at writing: the result is whole or not there, and nothing else.
vl2 quantize micro-mha -q -o whole.gguf --type iq4_nl
meet() {
    i=0 met=no
    : >err
    while [ "$met" = no ] && [ $i -lt 300 ]; do
        vl2 quantize micro-mha -q -o "$2" $3 --threads 1 2>err &
        sleep 0.0$((i % 10))$((i / 10 % 10))
        kill -"$1" $! 2>/dev/null
        wait $! 2>/dev/null
        status=$?
        [ $status -eq 130 ] && grep -q interrupted err && met="yes: $(cat err)"
        ls | grep "\.part" && echo "left at try $i"
        if [ $status -ne 0 ] && [ -e "$2" ]; then echo "try $i: exit $status, and $2 is there"; fi
        if [ -f "$2" ]; then cmp "$2" whole.gguf; fi
        rm -rf "$2"
        i=$((i + 1))
    done
    echo "$1 $2 met at writing: $met"
}
for signal in INT TERM HUP; do
    meet $signal m.gguf "--type iq4_nl"
    meet $signal m "--to safetensors"
done
