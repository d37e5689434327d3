#!/bin/sh
# SPDX-License-Identifier: MIT
# What is wrong gets one line and exit code 1, a wrong use 2, and nothing is written; help is there.
. "$(dirname "$0")/lib.sh"
$bezdist train --data toy:moons --toy-count 200 --out good.bzd --steps 10 $small >/dev/null
$bezdist inspect good.bzd --verify >/dev/null
head -c 300 good.bzd >cut.bzd
{ head -c 200 good.bzd; printf x; tail -c +202 good.bzd; } >damaged.bzd
echo "no model" >foreign.bzd
: >empty.bzd
fails 1 "cut.bzd" inspect cut.bzd
fails 1 "damaged.bzd" inspect damaged.bzd --verify
fails 1 "damaged.bzd" sample --model damaged.bzd --quiet
fails 1 "foreign.bzd" sample --model foreign.bzd --quiet
fails 1 "empty.bzd" sample --model empty.bzd --quiet
fails 1 "missing.bzd" distill --teacher missing.bzd --out z.bzd $small
fails 1 "nowhere/z.bzd" train --data toy:moons --toy-count 200 --out nowhere/z.bzd --steps 5 $small
fails 1 "no toy set" train --data toy:suns --out z.bzd --steps 5 $small
fails 1 "missing.idx" train --data missing.idx --out z.bzd --steps 5 $small
printf '\000\000\010\001\000\000\000\003\001\002\003' >labels.idx
fails 1 "3 labels" train --data toy:moons --toy-count 200 --labels labels.idx --out z.bzd --steps 5 $small
printf '\000\000\010\003\000\000\377\377\000\000\000\010\000\000\000\010' >promise.idx
fails 1 "its header says" train --data promise.idx --out z.bzd --steps 5 $small
fails 2 "" train --data toy:moons
fails 2 "" train --data toy:moons --out z.bzd --steps none
fails 2 "" train --data toy:moons --out z.bzd --net mlp:9
fails 2 "" train --data toy:moons --out z.bzd --net mlp:9x2+hop
fails 2 "" nonsense
[ ! -e z.bzd ]
ls -A | grep -v '^\(good\|cut\|damaged\|foreign\|empty\)\.bzd$\|^\(labels\|promise\)\.idx$\|^\(out\|err\)\.txt$' && exit 1
for command in demo train distill reflow sample fit compare eval inspect bench; do
  $bezdist $command --help | grep -q 'Example: bezdist' || { echo "no example in $command --help"; exit 1; }
done
$bezdist --version | grep -q '^bezdist '
