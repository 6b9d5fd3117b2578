# needs micro-mha/model.safetensors
# Through a pseudo-terminal: the greeting, the history kept, a picture shown by a terminal that says it can.
printf 'hello\n/quit\n' > keys
TERM=xterm script -qec 'exec vl2 chat -q -m micro-mha --max-tokens 3' /dev/null < keys > screen
grep -c '/help lists the commands' screen
cat "$HOME/.local/state/vl2/history"
printf '/image data/golden/images/cat.png\n/quit\n' > keys
TERM_PROGRAM=iTerm.app script -qec 'exec vl2 chat -q -m micro-mha' /dev/null < keys > screen
LC_ALL=C grep -c ']1337;File=inline=1' screen
TERM=xterm-kitty script -qec 'exec vl2 chat -q -m micro-mha' /dev/null < keys > screen
LC_ALL=C grep -c '_Ga=T,f=24,s=256,v=144' screen
TERM=xterm script -qec 'exec vl2 chat -m micro-mha' /dev/null < keys > screen
grep -c 'cat.png: 256 x 144 pixels, goes with the next message' screen
