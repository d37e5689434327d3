#!/bin/sh
# SPDX-License-Identifier: MIT
# Line and branch coverage of lib/store by replaying the committed corpora (clang's source-based coverage). Writes a
# table; lines and branches that no input reaches: build/fuzz/coverage/missed.txt.
set -eu
cd "$(dirname "$0")/../.."
out=build/fuzz/coverage
for tool in clang llvm-profdata llvm-cov; do
  command -v $tool >/dev/null || { echo "$tool is missing" >&2; exit 77; }
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
  LLVM_PROFILE_FILE=$out/$t.profraw $out/tests/fuzz/fuzz_"$t" tests/fuzz/corpus/"$t" >/dev/null
  set -- "$@" ${1:+-object} $out/tests/fuzz/fuzz_"$t" # all but the first
done
llvm-profdata merge -o $out/all.profdata $out/*.profraw
llvm-cov export -summary-only -instr-profile $out/all.profdata "$@" lib/store/*.c >$out/summary.json
python3 - $out/summary.json <<'PYTHON'
import json, sys

total, loader = [0, 0, 0, 0], [0, 0, 0, 0]
print("%-16s %12s %7s %14s %7s" % ("lib/store/", "lines", "", "branches", ""))
def row(name, n):
    print("%-16s %5d of %4d %6.1f%% %6d of %5d %6.1f%%" % (name, n[0], n[1], 100 * n[0] / max(n[1], 1), n[2], n[3], 100 * n[2] / max(n[3], 1)))
for f in json.load(open(sys.argv[1]))["data"][0]["files"]:
    s = f["summary"]
    n = [s["lines"]["covered"], s["lines"]["count"], s["branches"]["covered"], s["branches"]["count"]]
    total = [a + b for a, b in zip(total, n)]
    name = f["filename"].rsplit("/", 1)[1]
    if name not in ("io.c", "write.c", "zip_write.c"):  # files and their faults have tests of their own; writers
        loader = [a + b for a, b in zip(loader, n)]
    row(name, n)
row("loader", loader)
row("all", total)
PYTHON
llvm-cov show -show-branches=count -instr-profile $out/all.profdata "$@" lib/store/*.c >$out/show.txt
awk '/^[^ ].*\.c:$/ { file = $0 } /^ *[0-9]+\| +0\|/ { print file, $0 } /Branch \(/ && /(True|False): 0[,\]]/ { print file, $0 }' $out/show.txt >$out/missed.txt
