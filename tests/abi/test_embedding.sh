#!/bin/sh
# SPDX-License-Identifier: MIT
# The programs of these pages of docs/ compile without a warning and run: test_embedding.sh ROOT SHARED_LIBRARY
set -eu
root=$1 library=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
for page in embedding tensor-files; do
  awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$root/docs/$page.md" > "$page.c"
  "${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$root/include" "$page.c" -o "$page" "$library" \
    -Wl,-rpath,"$(dirname "$library")"
  "./$page"
done
