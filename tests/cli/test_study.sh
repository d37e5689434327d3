#!/bin/sh
# SPDX-License-Identifier: MIT
# Studies, cut short: rows, plots and a report; a study that was cut in the middle of a row goes on to the same rows.
. "$(dirname "$0")/lib.sh"
study() { $bezdist study "$@" --seeds 1 --scale 0.002 --out out --quiet; }
study translation --data moons+8gaussians
file="out/translation-moons+8gaussians-0.csv"
[ "$(wc -l <"$file")" = 15 ] # a header; the teacher by five ways, two students at 1, 2, 4, 8, one at 1
for made in translation.md translation.html; do [ -s "out/$made" ] || { echo "no $made"; exit 1; }; done
cp "$file" whole.csv
head -c 1500 whole.csv >"$file"
rm -rf out/models
study translation --data moons+8gaussians
cmp whole.csv "$file"
study accumulation --data 8gaussians --rounds 2
grep -q '^| a. bezier-chain: growth' out/accumulation.md
grep -q '^| c. bezier-ensemble at 1' out/accumulation.md
grep -q '^| b. bezier-mixture at 4' out/accumulation.md
grep -q '<svg' out/accumulation.html
[ -s out/accumulation-8gaussians-ode.svg ]
study accumulation --report
study anchoring --data 8gaussians
grep -q '^| e. bezier, rho 0, at 4 NFE' out/anchoring.md
study grids --data moons-8gaussians
# The others: a row for every line of the claims, a plot where there is one.
for name in degree guides sampling teachers specialists; do
  $bezdist study $name --data moons-8gaussians --seeds 1 --scale 0.0005 --out out --quiet
  [ -s out/$name-moons-8gaussians.svg ]
done
grep -q '^| e. control, degree 2, at 4 NFE' out/degree.md
grep -q '^| e. degree 2, fit bent by 0.75, at 4 NFE' out/guides.md
grep -q '^| e. bezier, aim 16, at ode NFE' out/sampling.md
grep -q '^| d. student of 8 teachers' out/teachers.md
grep -q '^| d. four specialists of classes, two rounds' out/specialists.md
grep -q 'bezier, velocity uniform' out/teachers-moons-8gaussians.svg
grep -q 're-anchored' out/grids-moons-8gaussians.svg
for file in out/*.csv; do # a comma within a name would move every column behind it
  awk -F , -v file="$file" 'NR == 1 { columns = NF } NF != columns { print file ": " $0; bad = 1 } END { exit bad }' "$file"
done
grep -q '^| control degree 3 | re-anchored with fresh noise |' out/grids.md
fails 2 "no study" study nonsense
fails 2 "no test bed" study grids --data nonsense
