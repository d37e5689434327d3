#!/bin/sh
# SPDX-License-Identifier: MIT
# Every source file names its licence in its first two lines.
set -eu
cd "$1"
find lib include examples tests -name '*.[ch]' -o -name '*.sh' -o -name '*.py' -o -name '*.cmake' -o -name CMakeLists.txt |
  while read -r file; do head -n 2 "$file" | grep -q 'SPDX-License-Identifier: ' || echo "$file"; done >"$OLDPWD/bare.txt"
cat "$OLDPWD/bare.txt"
[ ! -s "$OLDPWD/bare.txt" ]
