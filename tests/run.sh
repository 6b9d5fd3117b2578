#!/bin/bash
# Runs test programs and counts: run.sh COMMAND...   (an argument is a whole command line; its output is TAP)
#
# One line for each command, with the whole output of one that failed and the reason of everything skipped. The last line
# is exactly "N passed, N failed, N skipped"; it is written to build/test-summary, too. What ends by a signal, runs into
# the time limit or does not keep its plan has failed once more than it says. Exit status 0 if nothing failed.
#
# VL2_TEST_JOBS: commands at a time (one for each processor); VL2_TEST_TIMEOUT: seconds for each (900).
set -u
cd "$(dirname "$0")/.." || exit 1
jobs=${VL2_TEST_JOBS:-$(nproc)}
limit=${VL2_TEST_TIMEOUT:-900}
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; wait; exit 130' INT TERM
mkdir -p build
rm -f build/test-summary

# How a command ended, in words; nothing if that says no more than its output does.
ending() {
    case $1 in
        0) ;;
        124 | 137) echo "no end after $limit s" ;;
        12[89] | 1[3-9]? | 2??) echo "ended by signal $(($1 - 128))" ;;
        *) echo "exit status $1" ;;
    esac
}

# Reads TAP; prints "passed failed skipped", then what is wrong with the run itself, then a line for each skip.
# cmocka prints a skip as "not ok N # SKIP name", after a line "# skip: reason"; others "ok N - name # SKIP reason".
count_tap() {
    awk -v status="$1" -v ending="$(ending "$1")" '
        /^1\.\.[0-9]+/ { plan += substr($0, 4); planned = 1 }
        /^# skip: / { reason = substr($0, 9) }
        /^(not )?ok / && / # SKIP/ {
            what = $0
            sub(/^(not )?ok [0-9]* *(- )?/, "", what)
            sub(/ *# SKIP */, what ~ /^# SKIP/ ? "" : ": ", what)
            skip[++skipped] = what (reason == "" ? "" : ": " reason)
            reason = ""
            next
        }
        /^ok / { passed++; reason = "" }
        /^not ok / { failed++; reason = "" }
        END {
            seen = passed + failed + skipped
            if (ending != "" && (status >= 124 || !failed)) trouble = ending
            else if (!planned || seen == 0) trouble = "no test was run"
            else if (seen != plan) trouble = plan " tests were planned, " seen " ran"
            print passed + 0, failed + (trouble != ""), skipped + 0
            print trouble
            for (i = 1; i <= skipped; i++) print "    skipped " skip[i]
        }' "$2"
}

# Runs command $2 and prints its line, all at once.
run_one() {
    local begin=$EPOCHREALTIME status out=$work/$1.out passed failed skipped trouble
    # shellcheck disable=SC2086 # words of a command line
    timeout -k 10 "$limit" $2 >"$out" 2>&1 </dev/null &
    trap 'kill $!' TERM
    wait $!
    status=$?
    count_tap "$status" "$out" >"$work/$1.count"
    { read -r passed failed skipped; read -r trouble; } <"$work/$1.count"
    {
        flock 9
        printf '%-4s %4d passed %2d failed %2d skipped %6.1f s  %s\n' "$([ "$failed" -eq 0 ] && echo ok || echo FAIL)" \
            "$passed" "$failed" "$skipped" "$(echo "$EPOCHREALTIME $begin" | awk '{ print $1 - $2 }')" "$2"
        tail -n +3 "$work/$1.count"
        [ "$failed" -eq 0 ] || sed 's/^/    | /' "$out"
        [ -z "$trouble" ] || echo "    $trouble"
    } 9>"$work/lock"
}

for i in $(seq $#); do
    while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
    run_one "$i" "${!i}" &
done
wait
touch "$work/none.count"
awk 'FNR == 1 { p += $1; f += $2; s += $3 }
     END { printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 || p == 0 }' "$work"/*.count | tee build/test-summary
exit "${PIPESTATUS[0]}"
