#!/bin/sh
# SPDX-License-Identifier: MIT
# What more threads gain, beside what a loop of fused multiply-adds gains from them in the same run: threads in turn in
# every round, the shortest median of each. Needs a machine that does nothing else.
# Usage: scaling.sh [rounds] [threads ...]   (default: 5 rounds, 1 and 2 threads; build the release preset first)
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
rounds=${1:-5}
[ $# -gt 0 ] && shift
counts=${*:-1 2}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
bench() { "$top/build/release/bin/bezdist" bench "$@" --json --quiet >>"$out"; }
round=0
while [ "$round" -lt "$rounds" ]; do
  for threads in $counts; do
    bench toy --what peak_fma --threads "$threads"
    for work in digits image; do
      bench $work --what train_step --threads "$threads"
      bench $work --what sample --threads "$threads"
    done
  done
  round=$((round + 1))
done
python3 - "$out" <<'END'
import collections, json, sys
times = collections.defaultdict(lambda: float("inf"))
for line in open(sys.argv[1]):
    row = json.loads(line)
    if row["what"] == "sample" and row["rows"] != 1024:
        continue
    key = row["work"], row["what"], row["rows"], row["threads"]
    times[key] = min(times[key], row["us"])
threads = sorted({key[3] for key in times})
gain = lambda work, what, rows, n: times[work, what, rows, threads[0]] / times[work, what, rows, n]
print("| work | what | rows | " + " | ".join(f"{n} thread{'s' * (n > 1)}, us" for n in threads) +
      " | " + " | ".join(f"gain at {n} | of the loop's" for n in threads[1:]) + " |")
print("|---" * (3 + len(threads) + 2 * (len(threads) - 1)) + "|")
for work, what, rows in sorted({key[:3] for key in times}, key=lambda key: key[0] != "machine"):
    line = [work, "fused multiply-adds, 1e9" if work == "machine" else what, "" if work == "machine" else str(rows)]
    line += [f"{times[work, what, rows, n]:.1f}" for n in threads]
    for n in threads[1:]:
        line += [f"{gain(work, what, rows, n):.2f}",
                 "" if work == "machine" else f"{100 * gain(work, what, rows, n) / gain('machine', 'peak_fma', 0, n):.0f} %"]
    print("| " + " | ".join(line) + " |")
END
