#!/bin/sh
# Runs the command line as a person would and compares what it says: run.sh [--update] VL2 [CASE]...
#
# A case is cases/NAME.sh, run by sh in an empty folder of its own, with `vl2` in the PATH, the golden models and pictures
# (micro-mha, images, ...) and the project's tests/data as links beside it. Expected are the files NAME.stdout,
# NAME.stderr and NAME.exit; one that is absent stands for nothing printed, or exit status 0. "# needs PATH" lines in a case
# skip it where PATH is missing. Where VL2_TEST_SHARE is set, since programs are slow there, cases with a line "# slow" are left out,
# unless they are named. --update writes the expectations anew: read the difference before you commit it.
# Output is TAP.
set -u
update=
[ "${1-}" = --update ] && update=1 && shift
[ $# -ge 1 ] || { echo "usage: $0 [--update] VL2 [CASE]..." >&2; exit 2; }
root=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
vl2=$(cd "$(dirname "$1")" && pwd)/$(basename "$1") || exit 1
shift
cases=$root/tests/cli/cases
golden=${VL2_GOLDEN_DIR:-$root/../shared/golden}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT TERM
mkdir "$tmp/bin"
ln -s "$vl2" "$tmp/bin/vl2"
PATH=$tmp/bin:$PATH
LC_ALL=C.UTF-8
SHELL=/bin/sh # script(1) starts it
ROOT=$root
LSAN_OPTIONS=suppressions=$root/tests/cli/lsan.supp:print_suppressions=0
export PATH LC_ALL SHELL ROOT LSAN_OPTIONS
unset XDG_STATE_HOME KITTY_WINDOW_ID TERM_PROGRAM LC_TERMINAL TMUX STY

# The large golden set where it is, else the reduced copy in the project.
furnish() {
    for name in images micro-mha micro-mha-f32 micro-mla micro-mla-noaux preprocess tokenizer; do
        if [ -d "$golden/$name" ]; then ln -s "$golden/$name" "$1/$name"
        elif [ -d "$root/tests/data/golden/$name" ]; then ln -s "$root/tests/data/golden/$name" "$1/$name"; fi
    done
    ln -s "$root/tests/data" "$1/data"
}

# What the case needs and is not there.
missing() {
    sed -n 's/^# needs //p' "$1" | while read -r path; do
        [ -e "$2/$path" ] || { echo "$path"; break; }
    done
}

# renew or compare one kind of output: expected file, what was found
settle() {
    if [ -n "$update" ]; then
        if [ -s "$2" ]; then cp "$2" "$1"; else rm -f "$1"; fi
    elif [ -e "$1" ]; then diff -u "$1" "$2"
    else diff -u /dev/null "$2"; fi
}

run_case() {
    mkdir "$tmp/$1"
    furnish "$tmp/$1"
    lacks=$(missing "$cases/$1.sh" "$tmp/$1")
    if [ -n "$lacks" ]; then
        echo "ok $n - $1 # SKIP $lacks is not there"
        return
    fi
    (cd "$tmp/$1" && HOME=$tmp/$1.home sh "$cases/$1.sh" </dev/null >"$tmp/$1.stdout" 2>"$tmp/$1.stderr")
    status=$?
    if [ $status -eq 0 ]; then : >"$tmp/$1.exit"; else echo $status >"$tmp/$1.exit"; fi
    differs=
    for kind in stdout stderr exit; do
        settle "$cases/$1.$kind" "$tmp/$1.$kind" >"$tmp/diff" || { differs=1; sed 's/^/# /' "$tmp/diff"; }
    done
    if [ -z "$differs" ]; then echo "ok $n - $1"; else echo "not ok $n - $1"; failed=1; fi
    chmod -R u+w "$tmp/$1"
    rm -rf "${tmp:?}/$1" "${tmp:?}/$1".*
}

n=0
failed=0
if [ $# -eq 0 ] && [ "${VL2_TEST_SHARE-}" ]; then
    # shellcheck disable=SC2046 # names without spaces
    set -- $(grep -L '^# slow$' "$cases"/*.sh)
elif [ $# -eq 0 ]; then set -- "$cases"/*.sh; fi
echo "1..$#"
for file in "$@"; do
    n=$((n + 1))
    run_case "$(basename "$file" .sh)"
done
exit $failed
