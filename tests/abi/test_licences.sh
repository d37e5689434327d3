#!/bin/sh
# SPDX-License-Identifier: MIT
# Every source file names its licence in its first two lines; docs/licences.md has every folder of the tree and every
# library that CMake looks for, under the licence that Debian's copyright file names. Proves first that it can fail.
set -eu
here=$PWD
cd "$1"

sources() { # of a tree, but for builds
  find "$1" \( -name .git -o -name build -o -name 'build-*' -o -name target -o -name __pycache__ \) -prune -o -type f \( \
    -name '*.[chS]' -o -name '*.[ch]pp' -o -name '*.cc' -o -name '*.py' -o -name '*.rs' -o -name '*.sh' -o -name '*.awk' -o \
    -name '*.cmake' -o -name '*.in' -o -name CMakeLists.txt -o -name '*.toml' -o -name '*.map' -o -name '*.[1-9]' -o \
    -path '*/.ci/*' \) -print | sort
}
bare() {
  sources "$1" | while read -r file; do
    head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file: no SPDX-License-Identifier in its first two lines"
  done
}
rm -rf "$here/sample"
for name in a.c a.h a.hpp a.cpp a.py a.rs a.sh a.awk a.cmake CMakeLists.txt a.toml a.1 a.map a.pc.in .ci/run; do
  mkdir -p "$here/sample/.ci"
  printf 'one\ntwo\nSPDX-License-Identifier: MIT\n' >"$here/sample/$name"
  [ -n "$(bare "$here/sample")" ] || { echo "a bare $name is not seen"; exit 1; }
  rm -rf "$here/sample"
done
[ "$(sources . | wc -l)" -gt 300 ]
bare . >"$here/complaints.txt"

page=docs/licences.md
for folder in */ .ci/ examples/data/; do
  case $folder in build/ | build-*/) continue ;; esac
  grep -qF "| \`${folder%/}\` |" "$page" || echo "$folder has no row in $page"
done >>"$here/complaints.txt"

sources . | grep -E '(CMakeLists\.txt|\.cmake|\.cmake\.in)$' | xargs cat |
  grep -oE '(find_package|find_dependency|pkg_check_modules|pkg_search_module)\([A-Za-z0-9_]+' | sed 's/.*(//' | sort -u >"$here/libraries.txt"
[ "$(wc -l <"$here/libraries.txt")" -ge 6 ]
while read -r name; do
  case $name in PkgConfig | bezdist) continue ;; esac
  grep -q "^| $name | " "$page" || echo "$name has no row in $page"
done <"$here/libraries.txt" >>"$here/complaints.txt"
sed -n '/^| CMake/,/^$/p' "$page" | sed -e 1,2d -e '/^$/d' -e 's/^| //' -e 's/ | /|/g' -e 's/ |$//' >"$here/rows.txt"
while IFS='|' read -r name _ _ package _ debian; do
  grep -qx "$name" "$here/libraries.txt" || echo "$page has a row for $name, which CMake does not look for"
  copyright=/usr/share/doc/$package/copyright
  [ ! -e "$copyright" ] || grep -qwF -e "$debian" "$copyright" || echo "$copyright does not name $debian"
done <"$here/rows.txt" >>"$here/complaints.txt"

cat "$here/complaints.txt"
[ ! -s "$here/complaints.txt" ]
