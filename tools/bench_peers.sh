#!/bin/bash
# Other engines beside vl2, on this machine, in turns: bench_peers.sh [VL2]      (default: build/release/vl2)
#
# A table in Markdown: the full shape of tiny with random weights, 2 threads (THREADS), prompts, decode, loading against
# llama.cpp (node-llama-cpp with its published library, nothing is compiled) for Q4_0, Q8_0, BF16; a tile, a prompt, and training
# of 0.1 B parameters (make_model --shape tiny-0.1b) against PyTorch (Debian's python3-torch).
# vl2 needs none of them; who lacks one gets the rest of the table. Under 10 minutes; 13 GB of disk in build/peers while it
# runs (PEERS_DIR). PARTS: "answering", "training" or both; TYPES: which of them answer ("q4_0 q8_0 bf16"); ROUNDS: how often each
# engine has its turn (2); figures are the better turn of each.
set -u
cd "$(dirname "$0")/.." || exit 1
vl2=$(realpath "${1:-build/release/vl2}") || exit 1
maker=$(dirname "$vl2")/tools/make_model
threads=${THREADS:-2}
rounds=${ROUNDS:-2}
parts=${PARTS:-answering training}
types=${TYPES:-q4_0 q8_0 bf16}
first=${types%% *}.vl2.1 # what says which machine it is
work=${PEERS_DIR:-build/peers}
mkdir -p "$work" && work=$(realpath "$work") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
[ -x "$maker" ] || { echo "bench_peers: $maker is not there: make tools" >&2; exit 1; }

say() { echo "bench_peers: $*" >&2; }
# row WORK VL2 PEER: the ratio is vl2 / peer where more is better (tokens/s, GFLOP/s), peer / vl2 where less is (s)
row() {
    awk -v work="$1" -v ours="$2" -v theirs="$3" -v unit="$4" -v peer="$5" 'BEGIN {
        if (ours == "" || theirs == "") { exit }
        ratio = unit == "s" ? theirs / ours : ours / theirs
        printf "| %s | %.4g %s | %.4g %s | %s | %.2f |\n", work, ours, unit, theirs, unit, peer, ratio }'
}
# best EXPRESSION more|less FILE...: the best of what jq finds
best() {
    local expression=$1 order=$2
    shift 2
    jq -r "$expression | numbers" "$@" 2>/dev/null | sort -g | { if [ "$order" = more ]; then tail -1; else head -1; fi; }
}
ours() { echo ".results[] | select(.name == \"$1\" and .at == $2).median"; }

does() { case " $parts " in *" $1 "*) ;; *) return 1 ;; esac; }
does answering || first=training.vl2.1

has_llama=
node_major=$(node --version 2>/dev/null | sed 's/^v//; s/\..*//')
if ! does answering; then :
elif [ "${node_major:-0}" -lt 20 ]; then say "llama.cpp is left out: its packages need Node 20 or later"
elif ! tools/fetch_test_data.sh gguf-readers; then say "llama.cpp is left out: build/npm is not there"
else has_llama=1 && cp tools/bench_llama_cpp.mjs build/npm/; fi

turn_of_vl2() {
    "$vl2" bench -q -m "$1" --only "$2" --prefill 421,512 --depth 512 --threads "$threads" --json >"$3" ||
        say "vl2 bench failed with $1"
}

language() { # TYPE
    say "$1: making files"
    "$maker" --shape tiny --gguf "$1" -o "$work/$1.gguf" 2>/dev/null &&
        "$maker" --shape tiny --gguf "$1" --text-only -o "$work/$1-text.gguf" 2>/dev/null || exit 1
    for i in $(seq "$rounds"); do
        say "$1: turn $i of $rounds"
        turn_of_vl2 "$work/$1.gguf" load,prefill,decode "$work/$1.vl2.$i"
        [ -z "$has_llama" ] || node build/npm/bench_llama_cpp.mjs "$work/$1-text.gguf" "$threads" >"$work/$1.llama.$i"
    done
    turn_of_vl2 "$work/$1.gguf" vision "$work/$1.tile"
    rm -f "$work/$1.gguf" "$work/$1-text.gguf"
}

table_of_llama() { # TYPE
    local peer v=("$work/$1".vl2.*) l=("$work/$1".llama.*)
    peer="llama.cpp, $(jq -r .backend "${l[0]}" 2>/dev/null)"
    for n in 421 512; do
        row "prefill $n, $1" "$(best "$(ours prefill $n)" more "${v[@]}")" "$(best ".prefill[\"$n\"]" more "${l[@]}")" \
            tokens/s "$peer"
    done
    row "decode at 512, $1" "$(best "$(ours decode 512)" more "${v[@]}")" "$(best .decode more "${l[@]}")" tokens/s "$peer"
    row "load, warm file, $1" "$(best "$(ours load 0)" less "${v[@]}")" "$(best .load less "${l[@]}")" s "$peer"
}

# torch PART FILE
torch() {
    say "PyTorch, $1"
    /usr/bin/python3 tools/bench_torch.py "$threads" "$1" >"$2" 2>"$work/torch.err" && return
    say "PyTorch is left out: $(tail -1 "$work/torch.err")"
    return 1
}

table_of_torch() {
    local out=$work/torch peer
    torch answering "$out" || return
    for type in $(jq -r '.tile | keys[]' "$out"); do
        peer="PyTorch $(jq -r .version "$out"), $type"
        for of in $types; do
            row "vision tile, $of" "$(best "$(ours "vision tile" 0)" less "$work/$of.tile")" "$(jq -r ".tile.$type" "$out")" \
                s "$peer"
            row "prefill 421, $of" "$(best "$(ours prefill 421)" more "$work/$of".vl2.*)" \
                "$(jq -r ".prefill.$type" "$out")" tokens/s "$peer"
        done
    done
}

training() {
    say "training: making the model"
    "$maker" --shape tiny-0.1b --dtype f32 -o "$work/small" 2>/dev/null || exit 1
    for i in $(seq "$rounds"); do
        say "training: turn $i of $rounds"
        "$vl2" bench --train -q -m "$work/small" --only full,lora --threads "$threads" --json >"$work/training.vl2.$i" ||
            say "vl2 bench --train failed"
        torch training "$work/training.torch.$i" || rm -f "$work/training.torch.$i"
    done
}

table_of_training() {
    local v=("$work"/training.vl2.*) t=("$work"/training.torch.*) what
    for mode in full lora; do
        [ "$mode" = full ] && what="all of 0.1 B parameters" || what="adapters of rank 8 on 0.1 B"
        for type in $(jq -r '.full | keys[]' "${t[0]}" 2>/dev/null); do
            for of in step pass; do
                row "training, $what: $of" "$(best "$(ours "$mode $of" 0)" more "${v[@]}")" \
                    "$(best ".$mode.$type.$of" more "${t[@]}")" tokens/s "PyTorch $(jq -r .version "${t[0]}"), $type"
            done
        done
    done
}

# The share of the f32 peak in vl2's better turn.
share_of_training() {
    for mode in full lora; do
        jq -r ".results[] | select(.name == \"$mode pass\") | .share // empty" "$work"/training.vl2.* | sort -g | tail -1 |
            awk -v mode="$mode" '{ printf "Forward and backward, %s: %.0f %% of the f32 peak of the moment.\n", mode, 100 * $1 }'
    done
}

if does answering; then for type in $types; do language "$type"; done; fi
if does training; then training; fi
echo "Machine: $(jq -r '"\(.machine.cpu), \(.machine.threads) threads, \(.machine.level)"' "$work/$first"); $(date -u +%F)."
jq -r '.machine.limits[-1] | "Limits measured with the first turn: read \(.read_gb_s | round) GB/s, f32 \(.f32_gflop_s | round) " +
    "GFLOP/s, bf16 \(.bf16_gflop_s // 0 | round) (0: no such instructions), int8 \(.int8_gop_s // 0 | round)."' "$work/$first"
if does training; then share_of_training; fi
echo "Command: \`tools/bench_peers.sh\`."
echo
echo "| work, weights | vl2 | peer | which | ratio |"
echo "|---|--:|--:|---|--:|"
if [ -n "$has_llama" ]; then for type in $types; do table_of_llama "$type"; done; fi
if does answering; then table_of_torch; fi
if does training; then table_of_training; fi
