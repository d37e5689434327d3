#!/bin/sh
# SPDX-License-Identifier: MIT
# The program of docs/embedding.md compiles without a warning and runs: embedding.sh SOURCE_DIR LIBRARY_DIR [CC]
set -eu
source=$1 library=$2 cc=${3:-cc}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$source/docs/embedding.md" > "$work/embedding.c"
"$cc" -std=c11 -Wall -Wextra -Wpedantic -Werror -I"$source/include" "$work/embedding.c" -o "$work/embedding" \
  -L"$library" -lbezdist
LD_LIBRARY_PATH=$library${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$work/embedding"
