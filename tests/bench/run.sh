#!/bin/sh
# SPDX-License-Identifier: MIT
# PyTorch, ONNX Runtime and the library in turn on the reference work, in one run; medians over rounds and their ratio,
# and the same of the least of all rounds, which says more on a machine that others use too.
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
times, least, values = collections.defaultdict(list), {}, collections.defaultdict(list)
for line in open(sys.argv[1]):
    row = json.loads(line)
    key = row["work"], row["what"], row["rows"], row["peer"]
    times[key].append(row["us"])
    least[key] = min(least.get(key, row["us"]), row.get("least_us", row["us"]))
    for unit in ("gflop_per_s", "gb_per_s"):
        if unit in row:
            values[unit].append(row[unit])
print(f"The machine in the same run: {statistics.median(values['gflop_per_s']):.0f} (at most {max(values['gflop_per_s']):.0f}) GFLOP/s of fused multiply-adds, "
      f"{statistics.median(values['gb_per_s']):.1f} (at most {max(values['gb_per_s']):.1f}) GB/s read.\n")
print("| work | what | rows | bezdist us | best peer us | peer | ratio | least: bezdist us | GFLOP/s | best peer us | ratio |\n" + "|---" * 11 + "|")
ratios, least_ratios = [], []
for (work, what, rows, peer), us in times.items():
    if peer != "bezdist" or work == "machine":
        continue
    like = "forward" if what == "forward_bf16" else what
    peers = {key[3]: statistics.median(v) for key, v in times.items() if key[:3] == (work, like, rows) and key[3] != "bezdist"}
    if not peers:
        continue
    best = min(peers, key=peers.get)
    mine, shortest = statistics.median(us), least[work, what, rows, "bezdist"]
    peer_shortest = min(least[work, like, rows, p] for p in peers)
    dim, width = {"toy": (2, 128), "digits": (64, 512), "image": (784, 1024)}[work]
    first, rest = (dim + 32) * width, 2 * width * width + width * dim
    flops = 2 * rows * (3 * (first + rest) - first if what == "train_step" else first + rest)
    if what == "forward":
        ratios.append(peers[best] / mine)
        least_ratios.append(peer_shortest / shortest)
    print(f"| {work} | {what} | {rows} | {mine:.1f} | {peers[best]:.1f} | {best} | {peers[best] / mine:.2f} "
          f"| {shortest:.1f} | {flops / shortest / 1e3:.0f} | {peer_shortest:.1f} | {peer_shortest / shortest:.2f} |")
if ratios:
    print(f"\nGeometric mean of the {len(ratios)} ratios of forward: {statistics.geometric_mean(ratios):.2f}, the least {min(ratios):.2f}; "
          f"of shortest times {statistics.geometric_mean(least_ratios):.2f} and {min(least_ratios):.2f}.")
END
