#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing (Debian, Ubuntu), builds, and runs the whole job on the 8x8 digits. Options go to bezdist demo.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/support/packages.sh"
# shellcheck disable=SC2086
need $build_packages
cd "$top"
mkdir -p build/release
{ cmake --preset release -DBEZDIST_TESTS=OFF && cmake --build build/release -j"$(nproc)" --target bezdist_program; } \
  >build/release/build.log 2>&1 || { tail -n 60 build/release/build.log; exit 1; }
exec build/release/bin/bezdist demo --out build/demo "$@"
