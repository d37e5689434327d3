#!/bin/sh
# SPDX-License-Identifier: MIT
# Every public header compiles alone as C99 and C++11 without a warning.
set -eu
top=$1
for header in "$top"/include/bezdist/*.h; do
  name=bezdist/$(basename "$header")
  echo "#include <$name>" >one.c
  cp one.c one.cc
  cc -std=c99 -pedantic -Wall -Wextra -Wshadow -Wconversion -Werror -I"$top/include" -fsyntax-only one.c
  if command -v c++ >/dev/null 2>&1; then
    c++ -std=c++11 -pedantic -Wall -Wextra -Werror -I"$top/include" -fsyntax-only one.cc
  fi
done
