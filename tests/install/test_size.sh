#!/bin/sh
# SPDX-License-Identifier: MIT
# The installed library, stripped, is under 400 KB (docs/decisions/0017): a Release build by GCC for x86-64, shared and
# without unwind tables. Other builds are skipped.
#   test_size.sh ROOT BUILD
set -eu
build=$2
is() { grep -q "^$1:[A-Z]*=$2\$" "$build/CMakeCache.txt"; }
case $(uname -m) in x86_64) ;; *) echo "skipped: not x86-64"; exit 77 ;; esac
if ! is CMAKE_BUILD_TYPE Release || ! is BUILD_SHARED_LIBS ON || ! is BEZDIST_UNWIND_TABLES OFF; then
  echo "skipped: not a shared Release build without unwind tables"
  exit 77
fi
library=$(readlink -f "$build/libbezdist.so")
readelf -p .comment "$library" | grep -q GCC || { echo "skipped: not built by GCC"; exit 77; }
strip -o stripped.so "$library"
size=$(wc -c <stripped.so)
echo "$size bytes"
[ "$size" -lt 409600 ]
