#!/bin/sh
# SPDX-License-Identifier: MIT
# The program of docs/embedding.md compiles without a warning and runs: test_embedding.sh ROOT SHARED_LIBRARY
set -eu
root=$1 library=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$root/docs/embedding.md" > "$work/embedding.c"
"${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$root/include" "$work/embedding.c" -o "$work/embedding" \
  "$library" -Wl,-rpath,"$(dirname "$library")"
"$work/embedding"
