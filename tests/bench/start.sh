#!/bin/sh
# SPDX-License-Identifier: MIT
# From dlopen to the first sample of the digits model, eleven processes; build the release preset first.
set -eu
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc -O2 -Iinclude tests/bench/start.c -ldl -o "$work/start"
library=$PWD/build/release/libbezdist.so
"$work/start" "$library" "$work/digits.bzd"
for run in 1 2 3 4 5 6 7 8 9 10 11; do
  "$work/start" "$library" "$work/digits.bzd"
done | sort -t , -k 4.11n | awk '{ line[NR] = $0 } END { print "least:  " line[1]; print "median: " line[6] }'
