#!/bin/sh
# SPDX-License-Identifier: MIT
# The C in the README compiles as C99, runs, and has about the thirty lines it promises; every page it links to is there.
set -eu
top=$1 library=$2
awk '/^```c$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$top/README.md" >readme.c
[ "$(wc -l <readme.c)" -le 45 ]
cat >>readme.c <<'END'
int main(void) {
  float rows[200], samples[32];
  if (bzd_noise(1, BZD_STREAM_USER, 0, 100, 2, rows)) return 1;
  return learn(rows, 100, 2, samples) ? 1 : 0;
}
END
cc -std=c99 -pedantic -Wall -Wextra -Werror -I"$top/include" readme.c -o readme "$library" -Wl,-rpath,"$(dirname "$library")" \
  $(case $library in *.a) echo -lblis -lz -lm -pthread ;; esac)
./readme
[ -s model.bzd ]
grep -oE '\]\([a-zA-Z/._-]+\)' "$top/README.md" | tr -d '])(' | while read -r page; do
  [ -e "$top/$page" ] || { echo "README links to $page, which is not there"; exit 1; }
done
