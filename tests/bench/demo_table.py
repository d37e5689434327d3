# SPDX-License-Identifier: MIT
"""The tables of docs/results.md on the demo, from the metrics.json of several seeds (mean +- standard deviation).

Usage: for s in 0 1 2; do build/release/bin/bezdist demo --seed $s --out build/demo-$s; done
       python3 tests/bench/demo_table.py build/demo-*/metrics.json
"""
import json
import statistics
import sys

runs = [json.load(open(path)) for path in sys.argv[1:]]
KEYS = [("sw2", 4), ("energy", 4), ("frechet", 3), ("frechet_matched", 3), ("total_variance", 2), ("precision", 3), ("recall", 3)]


def spread(values, digits):
    deviation = statistics.stdev(values) if len(values) > 1 else 0
    return f"{statistics.mean(values):.{digits}f} +- {deviation:.{digits}f}"


def line(cells):
    print("| " + " | ".join(cells) + " |")


def name(row):
    if "nfe" not in row:
        return row["model"], "floor"
    nfe = f"{row['nfe']:.0f}"
    return row["model"], nfe + " (dopri5)" if row["solver"] == "dopri5" else nfe


line(["model", "NFE"] + [key for key, _ in KEYS])
line(["---"] * (2 + len(KEYS)))
for i, row in enumerate(runs[0]["scores"]):
    line(list(name(row)) + [spread([run["scores"][i][key] for run in runs], digits) for key, digits in KEYS])

print("\nThe bezier student over the teacher's dopri5 of the same seed (sw2 / energy):\n")
line(["seed", "1 NFE", "2 NFE", "4 NFE", "seconds", "threads"])
line(["---"] * 6)
for run in runs:
    teacher = next(row for row in run["scores"] if row["model"] == "teacher" and row["solver"] == "dopri5")
    students = [row for row in run["scores"] if row["model"] == "bezier"]
    line([str(run["seed"])] + [f"{row['sw2'] / teacher['sw2']:.3f} / {row['energy'] / teacher['energy']:.3f}" for row in students]
         + [f"{run['seconds']:.0f}", str(run["threads"])])

print()
line(["rows", "5 %", "median", "95 %", "copies"])
line(["---"] * 5)
for i, row in enumerate(runs[0]["nearest"]):
    line([row["rows"]] + [spread([run["nearest"][i][key] for run in runs], 2) for key in ("nearest_5%", "nearest_median", "nearest_95%")]
         + [f"{sum(run['nearest'][i]['copies'] for run in runs):g}"])
