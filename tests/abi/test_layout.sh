#!/bin/sh
# SPDX-License-Identifier: MIT
# The public structs and constants are those of layout.c, and layout.c knows all of them: test_layout.sh ROOT
# With --new ROOT it prints the lines that layout.c lacks, for whoever adds a field or a constant.
set -eu
new=
if [ "$1" = --new ]; then new=1 && shift; fi
root=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cc="${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Werror -I$root/include"

# One line for each field, struct and constant of the headers in a folder, as layout.c would have them but for the
# numbers.
lines() {
  for header in "$1"/bezdist/*.h; do "${CC:-cc}" -fpreprocessed -dD -E -P "$header" 2>/dev/null; done | awk '
  /^#define BZD_[A-Z0-9_]+ [^ ]/ && $2 !~ /^BZD_VERSION_/ && $2 != "BZD_API" { print "CONSTANT(" $2 ")" }
  /^typedef struct bzd_[a-z0-9_]+ \{/ { struct = $3; next }
  struct != "" && /^}/ { print "STRUCT(" struct ")"; struct = ""; next }
  struct != "" {
    field = field " " $0
    if ($0 !~ /;/) next
    sub(/;.*/, "", field); gsub(/ +/, " ", field); sub(/^ /, "", field)
    array = sub(/\[.*/, "", field)
    match(field, /[a-z0-9_]+$/)
    name = substr(field, RSTART); type = substr(field, 1, RSTART - 1); sub(/ $/, "", type)
    print "FIELD(" struct ", " name ", " type (array ? " *" : "") ")"
    field = ""
  }'
}
lines "$root/include" >"$work/now.txt"
[ "$(grep -c FIELD "$work/now.txt")" -gt 200 ] && [ "$(grep -c CONSTANT "$work/now.txt")" -gt 100 ]

sed -nE 's/^(CONSTANT\([A-Z0-9_]+|STRUCT\([a-z0-9_]+|FIELD\([a-z0-9_]+, [a-z0-9_]+, [a-z0-9_ *]+), .*/\1)/p' \
  "$root/tests/abi/layout.c" >"$work/known.txt"
unknown() { lines "$1" | grep -vxFf "$work/known.txt" || true; }
unknown "$root/include" >"$work/missing.txt"
if [ -n "$new" ] && [ -s "$work/missing.txt" ]; then
  {
    cat <<'END'
#include <bezdist/bezdist.h>
#include <stdio.h>
#define CONSTANT(name) printf("CONSTANT(%s, %lld)\n", #name, (long long)(name));
#define STRUCT(type) printf("STRUCT(%s, %zu)\n", #type, sizeof(type));
#define FIELD(type, name, of)                                                                                          \
  printf("FIELD(%s, %s, %s, %zu, %zu)\n", #type, #name, #of, offsetof(type, name), sizeof(((type *)0)->name));
int main(void) {
END
    cat "$work/missing.txt"
    echo '}'
  } >"$work/print.c"
  $cc "$work/print.c" -o "$work/print"
  "$work/print"
  exit 0
fi
sed 's/$/ is not in tests\/abi\/layout.c (sh tests\/abi\/test_layout.sh --new .)/' "$work/missing.txt"
[ ! -s "$work/missing.txt" ]
$cc -fsyntax-only "$root/tests/abi/layout.c"

# Members of 4 and 8 bytes, one after the other: what padding there is has a name.
sed -nE 's/^FIELD\(([a-z0-9_]+), ([a-z0-9_]+), .*, ([0-9]+), ([0-9]+)\)$/\1 \2 \3 \4/p' "$root/tests/abi/layout.c" | awk '
  $3 != end[$1] + 0 { print $1 "." $2 ": at " $3 ", the field before ends at " end[$1] + 0; bad = 1 }
  $4 % 4 != 0 { print $1 "." $2 " has " $4 " bytes"; bad = 1 }
  { end[$1] = $3 + $4 }
  END { for (struct in end) if (end[struct] % 8 != 0) { print struct " ends at " end[struct]; bad = 1 } exit bad }'

# It can fail: another offset, another size, another type, another number, a field that is gone; a field and a constant
# that layout.c does not know.
broken() { # file, sed script
  rm -rf "$work/include"
  cp -r "$root/include" "$work/include"
  sed -i "$2" "$work/include/bezdist/$1"
  if cmp -s "$root/include/bezdist/$1" "$work/include/bezdist/$1"; then echo "nothing to break in $1: $2" && exit 1; fi
  if "${CC:-cc}" -std=c11 -I"$work/include" -fsyntax-only "$root/tests/abi/layout.c" 2>/dev/null; then
    echo "layout.c does not see: $1, $2" && exit 1
  fi
}
broken trainer.h 's/^  int64_t batch; .*rows of a step/  int64_t inserted;\n&/'
broken trainer.h 's/^  double rate;/  float rate, other;/'
broken flow.h 's/^  int32_t layers;/  uint32_t layers;/'
broken base.h 's/^#define BZD_E_LIMIT .*/#define BZD_E_LIMIT (-22)/'
broken trainer.h 's/^  double rollback_rate;.*//'
cp "$root"/include/bezdist/*.h "$work/include/bezdist/"
sed -i 's/^} bzd_trainer_config;/  double appended;\n&/' "$work/include/bezdist/trainer.h"
echo '#define BZD_APPENDED 7' >>"$work/include/bezdist/base.h"
unknown "$work/include" >"$work/unknown.txt"
printf '%s\n' 'CONSTANT(BZD_APPENDED)' 'FIELD(bzd_trainer_config, appended, double)' | diff - "$work/unknown.txt"
