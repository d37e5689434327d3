#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual pages: mandoc accepts them, bezdist(1) has the commands and options that the program has, no more and no
# less, bezdist(7) names every header, and its program runs: test_man.sh ROOT BUILD
set -eu
root=$1 build=$2
. "$root/tests/install/consumers.sh"
one=$root/docs/man/bezdist.1 seven=$root/docs/man/bezdist.7

for header in "$root"/include/bezdist/*; do
  grep -qF "In bezdist/$(basename "$header")" "$seven" || { echo "bezdist(7) does not name $(basename "$header")"; exit 1; }
done
awk '/^\.Bd -literal$/ { on = 1; next } /^\.Ed$/ { on = 0 } on' "$seven" | sed -e 's/\\-/-/g' -e 's/\\e/\\/g' >page.c
library=$(find "$build" -maxdepth 1 -name 'libbezdist.so' -o -maxdepth 1 -name 'libbezdist.a')
$CC -std=c99 -Wall -Wextra -Wpedantic -Werror -I"$root/include" page.c -o page "$library" -Wl,-rpath,"$build" \
  $(case $library in *.a) echo -lblis -lz -lm -pthread ;; esac)
[ "$(./page | wc -l)" = 10 ]

options() { # SUBSECTION...: the options in these subsections of bezdist(1)
  for name in "$@"; do
    awk -v name="$name" '/^\.S[hs] / { on = substr($0, 5) == name } on && /^\.It Fl -/ { print "-" $3 }' "$one"
  done
}
program=$build/bin/bezdist
if [ -x "$program" ]; then
  "$program" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' >commands.txt
  [ "$(wc -l <commands.txt)" -ge 10 ]
  awk '/^\.Sh / { on = $2 == "COMMANDS" } on && /^\.Ss / { print $2 }' "$one" >described.txt
  diff commands.txt described.txt
  while read -r command; do
    "$program" "$command" --help | grep -oE '^ {6}--[a-z0-9-]+|^  -\?, +--[a-z0-9-]+' | grep -oE -e '--[a-z0-9-]+' | sort >has.txt
    shared=
    case $command in train | distill | reflow) shared="Training options" ;; esac
    { options "$command" "Common options" ${shared:+"$shared"}
      case $command in distill | reflow) options "Path options" ;; esac; } | sort >page.txt
    diff has.txt page.txt || { echo "options of $command: < the program has, > bezdist(1) has"; exit 1; }
  done <commands.txt
fi

need_tool mandoc
mandoc -T lint -W warning "$one" "$seven"
[ -x "$program" ] || { echo "skipped: the bezdist program is not built"; exit 77; }
