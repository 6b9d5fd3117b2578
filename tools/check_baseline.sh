#!/bin/sh
# Checks that one binary runs on every x86-64: outside the files of the instruction sets (avx*.o), no object may hold an
# instruction with a wide register. First argument: the build folder, build/release by default.
[ "$(uname -m)" = x86_64 ] || { echo "baseline: only checked on x86-64"; exit 0; }
objects=$(find "${1:-build/release}/src" -name '*.o' ! -name 'avx*.o')
[ -n "$objects" ] || { echo "baseline: no objects in ${1:-build/release}/src; build first" >&2; exit 1; }
bad=0
for o in $objects; do
    if objdump -d --no-show-raw-insn "$o" | grep -m 1 -E '%[yz]mm[0-9]|%xmm(1[6-9]|2[0-9]|3[01])|%k[1-7]|[[:space:]]v[a-z]+[0-9a-z]*[[:space:]].*%xmm'; then
        echo "$o: not for the baseline" >&2
        bad=1
    fi
done
[ $bad = 0 ] && echo "baseline: no wide registers outside the files of the instruction sets"
exit $bad
