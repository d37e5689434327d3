#!/bin/sh
# SPDX-License-Identifier: MIT
# Mutants of what reads and writes files: sh tests/mutation/run.sh [--sample N --seed S] [--quick SECONDS] [--again]
# [--report] [--minutes M] [file...]; without files the checkpoint reader and writer. Builds the tests, plain and with
# sanitizers, runs them before each mutant until one fails, and goes on where it was stopped: the rows are in
# build/mutation/mutants.csv. Ends with a table and the survivors that equivalent.txt does not list.
set -eu
cd "$(dirname "$0")/../.."
for kind in plain asan; do
  flags=
  [ $kind = plain ] || flags="-g1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
  cmake -S tests/mutation -B build/mutation/$kind -DCMAKE_BUILD_TYPE=Release "-DCMAKE_C_FLAGS=$flags" >/dev/null
  cmake --build build/mutation/$kind >build/mutation/$kind/build.log 2>&1 || { tail -n 40 build/mutation/$kind/build.log; exit 1; }
done
exec python3 tests/mutation/drive.py "$@"
