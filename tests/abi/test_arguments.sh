#!/bin/sh
# SPDX-License-Identifier: MIT
# Every exported function is called by the tests of the public interface, and each that can fail (it returns bzd_status)
# with bad arguments by test_arguments.c: in a row of its tables, not only where it must succeed.
set -eu
top=$1
cat "$top"/tests/api/*.[ch] | grep -oE 'bzd_[a-z0-9_]+' | sort -u >called.txt
cat "$top"/tests/api/test_arguments.c "$top"/tests/api/arguments_*.h | grep -vE '\bOK\(' | grep -oE 'bzd_[a-z0-9_]+' | sort -u >bad.txt
grep -hoE '^BZD_API[^(]*\(' -r "$top/include" | sed -E 's/.*[ *](bzd_[a-z0-9_]+)\($/\1/' | sort >all.txt
grep -hoE '^BZD_API bzd_status [^(]*\(' -r "$top/include" | sed -E 's/.*[ *](bzd_[a-z0-9_]+)\($/\1/' | sort >failing.txt
[ "$(wc -l <failing.txt)" -gt 80 ]
comm -23 all.txt called.txt >never.txt
comm -23 failing.txt bad.txt >good_only.txt
sed 's/$/: no test of the public interface calls it/' never.txt
sed 's/$/: no bad argument is tried on it/' good_only.txt
[ ! -s never.txt ] && [ ! -s good_only.txt ]
