#!/bin/sh
# Checks that one binary runs on every processor of its architecture: outside the files of the instruction sets (avx*.o,
# neon_*.o), no object may hold an instruction that is not in the baseline: on x86-64 one with a wide register, on aarch64
# a dot product. check_baseline.sh [BUILD [ARCH [OBJDUMP]]], by default build/release, of this machine.
build=${1:-build/release}
arch=${2:-$(uname -m)}
objdump=${3:-objdump}
case $arch in
    x86_64) beyond='%[yz]mm[0-9]|%xmm(1[6-9]|2[0-9]|3[01])|%k[1-7]|[[:space:]]v[a-z]+[0-9a-z]*[[:space:]].*%xmm' ;;
    aarch64) beyond='[[:space:]](s|u|us|su)(dot|mmla)[[:space:]]|[[:space:]]bf[a-z]+[[:space:]].*v[0-9]+\.' ;;
    *) echo "baseline: only checked on x86-64 and aarch64"; exit 0 ;;
esac
objects=$(find "$build/src" -name '*.o' ! -name 'avx*.o' ! -name 'neon_*.o')
[ -n "$objects" ] || { echo "baseline: no objects in $build/src; build first" >&2; exit 1; }
bad=0
for o in $objects; do
    if "$objdump" -d --no-show-raw-insn "$o" | grep -m 1 -E "$beyond"; then
        echo "$o: not for the baseline" >&2
        bad=1
    fi
done
[ $bad = 0 ] && echo "baseline: nothing beyond it outside the files of the instruction sets"
exit $bad
