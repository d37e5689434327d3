#!/bin/sh
# SPDX-License-Identifier: MIT
# Generation 0 of the binary interface holds (docs/abi.md): test_abi.sh ROOT SHARED_LIBRARY ARCHIVE
# The program of 0.1 runs with today's library and with one whose structs have all grown; a later program is served or
# refused by today's; and abidiff, where there is one, sees no change against baseline.abi, but sees canaries.
set -eu
root=$1 library=$2 archive=$3
case $library in *.a) echo "skipped: no shared library" && exit 77 ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cc="${CC:-cc} -std=c11 -Wall -Wextra -Werror"

# The library again with debug information and with the headers of $1. Only these files read public structs; the rest
# is the archive.
readers=$(ls "$root"/lib/api/*.c && grep -lE 'bzd_(progress|context_config)\b' "$root"/lib/base/*.c "$root"/lib/distill/*.c "$root"/lib/flow/*.c)
build() { # headers, library
  mkdir -p objects
  echo "$readers" | xargs -P 2 -I{} sh -c "${CC:-cc} -std=c11 -O0 -g -fPIC -fvisibility=hidden \
    -ffp-contract=off -D_POSIX_C_SOURCE=200809L -I'$1' -I'$root/lib' -c '{}' -o objects/\$(basename '{}' .c).o"
  "${CC:-cc}" -shared objects/*.o "$archive" -o "$2" -Wl,-soname,libbezdist.so.0 -Wl,--version-script="$root/lib/bezdist.map" \
    -Wl,--no-undefined-version -Wl,-z,defs -lblis -lz -lm -pthread
  rm -r objects
}
run() { # program: with the library that lies in folder $2
  LD_LIBRARY_PATH=$2 "./$1"
}
headers() { # name, header or *, sed script: a copy of the headers in which something is changed
  cp -r "$root/include" "$1"
  for header in "$1"/bezdist/$2; do sed -i "$3" "$header"; done
  if diff -r "$root/include" "$1" >/dev/null; then echo "nothing to change for $1" && exit 1; fi
}

mkdir today grown inserted
cp "$library" today/libbezdist.so.0
ln -s libbezdist.so.0 today/libbezdist.so

# 1. The program of 0.1 uses every function that 0.1 had, and runs with today's library.
for name in $(grep -oE '\bbzd_[a-z0-9_]+\(' "$root/tests/abi/frozen/bezdist-0.1.h" | tr -d '(' | sort -u); do
  grep -q "\b$name(" "$root/tests/abi/frozen/client-0.1.c" || { echo "the frozen client does not call $name" && exit 1; }
done
$cc "$root/tests/abi/frozen/client-0.1.c" -o client -Ltoday -lbezdist -lm
run client today

# 2. Every struct grows: the program of 0.1 does not notice; a program of the grown headers is served by today's library
# as long as it leaves the new field alone, and refused when it does not.
headers grown_include '*.h' 's/^} bzd_[a-z0-9_]*;$/  double grown;\n&/'
build grown_include grown/libbezdist.so.0
run client grown
$cc -DKNOWN=0 -Igrown_include "$root/tests/abi/grown.c" -o later -Ltoday -lbezdist
run later today
ln -s libbezdist.so.0 grown/libbezdist.so
$cc -DKNOWN=1 -Igrown_include "$root/tests/abi/grown.c" -o same -Lgrown -lbezdist
run same grown
if run same today 2>/dev/null; then echo "grown.c does not see a library without its field" && exit 1; fi

# 3. abidiff. Growth shows too: whoever grows a struct renews the baseline (docs/abi.md).
command -v abidiff >/dev/null || { echo "skipped in part: abidiff is missing (abigail-tools)" && exit 77; }
differs() { ! abidiff --no-added-syms "$root/tests/abi/baseline.abi" "$1" >abidiff.txt; }
mkdir debug
build "$root/include" debug/libbezdist.so.0
if differs debug/libbezdist.so.0; then cat abidiff.txt && exit 1; fi
headers inserted_include trainer.h 's/^  int64_t batch; .*rows of a step/  int64_t inserted;\n&/'
build inserted_include inserted/libbezdist.so.0
for canary in grown inserted; do
  differs "$canary/libbezdist.so.0" || { echo "abidiff does not see: $canary" && exit 1; }
done
