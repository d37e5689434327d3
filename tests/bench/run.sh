#!/bin/sh
# SPDX-License-Identifier: MIT
# PyTorch, ONNX Runtime and the library on the reference work, in turn every few milliseconds in one process
# (peers_torch.py, forward.c); medians over rounds and their ratio, and the same of the least of all rounds.
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
  done
  round=$((round + 1))
done
python3 - "$out" <<'END'
import collections, json, statistics, sys
cells, values = collections.defaultdict(lambda: collections.defaultdict(list)), collections.defaultdict(list)
for line in open(sys.argv[1]):
    row = json.loads(line)
    if "bezdist_us" in row:
        cells[row["work"], row["what"], row["rows"]][row["peer"]].append(row)
    for unit in ("gflop_per_s", "gb_per_s"):
        if unit in row:
            values[unit].append(row[unit])
print(f"The machine in the same run: {statistics.median(values['gflop_per_s']):.0f} (at most {max(values['gflop_per_s']):.0f}) GFLOP/s of fused multiply-adds, "
      f"{statistics.median(values['gb_per_s']):.1f} (at most {max(values['gb_per_s']):.1f}) GB/s read.\n")
print("| work | what | rows | bezdist us | best peer us | peer | ratio | least: bezdist us | GFLOP/s | best peer us | ratio |\n" + "|---" * 11 + "|")
ratios, least_ratios = [], []
for (work, what, rows), peers in cells.items():
    def middle(peer, key):
        return statistics.median(row[key] for row in peers[peer])
    def shortest(peer, key):
        return min(row[key] for row in peers[peer])
    # The best peer is the one that the library, timed in turn with it, is the least ahead of.
    ratio = {peer: middle(peer, "us") / middle(peer, "bezdist_us") for peer in peers}
    least_ratio = {peer: shortest(peer, "least_us") / shortest(peer, "bezdist_least_us") for peer in peers}
    best, least_best = min(ratio, key=ratio.get), min(least_ratio, key=least_ratio.get)
    least = shortest(least_best, "bezdist_least_us")
    dim, width = {"toy": (2, 128), "digits": (64, 512), "image": (784, 1024)}[work]
    first, rest = (dim + 32) * width, 2 * width * width + width * dim
    flops = 2 * rows * (3 * (first + rest) - first if what == "train_step" else first + rest)
    if what == "forward":
        ratios.append(ratio[best])
        least_ratios.append(least_ratio[least_best])
    print(f"| {work} | {what} | {rows} | {middle(best, 'bezdist_us'):.1f} | {middle(best, 'us'):.1f} | {best} | {ratio[best]:.2f} "
          f"| {least:.1f} | {flops / least / 1e3:.0f} | {shortest(least_best, 'least_us'):.1f} | {least_ratio[least_best]:.2f} |")
if ratios:
    print(f"\nGeometric mean of the {len(ratios)} ratios of forward: {statistics.geometric_mean(ratios):.2f}, the least {min(ratios):.2f}; "
          f"of shortest times {statistics.geometric_mean(least_ratios):.2f} and {min(least_ratios):.2f}.")
END
