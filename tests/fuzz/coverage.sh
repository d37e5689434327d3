#!/bin/sh
# SPDX-License-Identifier: MIT
# Line and branch coverage of the loader, by replaying the committed corpora of all targets, that of refused allocations
# among them, with clang's source-based coverage. Prints a table for each file of lib/store; fails when the loader has
# less than 98 % of its lines or 95 % of its branches. Lines and branches that no input reaches:
# build/fuzz/coverage/missed.txt.
# The loader is lib/store but what only writes: write.c and zip_write.c (files), deflate.c (planes), change.c (changes to
# a store) and buffer.c (bytes being written); and but io.c, whose system calls and their faults are tests/faults.
set -eu
cd "$(dirname "$0")/../.."
out=build/fuzz/coverage
for tool in clang llvm-profdata llvm-cov python3; do
  command -v $tool >/dev/null || { echo "skipped: $tool is missing" && exit 77; }
done
mkdir -p $out
targets=$(cd tests/fuzz/targets && ls -- *.c | sed 's/\.c$//')
{ cmake -S . -B $out -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Release -DBEZDIST_EXAMPLES=OFF -DBEZDIST_INSTALL=OFF \
  -DCMAKE_C_FLAGS="-fprofile-instr-generate -fcoverage-mapping" &&
  cmake --build $out -j"$(nproc)" --target $(for t in $targets; do echo "fuzz_$t"; done); } >$out/build.log 2>&1 ||
  { tail -n 40 $out/build.log; exit 1; }
rm -f $out/*.profraw
set --
for t in $targets; do
  LLVM_PROFILE_FILE=$out/$t.profraw $out/tests/fuzz_"$t" tests/fuzz/corpus/"$t".ar >/dev/null
  set -- "$@" ${1:+-object} $out/tests/fuzz_"$t" # all but the first
done
llvm-profdata merge -o $out/all.profdata $out/*.profraw
llvm-cov show -show-branches=count -instr-profile $out/all.profdata "$@" lib/store/*.c >$out/show.txt
awk '/^[^ ].*\.c:$/ { file = $0 } /^ *[0-9]+\| +0\|/ { print file, $0 } /Branch \(/ && /(True|False): 0[,\]]/ { print file, $0 }' $out/show.txt >$out/missed.txt
llvm-cov export -summary-only -instr-profile $out/all.profdata "$@" lib/store/*.c >$out/summary.json
python3 - $out/summary.json <<'PYTHON'
import json, sys

others = ("write.c", "zip_write.c", "deflate.c", "change.c", "buffer.c", "io.c")
def row(name, n):
    print("%-16s %5d of %4d %6.1f%% %6d of %5d %6.1f%%" % (name, n[0], n[1], 100 * n[0] / max(n[1], 1), n[2], n[3], 100 * n[2] / max(n[3], 1)))
loader, rest = [0, 0, 0, 0], [0, 0, 0, 0]
print("%-16s %12s %7s %14s %7s" % ("lib/store/", "lines", "", "branches", ""))
rows = {}
for f in json.load(open(sys.argv[1]))["data"][0]["files"]:
    s = f["summary"]
    rows[f["filename"].rsplit("/", 1)[1]] = [s["lines"]["covered"], s["lines"]["count"], s["branches"]["covered"], s["branches"]["count"]]
for name, n in sorted(rows.items(), key=lambda r: (r[0] in others, r[0])):
    if name in others:
        rest = [a + b for a, b in zip(rest, n)]
    else:
        loader = [a + b for a, b in zip(loader, n)]
    row(name, n)
row("the others", rest)
row("the loader", loader)
sys.exit(loader[0] < 0.98 * loader[1] or loader[2] < 0.95 * loader[3])
PYTHON
