#!/bin/sh
# SPDX-License-Identifier: MIT
# Distillation through the program: reflow is distill of degree 1 to the bit; every kind of student; conditions.
. "$(dirname "$0")/lib.sh"
$bezdist train --data toy:8gaussians --toy-count 500 --out t1.bzd --steps 40 $small >/dev/null
$bezdist train --data toy:8gaussians --toy-count 500 --out t2.bzd --steps 40 --seed 1 $small >/dev/null
$bezdist reflow --teacher t1.bzd --out a.bzd --steps 30 --pool 300 $small >/dev/null
$bezdist distill --teacher t1.bzd --out b.bzd --steps 30 --pool 300 --degree 1 --student velocity $small >/dev/null
same "$(content_id a.bzd)" "$(content_id b.bzd)" "reflow and distill --degree 1"
for student in control endpoint velocity; do
  $bezdist distill --teacher t1.bzd --teacher t2.bzd --out $student.bzd --student $student --degree 3 --steps 20 --pool 200 \
    --weights consensus $small >/dev/null
done
$bezdist distill --teacher t1.bzd --teacher t2.bzd --out m.bzd --combine mixture --weights fixed:1,3 --guide waypoint --steps 20 \
  --pool 0 --real toy:8gaussians --toy-count 500 --rho 0.5 --init fresh $small >/dev/null
$bezdist distill --teacher t1.bzd --out r.bzd --rounds 2 --degree 1 --steps 20 --pool 200 $small >/dev/null
[ -e r.bzd.round1 ]
$bezdist sample --model control.bzd --count 5 --nfe 2 --out x.npy --quiet >/dev/null
$bezdist sample --model endpoint.bzd --count 5 --out x.npy --quiet >/dev/null
fails 1 "2 numbers for 1 teachers\|1 numbers for 2 teachers" distill --teacher t1.bzd --teacher t2.bzd --out z.bzd --weights fixed:1 --steps 5 $small
fails 2 "" distill --teacher t1.bzd --out z.bzd --weights best
# Paths without any bend are straight: the student of degree 2 learns what its elevated lines say, others learn more.
for bend in 0 0.75 1; do
  $bezdist distill --teacher t1.bzd --out bend$bend.bzd --bend $bend --steps 10 --pool 200 $small >/dev/null
done
$bezdist distill --teacher t1.bzd --out bend.bzd --steps 10 --pool 200 $small >/dev/null
same "$(content_id bend.bzd)" "$(content_id bend0.75.bzd)" "distill and distill --bend 0.75"
[ "$(content_id bend0.bzd)" != "$(content_id bend1.bzd)" ] && [ "$(content_id bend.bzd)" != "$(content_id bend1.bzd)" ]
fails 2 "bend" distill --teacher t1.bzd --out z.bzd --bend 1.5
# A skip connection of the teacher's is the student's; a fresh student has its own.
$bezdist train --data toy:8gaussians --toy-count 500 --out s1.bzd --steps 20 --net mlp:8x1+skip --batch 32 --quiet >/dev/null
for init in teacher fresh; do
  $bezdist distill --teacher s1.bzd --out s2.bzd --init $init --net mlp:8x1+skip --steps 20 --pool 200 --batch 32 --quiet >/dev/null
  $bezdist inspect s2.bzd | grep -q skip.weight
done
fails 1 "endpoint" sample --model endpoint.bzd --nfe 2 --quiet
[ ! -e z.bzd ]

# Conditions: digits with labels, guided samples.
$bezdist train --data digits --labels digits-labels --dropout 0.1 --out c.bzd --steps 20 $small >/dev/null
$bezdist sample --model c.bzd --count 4 --label 7 --guidance 2 --nfe 8 --solver euler --out digits.png --quiet >/dev/null
head -c 4 digits.png | grep -q PNG
$bezdist distill --teacher c.bzd --real digits --labels digits-labels --rho 0.3 --out d.bzd --steps 10 --pool 200 --guidance 1.5 $small >/dev/null
fails 1 "has 10 classes" sample --model c.bzd --label 10 --quiet
fails 1 "evaluations a step" sample --model c.bzd --label 1 --guidance 2 --nfe 3 --solver euler --quiet
