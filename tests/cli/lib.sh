# SPDX-License-Identifier: MIT
# Sourced by the tests of the program: $bezdist, a clean scratch folder, and what must hold of failures.
set -eu
bezdist=$1
rm -rf scratch
mkdir scratch
cd scratch
small="--net mlp:16x2 --batch 32 --quiet --threads 2"

# fails CODE WORDS ARGS...: exit code, one line on stderr that begins with the program and holds the words.
fails() {
  code=$1 words=$2
  shift 2
  got=0
  "$bezdist" "$@" >out.txt 2>err.txt </dev/null || got=$?
  [ "$got" = "$code" ] || { echo "exit $got instead of $code: bezdist $*"; cat err.txt; exit 1; }
  [ "$code" = 2 ] && [ -s err.txt ] && return 0
  [ "$(wc -l <err.txt)" = 1 ] || { echo "not one line: bezdist $*"; cat err.txt; exit 1; }
  grep -q "^bezdist: .*$words" err.txt || { echo "no '$words': bezdist $*"; cat err.txt; exit 1; }
}
content_id() { "$bezdist" inspect "$1" --json | sed 's/.*"content_id":"\([0-9a-f]*\)".*/\1/'; }
same() { [ "$1" = "$2" ] || { echo "differ: $3"; exit 1; }; }
differ() { [ "$1" != "$2" ] || { echo "no difference: $3"; exit 1; }; }
# points MODEL OPTIONS...: a sum over a few samples, so that models are told apart by what they do.
points() {
  model=$1
  shift
  "$bezdist" sample --model "$model" --count 8 --out points.npy --quiet --threads 2 "$@" >/dev/null
  cksum <points.npy
}
