#!/bin/sh
# SPDX-License-Identifier: MIT
# Header list = lib/bezdist.map = what the shared library exports; every global symbol of the archive is bzd_ or bzdi_;
# the library asks libc for nothing that an embedded library must not call.
set -eu
top=$1 library=$2 archive=$3
grep -hoE '^BZD_API[^(]*\(' -r "$top/include" | sed -E 's/.*[ *](bzd_[a-z0-9_]+)\($/\1/' | sort >header.txt
sed -n '/global:/,/local:/p' "$top/lib/bezdist.map" | grep -oE 'bzd_[a-z0-9_]+' | sort >map.txt
[ "$(wc -l <header.txt)" -gt 100 ]
diff header.txt map.txt
case $library in
*.so*)
  nm -D --defined-only "$library" | awk '$3 != "BEZDIST_0" && $3 !~ /^BEZDIST_0/ { sub(/@.*/, "", $3); print $3 }' | sort >exported.txt
  diff map.txt exported.txt
  if nm -D -u "$library" | grep -E ' (abort|exit|_exit|printf|puts|setenv|putenv|signal|sigaction|setlocale|umask|fesetround)(@|$)'; then
    echo "calls that do not belong into a library"
    exit 1
  fi
  ;;
esac
nm -g --defined-only "$archive" | awk 'NF == 3 { print $3 }' | grep -vE '^bzdi?_' >strays.txt && { cat strays.txt; exit 1; }
exit 0
