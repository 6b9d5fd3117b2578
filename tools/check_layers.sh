#!/bin/sh
# Checks that includes point one way: a file of src/<room>/ includes its own room and those that tools/layers.txt names.
cd "$(dirname "$0")/.." || exit 1
# shellcheck disable=SC2046
awk 'FNR == NR { d = $1; sub(":", "", d); $1 = d; ok[d] = " " $0 " "; next }
  /^#include "/ { split(FILENAME, at, "/"); split($2, to, "/"); gsub("\"", "", to[1])
    if (to[1] ~ /\.h$/) next                       # "vl2.h", the public door, and generated tables
    if (!index(ok[at[2]], " " to[1] " ")) { print FILENAME ":" FNR ": " at[2] " may not include " to[1]; bad = 1 } }
  END { exit bad }' tools/layers.txt $(find src -name '*.[ch]') && echo "layers: includes point one way"
