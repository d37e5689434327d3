#!/bin/sh
# SPDX-License-Identifier: MIT
# Solvers of few steps and their grids; measures of the flow itself in eval.
. "$(dirname "$0")/lib.sh"
$bezdist train --data toy:rings --toy-count 500 --out m.bzd --steps 400 $small >/dev/null
$bezdist distill --teacher m.bzd --out c.bzd --steps 40 --pool 200 $small >/dev/null
$bezdist distill --teacher m.bzd --out e.bzd --steps 10 --pool 200 --student endpoint $small >/dev/null
grid_of() { "$bezdist" sample --count 2 --out g.npy --quiet --json "$@" | sed 's/.*"grid":\[\([0-9.,]*\)\].*/\1/'; }

# Re-anchoring is another way than along the curve, fresh noise another than the old.
differ "$(points c.bzd --nfe 3)" "$(points c.bzd --nfe 3 --solver reanchor)" "control and reanchor"
differ "$(points c.bzd --nfe 3 --solver reanchor)" "$(points c.bzd --nfe 3 --solver reanchor --renoise 0.7)" "renoise"
same "$(points c.bzd --nfe 1)" "$(points c.bzd --nfe 1 --solver reanchor --renoise 0.7)" "one jump"
points e.bzd --nfe 2 --solver reanchor >/dev/null
fails 1 "REANCHOR" sample --model m.bzd --solver reanchor --quiet
fails 2 "" sample --model c.bzd --renoise 0.7
fails 1 "dopri5-fixed takes 6" sample --model m.bzd --solver dopri5-fixed --nfe 8 --quiet
points m.bzd --solver dopri5-fixed --nfe 12 >/dev/null

# Grids: equal steps by name; a chosen one is another, and does the same when it is given.
same "$(points c.bzd --nfe 4)" "$(points c.bzd --grid 0,0.25,0.5,0.75,1)" "an equal grid of control"
same "$(points m.bzd --nfe 2)" "$(points m.bzd --grid 0,0.5,1)" "an equal grid of euler"
for model in c.bzd m.bzd; do
  grid=$(grid_of --model $model --grid auto --nfe 3)
  [ "$(echo "$grid" | tr , '\n' | wc -l)" = 4 ] || { echo "grid $grid"; exit 1; }
  same "$(points $model --grid auto --nfe 3)" "$(points $model --grid "$grid")" "$model: chosen and given grid $grid"
  differ "$(points $model --nfe 3)" "$(points $model --grid auto --nfe 3)" "$model: equal and chosen grid $grid"
done
$bezdist sample --model c.bzd --grid auto --out g.npy 2>said.txt >/dev/null
grep -q '^bezdist: grid 0,[0-9.]*,[0-9.]*,[0-9.]*,1: error ' said.txt
fails 2 "" sample --model c.bzd --grid 0,0.5,1 --nfe 2
fails 2 "" sample --model c.bzd --grid 0,half,1
fails 2 "" sample --model c.bzd --grid 1
fails 1 "expected the end 1" sample --model c.bzd --grid 0,0.5 --quiet
fails 1 "chooses its own steps" sample --model m.bzd --grid 0,0.5,1 --solver dopri5 --quiet
fails 1 "endpoint flow" sample --model e.bzd --grid auto --quiet
$bezdist train --data digits --labels digits-labels --out d.bzd --steps 40 $small >/dev/null
# Under a condition the grid is that of its own trajectories.
one=$(grid_of --model d.bzd --label 1 --grid auto --nfe 3) none=$(grid_of --model d.bzd --grid auto --nfe 3)
[ "$(echo "$one" | tr , '\n' | wc -l)" = 4 ] && [ "$(echo "$none" | tr , '\n' | wc -l)" = 4 ]
same "$(points d.bzd --label 1 --grid auto --nfe 3)" "$(points d.bzd --label 1 --grid "$one")" "a label's grid $one"

# Measures of the flow: where there is a velocity, and its conditions, and no guidance.
measured() {
  "$bezdist" eval --count 64 --nfe 2 --json "$@" >eval.json || exit 1
  for key in straightness arc_over_chord crossing_variance drift; do grep -q "\"$key\":[0-9]" eval.json || return 1; done
}
measured --model m.bzd --data toy:rings
crossing=$(sed 's/.*"crossing_variance":\([0-9.]*\).*/\1/' eval.json)
measured --model c.bzd --data toy:rings
! measured --model e.bzd --data toy:rings --nfe 1
measured --model d.bzd --data digits --labels digits-labels
! measured --model d.bzd --data digits
! measured --model d.bzd --data digits --labels digits-labels --guidance 2
# A flow trained on the data follows its paths better than one that knows nothing.
$bezdist train --data toy:rings --toy-count 500 --out new.bzd --steps 1 $small >/dev/null
measured --model new.bzd --data toy:rings
awk -v a="$crossing" -v b="$(sed 's/.*"crossing_variance":\([0-9.]*\).*/\1/' eval.json)" 'BEGIN { exit !(a < b) }'
$bezdist eval --model m.bzd --data toy:rings --count 64 --nfe 1 | grep -q '^the flow itself:$'
