#!/bin/sh
# SPDX-License-Identifier: MIT
# Every header compiles alone, as C99 and as C++11 where there is a compiler; a C99 program links and runs:
# test_client_c99.sh ROOT SHARED_LIBRARY
set -eu
root=$1 library=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for header in "$root"/include/bezdist/*.h; do
  printf '#include <bezdist/%s>\ntypedef int not_empty;\n' "$(basename "$header")" > "$work/alone.c"
  "${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I"$root/include" -c "$work/alone.c" \
    -o "$work/alone.o"
  if command -v c++ > /dev/null; then
    c++ -x c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -I"$root/include" -c "$work/alone.c" -o "$work/alone.o"
  fi
done
"${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I"$root/include" \
  "$root/tests/abi/client_c99.c" -o "$work/client" "$library" -Wl,-rpath,"$(dirname "$library")"
"$work/client"
