#!/bin/sh
# SPDX-License-Identifier: MIT
# A C99 program of all headers compiles without a warning, links and runs: test_client_c99.sh ROOT SHARED_LIBRARY
set -eu
root=$1 library=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror -I"$root/include" \
  "$root/tests/abi/client_c99.c" -o "$work/client" "$library" -Wl,-rpath,"$(dirname "$library")"
"$work/client"
