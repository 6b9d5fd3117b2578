#!/bin/sh
# What the project promises as a whole: layers, baseline, layout, scripts, what `make install` gives. Needs a release build:
# `make test`. Output is TAP.
set -u
cd "$(dirname "$0")/../.." || exit 1
build=build/release
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
n=0

# promise NAME COMMAND...: one line of TAP, what the command says above it if it fails.
promise() {
    n=$((n + 1))
    name=$1
    shift
    if "$@" >"$tmp/said" 2>&1; then echo "ok $n - $name"
    else
        sed 's/^/# /' "$tmp/said"
        echo "not ok $n - $name"
    fi
}

# needs COMMAND NAME...: whether it is there; if not, the promises of these names are skipped.
needs() {
    command -v "$1" >/dev/null && return
    tool=$1
    shift
    for name in "$@"; do
        n=$((n + 1))
        echo "ok $n - $name # SKIP $tool is not installed"
    done
    return 1
}

# Every name that a library shows is in the public header.
shows_only_the_header() {
    symbols=$(nm "$@" --defined-only --format=posix | awk 'NF > 1 { print $1 }')
    [ -n "$symbols" ] || { echo "no names at all"; return 1; }
    for symbol in $symbols; do
        grep -qw "$symbol" include/vl2.h || { echo "$symbol is not in include/vl2.h"; return 1; }
    done
}

# docs/ask.c knows nothing but what was installed, and answers as the program does; "$@": how it is linked.
example_answers() {
    picture=tests/data/golden/images/cat.png
    gcc -std=c11 -Wall -Wextra -Werror -I"$tmp/usr/include" docs/ask.c -o "$tmp/ask" "$@" &&
        LD_LIBRARY_PATH="$tmp/usr/lib" "$tmp/ask" vl2:default "$picture" 'A cat?' >"$tmp/example" &&
        "$tmp/usr/bin/vl2" run -i "$picture" --max-tokens 100 'A cat?' >"$tmp/program" &&
        [ -s "$tmp/example" ] && cmp "$tmp/example" "$tmp/program"
}
flags() { PKG_CONFIG_PATH=$tmp/usr/lib/pkgconfig pkg-config "$@" vl2; }
# shellcheck disable=SC2046 # words for the compiler
links_shared() { example_answers $(flags --libs); }
# shellcheck disable=SC2046
links_static() { example_answers $(flags --libs --static | sed 's/-lvl2/-l:libvl2.a/'); }

serves_cpp() {
    printf '#include <vl2.h>\nint main() { return vl2_version() == nullptr; }\n' >"$tmp/a.cpp"
    clang++ -std=c++17 -Wall -Werror -c "$tmp/a.cpp" -I"$tmp/usr/include" -o "$tmp/a.o"
}

# All its stages, a thousandth of their records and steps.
recipe_runs() { SHRINK=1000 sh models/train.sh "$tmp/recipe" && $build/vl2 info "$tmp/recipe/default.gguf"; }

manual_has_every_command() {
    for command in run chat info tokenize tiles trace bench; do
        grep -qi "^.SH VL2 $command" "$tmp/usr/share/man/man1/vl2.1" || { echo "no section on $command"; return 1; }
    done
}

# The unit as it stands, but for where the program is.
unit_is_sound() {
    sed "s|/usr/local/bin/vl2|$PWD/$build/vl2|" packaging/vl2.service >"$tmp/vl2.service"
    said=$(systemd-analyze verify --man=no "$tmp/vl2.service" 2>&1)
    echo "$said"
    [ -z "$said" ]
}

# The container's image has the package of each library that the program needs, but for the C library, which is in every image,
# and MPI, without which it is built there.
image_has_every_library() {
    for library in $(objdump -p "$build/vl2" | awk '$1 == "NEEDED" && $2 !~ /^(libc|libm|libmpi|ld-linux.*)[.]so/ { print $2 }'); do
        package=$(dpkg -S "*/$library" | sed 's/:.*//;q')
        sed -n '/^FROM debian:12-slim/,$p' packaging/Containerfile | grep -qw -e "$package" ||
            { echo "$library is in $package, which the image does not have"; return 1; }
    done
}

nothing_is_left() {
    make -s uninstall PREFIX="$tmp/usr" && left=$(find "$tmp/usr" ! -type d) && echo "$left" && [ -z "$left" ]
}

demo_writes_its_pictures() {
    tools/demo.sh "$build/vl2" "$tmp/demo" && [ -s "$tmp/demo/tiles.png" ] && [ -s "$tmp/demo/boxes.png" ]
}

# The same columns as the README's table, and rows that are there, of 22 records.
make_eval_makes_the_table_of_the_readme() {
    COUNT=22 tools/eval_default.sh "$build" "$tmp/eval" >/dev/null || return 1
    names() { sed -n "$1" "$2" | cut -d '|' -f 2; }
    grep -qxF "$(head -1 "$tmp/eval/table.md")" README.md || { head -1 "$tmp/eval/table.md"; return 1; }
    names '/^<!-- make eval -->$/,/^<!-- end of make eval -->$/p' README.md | sort -u >"$tmp/readme"
    [ "$(wc -l <"$tmp/eval/table.md")" -gt 12 ] && names p "$tmp/eval/table.md" | sort -u | comm -23 - "$tmp/readme" |
        { ! grep .; }
}

echo "1..18"
promise includes_point_one_way make -s layers
promise one_binary_runs_on_every_processor make -s check-baseline
needs clang-format code_has_the_layout_of_the_tool && promise code_has_the_layout_of_the_tool make -s format-check
needs shellcheck shell_scripts_are_clean && promise shell_scripts_are_clean shellcheck .ci/run models/*.sh tools/*.sh tests/*.sh tests/*/run.sh
promise demo_writes_its_pictures demo_writes_its_pictures
needs jq make_eval_makes_the_table_of_the_readme &&
    promise make_eval_makes_the_table_of_the_readme make_eval_makes_the_table_of_the_readme
needs jq recipe_of_the_default_model_runs && promise recipe_of_the_default_model_runs recipe_runs
needs node served_equals_alone_under_load &&
    promise served_equals_alone_under_load node tools/bench_serve.mjs "$build/vl2" --short --seconds 5 --threads 1
promise install_puts_files_in_place make -s install PREFIX="$tmp/usr"
promise shared_library_shows_only_the_header shows_only_the_header -D "$tmp/usr/lib/libvl2.so"
promise static_library_shows_only_the_header shows_only_the_header -g "$tmp/usr/lib/libvl2.a"
promise example_answers_with_the_shared_library links_shared
promise example_answers_with_the_static_library links_static
needs clang++ header_serves_cpp && promise header_serves_cpp serves_cpp
promise manual_has_every_command manual_has_every_command
needs systemd-analyze systemd_unit_is_sound && promise systemd_unit_is_sound unit_is_sound
needs dpkg container_has_every_library && promise container_has_every_library image_has_every_library
promise uninstall_leaves_nothing nothing_is_left
