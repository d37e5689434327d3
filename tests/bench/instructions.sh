#!/bin/sh
# SPDX-License-Identifier: MIT
# Instructions of one call of each piece of instructions.c, counted by valgrind, against instructions.txt:
#   instructions.sh [--update]     (build the release preset first)
# Fails where one takes over MARGIN % more than is written there. What it should take less is said, and --update writes
# it down. Counts are those of one compiler and of AVX2 (valgrind knows no AVX-512): with others it is skipped (77).
set -eu
cd "$(dirname "$0")/../.."
MARGIN=3
figures=tests/bench/instructions.txt
compiler="gcc $(gcc -dumpfullversion 2>/dev/null || echo missing) $(uname -m)"
command -v valgrind >/dev/null || { echo "skipped: valgrind is missing"; exit 77; }
grep -q avx2 /proc/cpuinfo || { echo "skipped: no AVX2"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -O2 -Wall -Wextra -Iinclude tests/bench/instructions.c -Lbuild/release -lbezdist -Wl,-rpath,"$PWD/build/release" -o "$work/pieces"
count() { # piece times
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$work/pieces" "$1" "$2" 2>&1 | sed -n 's/.*Collected : //p'
}
{
  echo "# $compiler; instructions of one call; see instructions.sh"
  for piece in train_step forward forward_one adaptive curve fit save load; do
    echo "$piece $((($(count $piece 5) - $(count $piece 1)) / 4))"
  done
} >"$work/now"
if [ "${1:-}" = --update ]; then
  cp "$work/now" "$figures"
  cat "$figures"
  exit 0
fi
[ "$(head -n 1 "$figures")" = "$(head -n 1 "$work/now")" ] ||
  { echo "skipped: counted with another compiler: $(head -n 1 "$figures")"; exit 77; }
awk -v margin=$MARGIN '
  /^#/ { next }
  NR == FNR { before[$1] = $2; next }
  {
    change = 100 * ($2 / before[$1] - 1)
    printf "%-12s %10d %+6.1f %%\n", $1, $2, change
    if (change > margin) { bad = bad " " $1 }
    if (change < -margin) { good = good " " $1 }
  }
  END {
    if (good) print "fewer than written down (instructions.sh --update):" good
    if (bad) print "more than " margin " % above what is written down:" bad
    exit bad != ""
  }' "$figures" "$work/now"
