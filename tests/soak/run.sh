#!/bin/sh
# SPDX-License-Identifier: MIT
# sh tests/soak/run.sh [SECONDS [FILE.csv]]: builds, and runs the soak test (an hour if not told otherwise) in a scratch
# folder.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
seconds=${1:-3600}
table=${2:-$top/build/release/soak.csv}
case $table in /*) ;; *) table=$PWD/$table ;; esac
cd "$top"
cmake --preset release -DBEZDIST_TESTS=ON >/dev/null
cmake --build build/release --target soak -j"$(nproc)" >/dev/null
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
"$top/build/release/tests/soak" "$seconds" "$table"
