#!/bin/sh
# SPDX-License-Identifier: MIT
# PyTorch and the library in turn on the reference work, in one run; medians over rounds and their ratio.
# Usage: run.sh [threads] [rounds] [toy|digits|image ...]   (build the release preset first; peers.sh installs PyTorch)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
threads=${1:-1} rounds=${2:-3}
[ $# -gt 1 ] && shift
[ $# -gt 0 ] && shift
works=${*:-toy digits image}
out=${BENCH_OUT:-$(mktemp)}
: >"$out"
round=0
while [ "$round" -lt "$rounds" ]; do
  for work in $works; do
    sh "$here/peers.sh" "$threads" "$work" >>"$out"
    "$top/build/release/bin/bezdist" bench "$work" --threads "$threads" --json --quiet >>"$out"
  done
  round=$((round + 1))
done
python3 - "$out" <<'END'
import collections, json, statistics, sys
times = collections.defaultdict(list)
for line in open(sys.argv[1]):
    row = json.loads(line)
    times[row["work"], row["what"], row["rows"], row["peer"]].append(row["us"])
print("| work | what | rows | bezdist us | best peer us | peer | ratio |\n|---|---|---|---|---|---|---|")
for (work, what, rows, peer), us in times.items():
    if peer != "bezdist" or what not in ("train_step", "forward"):
        continue
    peers = {p: statistics.median(v) for (w, h, r, p), v in times.items() if (w, h, r) == (work, what, rows) and p != "bezdist"}
    if not peers:
        continue
    best = min(peers, key=peers.get)
    mine = statistics.median(us)
    print(f"| {work} | {what} | {rows} | {mine:.1f} | {peers[best]:.1f} | {best} | {peers[best] / mine:.2f} |")
END
