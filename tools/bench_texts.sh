#!/bin/sh
# Gathers texts in several languages from what a Debian machine has, for tools/bench_tokenizer: bench_texts.sh FOLDER
set -eu
out=${1:?usage: bench_texts.sh FOLDER}
mkdir -p "$out"
pages() { # manual pages in a language
    find "/usr/share/man/$1" -name '*.gz' 2>/dev/null | sort | xargs -r zcat -f | iconv -c -f utf-8 -t utf-8 | head -c 700000 |
        iconv -c -f utf-8 -t utf-8 >"$out/$2.txt"
    [ -s "$out/$2.txt" ] || rm "$out/$2.txt"
}
cat /usr/share/common-licenses/* >"$out/english.txt"
pages zh_CN chinese; pages ja japanese; pages de german; pages ru russian
find /usr/lib/python3* -name '*.py' 2>/dev/null | sort | xargs -r cat 2>/dev/null | iconv -c -f utf-8 -t utf-8 | head -c 700000 >"$out/python.txt"
[ -s "$out/python.txt" ] || rm "$out/python.txt"
cat /usr/include/linux/*.h | iconv -c -f utf-8 -t utf-8 | head -c 700000 >"$out/c.txt"
