#!/bin/sh
# SPDX-License-Identifier: MIT
# Ensembles through the program: every way to combine, to weigh and to fit says something else; what does not go together is refused.
. "$(dirname "$0")/lib.sh"
data="toy:moons --toy-count 1000"
{
  $bezdist train --data $data --out t1.bzd --steps 300 $small
  $bezdist train --data $data --out t2.bzd --steps 250 --seed 1 $small
  $bezdist train --data $data --out bad.bzd --steps 3 --seed 2 $small
} >/dev/null
three="--teacher t1.bzd --teacher t2.bzd --teacher bad.bzd --pool 256 --steps 20 --net mlp:16x2 --batch 32 --threads 2"

# student OPTIONS...: points of a student of the three; what was said on stderr is in said.txt.
student() {
  "$bezdist" distill $three --out student.bzd "$@" >/dev/null 2>said.txt || { cat said.txt >&2; exit 1; }
  points student.bzd
}
effective() { sed -n 's/^bezdist: effective number of teachers: \([0-9.]*\) of 3$/\1/p' said.txt; }
# weighs LOW HIGH OPTIONS...: the effective number of teachers lies within.
weighs() {
  low=$1 high=$2
  shift 2
  student "$@" >/dev/null
  awk -v x="$(effective)" -v low="$low" -v high="$high" 'BEGIN { exit !(x != "" && x >= low && x <= high) }' ||
    { echo "effective number '$(effective)', expected $low..$high: $*"; exit 1; }
}

plain=$(student)
mixture=$(student --combine mixture)
select=$(student --combine select)
endpoint=$(student --combine endpoint)
[ "$(printf '%s\n' "$plain" "$mixture" "$select" "$endpoint" | sort -u | wc -l)" = 4 ] || { echo "combinations agree"; exit 1; }
same "$plain" "$(student --combine any-velocity)" "teachers of one generation, velocity and any-velocity"
weighs 3 3
weighs 1.99 2.01 --weights fixed:1,1,0
# The bad teacher weighs little, whether its error tells it or that it stands apart; rules by row say so too.
real="--real toy:moons --toy-count 1000 --rho 0 --seed 7"
{
  weighs 1.1 2.3 --weights error $real
  weighs 1.1 2.3 --weights variance $real
  weighs 1 1 --weights medoid
  weighs 1.1 2.9 --weights consensus
  weighs 2.95 3 --weights consensus:1000 # so hot that all count alike
  weighs 1 1.05 --weights consensus:0.0001
}
differ "$(student --weights variance:1 $real)" "$(student --weights variance:8 $real)" "bins of variance"
differ "$plain" "$(student --weights medoid)" "weights uniform and medoid"
fails 2 "" distill $three --out z.bzd --weights error
grep -q "give --real" err.txt
fails 2 "" distill $three --out z.bzd --weights consensus --combine mixture
fails 2 "" distill $three --out z.bzd --weights fixed:1,x,1
for wrong in fixed variance:0 variance:1.5 variance:1,2 consensus:x uniform:1; do
  fails 2 "" distill $three --out z.bzd --weights $wrong $real
done
fails 2 "" distill $three --out z.bzd --combine most

# The degree follows the tolerance, and both are told.
degree() { $bezdist inspect student.bzd --json | sed 's/.*"flow.degree":"\([0-9]*\)".*/\1/'; }
student --degree auto --tolerance 0.3 >/dev/null
grep -q "^bezdist: degree $(degree): relative residual 0.[0-9]*, tolerance 0.3$" said.txt
coarse=$(degree)
student --degree auto --tolerance 0.002 >/dev/null
[ "$(degree)" -gt "$coarse" ] || { echo "degrees $coarse and $(degree)"; exit 1; }
student --degree auto --tolerance 1e-9 >/dev/null
grep -q "degree 8: .* is not reached" said.txt
fails 2 "" distill $three --out z.bzd --tolerance 0.1
fails 2 "" distill $three --out z.bzd --degree auto --guide waypoint

# Windows, guides by flows, on-policy paths.
student >/dev/null
mv student.bzd visitor.bzd
differ "$(student --student velocity --degree 1)" "$(student --student velocity --degree 1 --windows 4)" "windows"
differ "$(student --guides t1.bzd)" "$(student --guide control)" "guides by flows and by states"
differ "$(student --guides t1.bzd)" "$(student --guides t2.bzd)" "two guides"
student --guides t1.bzd,t2.bzd --degree 3 --guide waypoint >/dev/null
differ "$plain" "$(student --visitor visitor.bzd)" "on-policy paths"
differ "$(student --visitor visitor.bzd)" "$(student --visitor visitor.bzd --visit-steps 2)" "visit steps"
fails 2 "" distill $three --out z.bzd --windows 4
fails 2 "" distill $three --out z.bzd --guides t1.bzd --degree 3
fails 2 "" distill $three --out z.bzd --guides t1.bzd --guide fit
fails 2 "" distill $three --out z.bzd --visit-steps 2
fails 1 "windows do not go with" distill $three --out z.bzd --quiet --student velocity --windows 4 --visitor visitor.bzd
[ ! -e z.bzd ]
