#!/bin/sh
# SPDX-License-Identifier: MIT
# Loading and unloading leave the process as it was: test_dlopen.sh ROOT SHARED_LIBRARY
set -eu
root=$1 library=$2
case $library in *.a) exit 77 ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"${CC:-cc}" -std=c11 -Wall -Wextra -Werror -I"$root/include" "$root/tests/abi/dlopen_host.c" -o "$work/host" -rdynamic -ldl -lm -lpthread
cd "$work"
./host "$library"
