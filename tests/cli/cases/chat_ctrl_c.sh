# needs micro-mha/model.safetensors
# Ctrl-C at the prompt drops the line, during an answer it stops the answer; Ctrl-D leaves.
seen() { for _ in $(seq 300); do [ "$(grep -c "$1" screen)" -ge "$2" ] && return; sleep 0.1; done; echo "not seen: $1"; }
: > screen
{
    seen '^> ' 1; printf 'half a line'; seen 'half a line' 1; printf '\003'
    seen '^> ' 2; printf 'hello\n'; seen '^> hello' 1; sleep 0.5; printf '\003'
    seen 'stopped' 1; seen '^> ' 3; printf '/save talk.json\n'
    seen '2 messages' 1; seen '^> ' 4; printf '\004'
} | TERM=xterm script -qefc 'exec vl2 chat -m micro-mha --ignore-eos' screen > /dev/null
echo "exit $?"
grep -o 'stopped; the conversation goes on' screen
jq -c '.[0].content, (.[1].content | length > 5)' talk.json
