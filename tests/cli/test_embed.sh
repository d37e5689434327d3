#!/bin/sh
# SPDX-License-Identifier: MIT
# convert to a C array: valid C99 and C++11, the bytes of the file, a program without a file system draws the bits of
# bezdist sample from it; --slim; names; refusals.
root=$(cd "$(dirname "$0")/../.." && pwd)
. "$(dirname "$0")/lib.sh"
command -v "${CC:-cc}" >/dev/null || { echo "skipped: no C compiler"; exit 77; }
$bezdist train --data digits --out teacher.bzd --steps 8 $small >/dev/null
$bezdist distill --teacher teacher.bzd --out student.bzd --steps 8 --pool 64 $small >/dev/null
$bezdist convert student.bzd named.bzd --weights auto --set title="for the robot" --set note=x

# The array is the file that convert writes with the same options; the name and its size are there.
$bezdist convert named.bzd digits.h --bf16 --slim
$bezdist convert named.bzd small.bzd --bf16 --slim
$bezdist convert named.bzd --out long.bzd --storage bf16 --slim
cmp small.bzd long.bzd
differ "$(content_id named.bzd)" "$(content_id small.bzd)" "rounded weights"
cat >dump.c <<'END'
#include "digits.h"
#include <stdio.h>
int main(void) {
  return __alignof__(digits) >= 16 && fwrite(digits, 1, digits_size, stdout) == digits_size ? 0 : 1;
}
END
sed 's/fwrite/std::fwrite/; s/stdio.h/cstdio/' dump.c >dump.cc
"${CC:-cc}" -std=c99 -Wall -Wextra -Wpedantic -Werror dump.c -o dump
./dump >dumped.bzd || { echo "digits.h: not aligned to 16"; exit 1; }
cmp dumped.bzd small.bzd
if command -v c++ >/dev/null; then
  c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror dump.cc -o dump
  ./dump | cmp - small.bzd
else
  echo "skipped: C++11, no compiler"
fi
grep -q "content id $(content_id small.bzd)" digits.h
grep -q "control-point flow of degree 2: dim 64, cond_dim 0, " digits.h
[ "$(awk 'length > 120' digits.h | wc -l)" = 0 ]
[ "$(wc -c <digits.h)" -lt $((4 * $(wc -c <small.bzd))) ]
$bezdist convert teacher.bzd thin.bzd --slim
$bezdist inspect teacher.bzd --json | grep -q '"kind":"trainer"' && $bezdist inspect thin.bzd --json | grep -q '"kind":"flow"'
$bezdist inspect named.bzd --json | grep -q '"user.title"'
$bezdist inspect small.bzd --json | grep -q '"user\.' && { echo "--slim kept metadata"; exit 1; }

# The program of examples/embedded, with the library that this bezdist uses.
library=$(ldd "$bezdist" | sed -n 's/.*libbezdist[^ ]* => \([^ ]*\) .*/\1/p')
if [ -n "$library" ]; then
  "${CC:-cc}" -std=c11 -Wall -Wextra -Wpedantic -Werror -I. -I"$root/include" "$root/examples/embedded/sample_digit.c" -o digit \
    "$library" -Wl,-rpath,"$(dirname "$library")"
  for seed in 0 3; do
    $bezdist sample --model small.bzd --count 1 --nfe 2 --seed $seed --out one.npy --quiet >/dev/null
    tail -c 256 one.npy | od -An -v -w4 -tx4 | tr -d ' ' >expected.txt
    ./digit $seed bits >bits.txt
    cmp bits.txt expected.txt
    [ "$(wc -l <bits.txt)" = 64 ]
    [ "$(./digit $seed | awk 'length == 16' | wc -l)" = 8 ]
  done
  [ "$(./digit 0 bits | cksum)" != "$(./digit 3 bits | cksum)" ]
  [ "$(wc -l <"$root/examples/embedded/sample_digit.c")" -le 60 ]
else
  echo "skipped: the program, bezdist is linked statically"
fi

# Names: of any file an identifier.
for name in 8x8 new a-b--c ünicode _; do $bezdist convert small.bzd "$name.h"; done
name_of() { sed -n 's/^static const unsigned char \(.*\)\[[0-9]*\] = {$/\1/p' "$1"; }
same "$(name_of 8x8.h)" model_8x8 "a digit first"
same "$(name_of new.h)" new_model "a word of C++"
same "$(name_of a-b--c.h)" a_b_c "other characters"
same "$(name_of ünicode.h)" nicode "letters beyond ASCII"
same "$(name_of _.h)" model "nothing left"
# Words of later standards, of <stddef.h>, and what compilers define beside the standard: the header still compiles.
for name in concept constinit co_await requires char8_t typeof size_t ptrdiff_t max_align_t NULL offsetof std linux unix; do
  $bezdist convert small.bzd "$name.h" && echo "#include \"$name.h\"" >>words.c
done
"${CC:-cc}" -fsyntax-only words.c
if command -v c++ >/dev/null; then c++ -std=gnu++20 -fsyntax-only -x c++ words.c; fi
# A trainer's file gives its flow, an ensemble's the ensemble; others are refused and nothing is written.
$bezdist convert teacher.bzd t.h
grep -q "^/\* velocity flow of degree 1: dim 64" t.h
fails 2 "" convert small.bzd
fails 2 "" convert small.bzd x.h y.h
fails 2 "" convert small.bzd x.hpp
fails 2 "" convert small.bzd x.safetensors --slim
fails 1 "nothing.bzd" convert nothing.bzd x.h
head -c 5000 small.bzd >half.bzd
fails 1 "half.bzd\|bytes" convert half.bzd x.h
mkdir x.h
fails 1 "x.h: not a regular file" convert small.bzd x.h
rmdir x.h
[ ! -e x.h ]
