#!/bin/sh
# SPDX-License-Identifier: MIT
# The symbols file of the Debian package names what lib/bezdist.map exports, and the version that each first came with:
# test_symbols.sh ROOT BUILD
set -eu
root=$1
file=$root/lib/debian/libbezdist0.symbols
[ "$(head -n 1 "$file")" = 'libbezdist.so.0 libbezdist0 #MINVER#' ]
awk '/^ / { print $1 }' "$file" | sort >named.txt
# Each node's name is a symbol too.
awk '/^BEZDIST_[0-9]+ / { node = $1; print node "@" node } match($1, /^bzd_[a-z0-9_]+;$/) { sub(/;/, "", $1); print $1 "@" node }' \
  "$root/lib/bezdist.map" | sort >exported.txt
[ "$(wc -l <exported.txt)" -gt 100 ]
diff exported.txt named.txt
# "Since 0.1" in the header is 0.1.0 here.
awk '/^ bzd_/ { sub(/@.*/, "", $1); print $1, $2 }' "$file" | while read -r name version; do
  # shellcheck disable=SC2016
  since=$(cat "$root"/include/bezdist/*.h | awk -v name="$name" '
    /Since [0-9]/ { match($0, /Since [0-9]+\.[0-9]+/); since = substr($0, RSTART + 6, RLENGTH - 6) }
    /Since$/ { open = 1; next }
    open && match($0, /[0-9]+\.[0-9]+/) { since = substr($0, RSTART, RLENGTH); open = 0 }
    /^BZD_API/ && index($0, name "(") { print since; exit }')
  [ "$since.0" = "$version" ] || { echo "$name: Since $since in its header, $version in $file"; exit 1; }
done
