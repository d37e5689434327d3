#!/bin/sh
# SPDX-License-Identifier: MIT
# The tables and plots of docs/results and docs/results.md are those of the rows.
docs=$(cd "$(dirname "$0")/../../docs" && pwd)
. "$(dirname "$0")/lib.sh"
cp -r "$docs/results" "$docs/results.md" .
sh results/fill.sh "$bezdist"
diff results.md "$docs/results.md" >differ.txt || { echo "sh docs/results/fill.sh has not been run:"; head -n 20 differ.txt; exit 1; }
for file in results/*.md results/*.svg; do cmp "$file" "$docs/$file"; done
[ "$(grep -c '^<!-- [a-z]* [a-z]' results.md)" -ge 10 ]
[ "$(grep -c '^<!-- [a-z]* [a-z]' results.md)" = "$(grep -c '^<!-- end -->' results.md)" ]
