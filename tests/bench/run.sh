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
  for what in peak_fma bandwidth; do
    "$top/build/release/bin/bezdist" bench --what $what --threads "$threads" --json --quiet >>"$out"
  done
  for work in $works; do
    sh "$here/peers.sh" "$threads" "$work" >>"$out"
    for what in train_step forward forward_bf16; do
      "$top/build/release/bin/bezdist" bench "$work" --what $what --threads "$threads" --json --quiet >>"$out"
    done
  done
  round=$((round + 1))
done
python3 - "$out" <<'END'
import collections, json, statistics, sys
times, values = collections.defaultdict(list), collections.defaultdict(list)
for line in open(sys.argv[1]):
    row = json.loads(line)
    times[row["work"], row["what"], row["rows"], row["peer"]].append(row["us"])
    for unit in ("gflop_per_s", "gb_per_s"):
        if unit in row:
            values[row["work"], row["what"], unit].append(row[unit])
machine = {row[2]: statistics.median(v) for row, v in values.items()}
print(f"The machine in the same run: {machine['gflop_per_s']:.0f} GFLOP/s of fused multiply-adds, {machine['gb_per_s']:.1f} GB/s read.\n")
print("| work | what | rows | bezdist us | GFLOP/s | best peer us | peer | ratio |\n|---|---|---|---|---|---|---|---|")
ratios = []
for (work, what, rows, peer), us in times.items():
    if peer != "bezdist" or work == "machine":
        continue
    like = "forward" if what == "forward_bf16" else what
    peers = {p: statistics.median(v) for (w, h, r, p), v in times.items() if (w, h, r) == (work, like, rows) and p != "bezdist"}
    if not peers:
        continue
    best = min(peers, key=peers.get)
    mine = statistics.median(us)
    dim, width = {"toy": (2, 128), "digits": (64, 512), "image": (784, 1024)}[work]
    first, rest = (dim + 32) * width, 2 * width * width + width * dim
    flops = 2 * rows * (3 * (first + rest) - first if what == "train_step" else first + rest)
    ratio = peers[best] / mine
    if what == "forward":
        ratios.append(ratio)
    print(f"| {work} | {what} | {rows} | {mine:.1f} | {flops / mine / 1e3:.0f} | {peers[best]:.1f} | {best} | {ratio:.2f} |")
if ratios:
    print(f"\nGeometric mean of the {len(ratios)} ratios of forward: {statistics.geometric_mean(ratios):.2f}; the least: {min(ratios):.2f}.")
END
