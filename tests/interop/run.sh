#!/bin/sh
# Programs of others read what `vl2 quantize` writes, and ask `vl2 serve`: run.sh VL2
#
# Each *.mjs here but support.mjs is one, run by Node with the packages of package-lock.json, which
# tools/fetch_test_data.sh installs in build/npm. Output is TAP; what cannot run here is skipped and says why.
set -u
cd "$(dirname "$0")/../.." || exit 1
[ $# -eq 1 ] || { echo "usage: $0 VL2" >&2; exit 2; }
golden=${VL2_GOLDEN_DIR:-../shared/golden}
[ -d "$golden" ] || golden=tests/data/golden
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM

OLDEST_NODE=20

# Why a program cannot run; nothing if it can.
obstacle() {
    version=$(node --version 2>/dev/null)
    major=${version#v}
    if [ -z "$version" ]; then echo "node is not installed"
    elif [ "${major%%.*}" -lt $OLDEST_NODE ]; then echo "node is $version, its packages need $OLDEST_NODE or later"
    elif [ "$1" = llama_cpp ] && [ "$(uname -m)" != x86_64 ]; then echo "the library is for x86-64, this is $(uname -m)"
    elif [ "$1" = vlmevalkit_client ]; then return # needs no packages
    elif ! tools/fetch_test_data.sh gguf-readers >&2; then echo "build/npm is not there (tools/fetch_test_data.sh)"
    elif [ "$1" != openai_client ] && ! tools/fetch_test_data.sh deepseek-v3-tokenizer.json >&2; then
        echo "build/testdata/deepseek-v3-tokenizer.json is not there (tools/fetch_test_data.sh)"
    fi
}

status=0
for program in huggingface_gguf llama_cpp openai_client vlmevalkit_client; do
    why=$(obstacle $program)
    if [ -n "$why" ]; then
        echo "ok 1 - $program # SKIP $why"
        echo "1..1"
        continue
    fi
    mkdir -p build/npm
    cp tests/*.mjs tests/interop/*.mjs build/npm/ # Node looks for packages beside the program
    mkdir "$tmp/$program"
    node "build/npm/$program.mjs" "$1" "$golden" "$tmp/$program" || status=1
done
exit $status
