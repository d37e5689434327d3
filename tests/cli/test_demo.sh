#!/bin/sh
# SPDX-License-Identifier: MIT
# The demo, cut short: everything it promises is there, and the report needs nothing from outside.
. "$(dirname "$0")/lib.sh"
$bezdist demo --minutes 0.02 --out out/demo --json --quiet >scores.json
for file in teacher-1.bzd bezier.bzd one-step.bzd reflow-2.bzd metrics.json paths.svg report.html samples-teacher-dopri5.png samples-bezier-2.png; do
  [ -s "out/demo/$file" ] || { echo "no $file"; exit 1; }
done
! grep -q 'src="[^d]\|href=' out/demo/report.html
grep -q 'data:image/png;base64' out/demo/report.html
grep -q '<svg' out/demo/report.html
grep -q '"model":"bezier","nfe":2.0' scores.json
grep -q '"copies"' scores.json
$bezdist inspect out/demo/bezier.bzd --verify >/dev/null
# Teachers of different generations have no mean velocity, unless it is asked for.
two="--teacher out/demo/teacher-1.bzd --teacher out/demo/reflow-2.bzd --pool 64 --steps 2 --quiet --threads 2"
fails 1 "generation" distill $two --out any.bzd
[ ! -e any.bzd ]
$bezdist distill $two --out any.bzd --combine any-velocity >/dev/null
