#!/bin/sh
# The page of `vl2 serve` in a browser: run.sh VL2 [PART]; with a part of a name only promises that have it in theirs
#
# Node drives Debian's chromium with the packages of package-lock.json, which tools/fetch_test_data.sh installs in build/browser.
# Output is TAP; what cannot run here is skipped and says why. Screenshots are kept in build/browser/pictures.
set -u
cd "$(dirname "$0")/../.." || exit 1
[ $# -eq 1 ] || [ $# -eq 2 ] || { echo "usage: $0 VL2 [PART]" >&2; exit 2; }
golden=${VL2_GOLDEN_DIR:-../shared/golden}
[ -d "$golden" ] || golden=tests/data/golden

OLDEST_NODE=20

# Why the browser cannot run; nothing if it can.
obstacle() {
    version=$(node --version 2>/dev/null)
    major=${version#v}
    if [ -z "$version" ]; then echo "node is not installed"
    elif [ "${major%%.*}" -lt $OLDEST_NODE ]; then echo "node is $version, playwright-core needs $OLDEST_NODE or later"
    elif ! command -v chromium >/dev/null; then echo "chromium is not installed"
    elif ! tools/fetch_test_data.sh browser >&2; then echo "build/browser is not there (tools/fetch_test_data.sh)"
    fi
}

why=$(obstacle)
if [ -n "$why" ]; then
    echo "ok 1 - page_in_a_browser # SKIP $why"
    echo "1..1"
    exit 0
fi
mkdir -p build/browser/pictures
cp tests/*.mjs tests/browser/*.mjs build/browser/ # Node looks for packages beside the program
exec node build/browser/page.mjs "$1" "$golden" "$(command -v chromium)" build/browser/pictures ${2:+"$2"}
