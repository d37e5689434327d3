#!/bin/sh
# SPDX-License-Identifier: MIT
# Sample i depends on the seed and i alone; solvers and what they refuse; fit, compare, eval.
. "$(dirname "$0")/lib.sh"
$bezdist train --data toy:rings --toy-count 500 --out m.bzd --steps 40 $small >/dev/null
body() { tail -c +129 "$1" | head -c "$2"; } # after the NPY header of 128 bytes
for solver in euler midpoint heun rk4 dopri5; do
  $bezdist sample --model m.bzd --count 100 --solver $solver --out all.npy --quiet --threads 1 >/dev/null
  $bezdist sample --model m.bzd --count 7 --solver $solver --out few.npy --quiet --threads 2 >/dev/null
  $bezdist sample --model m.bzd --first 50 --count 3 --solver $solver --out late.npy --quiet --threads 3 >/dev/null
  body all.npy 56 >a; body few.npy 56 >b; cmp a b
  tail -c +$((129 + 400)) all.npy | head -c 24 >a; body late.npy 24 >b; cmp a b
done
fails 1 "rk4 takes 4 evaluations" sample --model m.bzd --nfe 6 --solver rk4 --quiet
fails 1 "control" sample --model m.bzd --solver control --quiet
fails 2 "" sample --model m.bzd --backward
fails 2 "" sample --model m.bzd --count 0
$bezdist sample --model m.bzd --from all.npy --backward --out back.npy --quiet >/dev/null
$bezdist sample --model m.bzd --count 300 --out picture.png --quiet >/dev/null
head -c 4 picture.png | grep -q PNG
$bezdist compare all.npy all.npy --json >same.json
grep -q '"sw2":0.0' same.json
for key in sw2 w2 energy frechet frechet_matched total_variance precision recall mmd; do grep -q "\"$key\":" same.json; done
$bezdist eval --model m.bzd --data toy:rings --count 64 --nfe 1,dopri5 --json >eval.json
[ "$(wc -l <eval.json)" = 2 ]
for key in nfe nfe_max solver sw2 energy floor_sw2 floor_energy us_per_sample; do grep -q "\"$key\":" eval.json; done
$bezdist bench toy --what forward --json --threads 1 >bench.json
grep -q '{"peer": "bezdist", "work": "toy", "what": "forward", "rows": 1, "threads": 1, "us": ' bench.json
command -v python3 >/dev/null || exit 0
while read -r line; do echo "$line" | python3 -m json.tool >/dev/null; done <eval.json
# A cubic is fitted by degree 3 to the last bits.
python3 - <<'END'
import struct
def npy(name, shape, values):
    head = ("{'descr': '<f4', 'fortran_order': False, 'shape': %s, }" % (shape,)).encode()
    head += b' ' * (63 - (10 + len(head)) % 64) + b'\n'
    open(name, 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(head)) + head + struct.pack('<%df' % len(values), *values))
times = [k / 9 for k in range(10)]
npy('x.npy', (2, 10, 1), [c * t ** 3 - t + 1 for c in (1, 2) for t in times])
npy('t.npy', (10,), times)
npy('nan.npy', (3, 2), [1, 2, 3, float('nan'), 5, 6])
END
$bezdist fit --trajectory x.npy --times t.npy --degree 3 --out p.npy --json >fit.json
python3 -c "import json; assert json.load(open('fit.json'))['residual'] < 1e-6"
fails 1 "row 1, column 1" train --data nan.npy --out nan.bzd --steps 5 $small
[ ! -e nan.bzd ]
