#!/bin/sh
# SPDX-License-Identifier: MIT
# A training that is stopped and resumed in another process, or interrupted by a signal, ends with the same bits.
. "$(dirname "$0")/lib.sh"
$bezdist train --data toy:moons --toy-count 500 --out whole.bzd --steps 60 $small >/dev/null
$bezdist train --data toy:moons --toy-count 500 --out parts.bzd --steps 60 --stop-at 20 $small
$bezdist train --data toy:moons --toy-count 500 --out parts.bzd --steps 60 --stop-at 41 --resume $small
fails 1 "60 steps, --steps says 70" train --data toy:moons --toy-count 500 --out parts.bzd --steps 70 --resume $small
fails 1 "source differs" train --data toy:rings --toy-count 500 --out parts.bzd --steps 60 --resume $small
$bezdist train --data toy:moons --toy-count 500 --out parts.bzd --steps 60 --resume --net mlp:16x2 --batch 32 --quiet --threads 1 >/dev/null
same "$(content_id whole.bzd)" "$(content_id parts.bzd)" "whole and resumed"

# Ctrl-C, once its first line of progress says that it trains, however long that takes: saves, prints the command that goes on, ends with 130.
$bezdist train --data toy:moons --toy-count 500 --out long.bzd --steps 100000000 --net mlp:64x3 --threads 1 2>stopped.txt >/dev/null &
training=$!
until grep -q " step " stopped.txt; do kill -0 $training || exit 1; sleep 0.1; done
kill -INT $training
code=0
wait $training || code=$?
same "$code" 130 "exit code after SIGINT"
grep -q "go on with: bezdist train --data toy:moons .* --resume$" stopped.txt
step=$($bezdist inspect long.bzd --json | sed 's/.*"trainer.step":"\([0-9]*\)".*/\1/')
[ "$step" -gt 0 ]
$bezdist train --data toy:moons --toy-count 500 --out long.bzd --steps 100000000 --net mlp:64x3 --threads 1 --quiet --resume --stop-at $((step + 5))
$bezdist train --data toy:moons --toy-count 500 --out again.bzd --steps 100000000 --net mlp:64x3 --threads 2 --quiet --stop-at $((step + 5))
same "$(content_id long.bzd)" "$(content_id again.bzd)" "interrupted and not"
