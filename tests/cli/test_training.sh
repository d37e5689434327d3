#!/bin/sh
# SPDX-License-Identifier: MIT
# Every option of a training changes what is learned; couplings of data; names that are not there are refused.
. "$(dirname "$0")/lib.sh"
data="--data toy:8gaussians --toy-count 500"
# trained COMMAND OPTIONS...: points of a model trained with them.
trained() {
  "$bezdist" "$@" --out trained.bzd --steps 30 $small >/dev/null
  points trained.bzd
}
# Each line: options, compared with those before the bar.
compare() {
  base=$1
  shift
  plain=$(trained $base)
  for options in "$@"; do differ "$plain" "$(trained $base $options)" "$base $options"; done
}
compare "train $data" "--time u-shaped" "--time logit-normal" "--time loss-aware" "--loss huber" "--at-zero 0.5" \
  "--at-grid 0.5" "--coupling transport"
compare "train $data --at-grid 0.5" "--grid-steps 2" "--one-step 0.25"
compare "train $data --coupling transport" "--group 8"
compare "train $data --time u-shaped" "--time u-shaped:9"
compare "train $data --time logit-normal" "--time logit-normal:1,0.5"
compare "train $data --loss huber" "--loss huber:1"
same "$(trained train $data --coupling transport)" "$(trained train $data --coupling transport --group 32)" "group as the batch"
same "$(trained train $data)" "$(trained train $data --time uniform --loss mse --coupling independent)" "defaults by name"
$bezdist train $data --out t.bzd --steps 40 $small >/dev/null
compare "distill --teacher t.bzd --pool 128 --degree 3" "--loss gram" "--endpoint-weight 4" "--consistency 2" "--time u-shaped" \
  "--at-grid 1" "--aim 1" "--aim 4" "--aim 16"
compare "reflow --teacher t.bzd --pool 128" "--time logit-normal" "--at-grid 0.5" "--windows 2"
fails 2 "" train $data --out z.bzd --time sometimes
grep -q "one of uniform, u-shaped, logit-normal, loss-aware" err.txt
fails 2 "" train $data --out z.bzd --loss l1
for wrong in "--time uniform:1" "--time logit-normal:1" "--time u-shaped:x" "--loss mse:1" "--loss huber:-1"; do
  fails 2 "" train $data --out z.bzd $wrong
done
fails 2 "" train $data --out z.bzd --group 8
fails 2 "" train $data --out z.bzd --coupling transport --group 1
fails 1 "at_zero" train $data --out z.bzd --at-zero 0.7 --at-grid 0.7 $small
[ ! -e z.bzd ]

# Resumed with another coupling it is another source.
$bezdist train $data --out half.bzd --steps 30 --stop-at 10 $small >/dev/null
fails 1 "source differs" train $data --out half.bzd --steps 30 --resume --coupling transport $small

# A flow from data to data is scored from the rows it starts from; from noise it lands elsewhere.
$bezdist train --data toy:8gaussians --source toy:moons --toy-count 4000 --out between.bzd --steps 400 --net mlp:32x2 --quiet >/dev/null
score() { $bezdist eval --model between.bzd --data toy:8gaussians --nfe dopri5 --count 400 --json "$@" --quiet | sed 's/.*"sw2": *\([0-9.]*\).*/\1/'; }
awk -v with="$(score --source toy:moons)" -v without="$(score)" 'BEGIN { if (!(with < 0.7 * without)) { print with, without; exit 1 } }'
fails 1 "digits: rows of 64 numbers, the model has 2" eval --model between.bzd --data toy:8gaussians --source digits --count 100
