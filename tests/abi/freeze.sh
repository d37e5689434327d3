#!/bin/sh
# SPDX-License-Identifier: MIT
# Keeps what the public headers of this tree promise (docs/abi.md): sh tests/abi/freeze.sh [--client]
#   without an option  tests/abi/baseline.abi, which test_abi.sh compares the library with
#   --client           also tests/abi/frozen/bezdist-MAJOR.MINOR.h, the declarations in one file without comments, for a
#                      new release's frozen client
# The baseline is made from the declarations alone, as functions that return 0: so it holds no type of the inside, and
# what the library hides may change freely.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
headers=$(for name in base checkpoint data flow ensemble fitter metrics path source tensors trainer; do echo "include/bezdist/$name.h"; done)
# shellcheck disable=SC2086
[ "$(ls include/bezdist/*.h | wc -l)" = $(($(echo $headers | wc -w) + 1)) ] || { echo "a header is missing in freeze.sh"; exit 1; }

{
  echo '#include <bezdist/bezdist.h>'
  # shellcheck disable=SC2086
  for header in $headers; do "${CC:-cc}" -fpreprocessed -E -P "$header" 2>/dev/null; done | tr '\n' ' ' | sed 's/BZD_API/\n&/g' |
    sed -nE 's/^BZD_API (void [a-z0-9_]+\([^;]*\));.*/\1 {}/p; s/^BZD_API ([^;]*\));.*/\1 { return 0; }/p'
} >"$work/surface.c"
"${CC:-cc}" -std=c11 -g -shared -fPIC -Wall -Werror -Iinclude "$work/surface.c" -o "$work/libbezdist.so" -Wl,-soname,libbezdist.so.0 \
  -Wl,--version-script=lib/bezdist.map -Wl,--no-undefined-version
abidw --headers-dir include --drop-private-types --no-show-locs --no-corpus-path --no-comp-dir-path --type-id-style hash \
  "$work/libbezdist.so" | sed "s|path='[^']*'|path='bezdist.h'|" >tests/abi/baseline.abi

[ "${1:-}" = --client ] || exit 0
version=$(sed -nE 's/^#define BZD_VERSION_(MAJOR|MINOR) //p' include/bezdist/base.h | paste -sd.)
[ ! -e "tests/abi/frozen/bezdist-$version.h" ] || { echo "tests/abi/frozen/bezdist-$version.h is there, and frozen"; exit 1; }
{
  echo '/* SPDX-License-Identifier: MIT */'
  echo "/* The public interface as version $version had it. Never changed: sh tests/abi/freeze.sh --client made it. */"
  echo '/* clang-format off */'
  echo '#ifndef BEZDIST_FROZEN_H'
  echo '#define BEZDIST_FROZEN_H'
  # shellcheck disable=SC2086
  for header in $headers; do "${CC:-cc}" -fpreprocessed -dD -E -P "$header" 2>/dev/null; done |
    grep -vE '^#(include <bezdist/|ifndef BEZDIST_|define BEZDIST_)' | awk '
      /^#ifdef __cplusplus/ { depth++; opens = 1 } # the braces of extern "C" come once for each header: left out
      /^#if/ { level++ }
      opens { if (/^#endif/) { opens = 0; level-- } next }
      /^#endif/ { if (level == 0) next; level-- }
      { print }'
  echo '#endif'
} >"tests/abi/frozen/bezdist-$version.h"
