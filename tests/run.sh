#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is missing (Debian, Ubuntu), builds the release preset, runs the tests: all but those of the label install,
# which build the library three times more and are part of .ci/run. Options go to ctest, and none is left out then.
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/tests/support/packages.sh"
# shellcheck disable=SC2086
need $build_packages libcmocka-dev
cd "$top"
mkdir -p build/release
cmake --preset release -DBEZDIST_TESTS=ON >build/release/build.log 2>&1 || { cat build/release/build.log; exit 1; }
cmake --build build/release -j"$(nproc)" >build/release/build.log 2>&1 || { tail -n 60 build/release/build.log; exit 1; }
[ $# -gt 0 ] || set -- -LE install
exec ctest --test-dir build/release -j"$(nproc)" --output-on-failure "$@"
