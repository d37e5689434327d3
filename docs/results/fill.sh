#!/bin/sh
# SPDX-License-Identifier: MIT
# Makes the tables and plots of this folder from its rows again, and puts the short ones into ../results.md, between a
# mark such as <!-- accumulation claims --> and <!-- end -->: sh docs/results/fill.sh [BEZDIST]
set -eu
bezdist=${1:-build/release/bin/bezdist}
case $bezdist in */*) bezdist=$(cd "$(dirname "$bezdist")" && pwd)/$(basename "$bezdist") ;; esac
cd "$(dirname "$0")"
trap 'rm -f results.part' EXIT
for study in $(ls ./*.csv | sed 's|^\./||; s|-.*||' | sort -u); do
  "$bezdist" study "$study" --report --quiet --out . >/dev/null
  rm "$study.html"
done
rmdir models 2>/dev/null || true
awk '
  /^<!-- [a-z]+ (claims|sw2 .*|kept .*) -->$/ {
    file = $2 ".md"
    mark = $0
    sub(/^<!-- [a-z]+ /, "<!-- ", mark)
    print
    copy = found = 0
    while ((getline line <file) > 0) {
      if (copy && line == "<!-- end -->") break
      if (copy) print line
      if (line == mark) copy = found = 1
    }
    close(file)
    if (!found) { print FILENAME ": no " mark " in " file >"/dev/stderr"; exit 1 }
    do
      if ((getline line) <= 0) { print FILENAME ": no end of " mark >"/dev/stderr"; exit 1 }
    while (line != "<!-- end -->")
    print "<!-- end -->"
    next
  }
  { print }' ../results.md >results.part
mv results.part ../results.md
