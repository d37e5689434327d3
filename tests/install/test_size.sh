#!/bin/sh
# SPDX-License-Identifier: MIT
# The library as it is built, stripped, is under 400 KiB (docs/decisions/0017): a Release build by GCC 12 for x86-64, shared
# and without unwind tables or flags of one's own. Other builds are skipped.
#   test_size.sh ROOT BUILD
set -eu
build=$2
skip() { echo "skipped: $*"; exit 77; }
grep -q '^CMAKE_BUILD_TYPE:[A-Z]*=\(Release\)\{0,1\}$' "$build/CMakeCache.txt" || skip "no Release build"
grep -q '^BEZDIST_UNWIND_TABLES:BOOL=OFF$' "$build/CMakeCache.txt" || skip "unwind tables are kept"
grep -q '^CMAKE_C_FLAGS:STRING=$' "$build/CMakeCache.txt" || skip "flags of one's own"
[ -e "$build/libbezdist.so" ] || skip "no shared library"
grep -qs '^set(CMAKE_C_COMPILER_ID "GNU")' "$build"/CMakeFiles/*/CMakeCCompiler.cmake || skip "not GCC"
grep -qs '^set(CMAKE_C_COMPILER_VERSION "12\.' "$build"/CMakeFiles/*/CMakeCCompiler.cmake || skip "not GCC 12"
command -v strip >/dev/null || skip "strip is missing"
library=$(readlink -f "$build/libbezdist.so")
readelf -h "$library" | grep -q X86-64 || skip "not x86-64"
strip -o stripped.so "$library"
size=$(wc -c <stripped.so)
echo "$size bytes"
[ "$size" -lt 409600 ]
