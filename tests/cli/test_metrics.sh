#!/bin/sh
# SPDX-License-Identifier: MIT
# Every metric of compare agrees with NumPy and SciPy to 1e-5, for sets of equal and of unequal size.
support=$(cd "$(dirname "$0")/../support" && pwd)
. "$(dirname "$0")/lib.sh"
skip() { echo "skipped: $*"; exit 77; }
# The system's own python3 too: the first one on the path may be another, without the system's packages.
python='' lacks=python3
for each in python3 /usr/bin/python3; do
  command -v $each >/dev/null || continue
  for module in numpy scipy; do
    if $each -c "import $module" 2>/dev/null; then continue; fi
    lacks=python3-$module
    continue 2
  done
  python=$each
  break
done
[ "$python" ] || skip "$lacks is not installed"
library=$(dirname "$bezdist")/../libbezdist.so
[ -e "$library" ] || skip "no libbezdist.so beside the program; sw2 takes its directions from it"

# Correlated columns, so that covariances do not commute; moved and stretched little enough that balls still overlap.
$python - <<'END'
import numpy as np

rng = np.random.default_rng(20)
for case, n, m, dim in (("plane", 300, 300, 2), ("unequal", 200, 260, 16), ("wide", 128, 128, 64)):
    scale = np.arange(1, dim + 1) ** -0.7
    mix = scale[:, None] * np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    turn = np.eye(dim) + 0.15 * rng.normal(size=(dim, dim)) / np.sqrt(dim)
    b = rng.normal(size=(m, dim)) @ mix + 0.5
    a = rng.normal(size=(n, dim)) @ mix @ turn * 1.15 + 0.5 + 0.6 * scale.mean()
    np.save(case + "-a.npy", a.astype(np.float32))
    np.save(case + "-b.npy", b.astype(np.float32))
END
for case in plane unequal wide; do
  $bezdist compare $case-a.npy $case-b.npy --json >$case-ours.json
  $python "$support/metrics_reference.py" $case-a.npy $case-b.npy "$library" >$case-theirs.json
done
$python - <<'END'
import json
import sys

good = True
for case in ("plane", "unequal", "wide"):
    ours, theirs = (json.load(open("%s-%s.json" % (case, who))) for who in ("ours", "theirs"))
    expected = {key: value for key, value in theirs.items() if value is not None}
    if sorted(ours) != sorted(expected):
        print("%s: metrics %s, expected %s" % (case, sorted(ours), sorted(expected)))
        good = False
    for key in [key for key in expected if key in ours]:
        x, y = ours[key], expected[key]
        # Near 0, and for shares at 1, wrong code would agree as well: then the sets are badly chosen.
        if not abs(y) > 1e-3 or (key in ("precision", "recall") and y == 1):
            print("%s %s: the reference is %.9g, which shows nothing" % (case, key, y))
            good = False
        error = abs(x - y) / max(abs(y), 1e-300)
        if not error <= 1e-5:
            print("%s %s: %.9g, expected %.9g, relative error %.2g" % (case, key, x, y, error))
            good = False
sys.exit(not good)
END
