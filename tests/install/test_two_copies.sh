#!/bin/sh
# SPDX-License-Identifier: MIT
# Two copies of the library in one process: test_two_copies.sh ROOT BUILD
set -eu
root=$1 build=$2
. "$root/tests/install/consumers.sh"
need_shared "$build"
rm -f a.so b.so two_copies inside
cp "$build/libbezdist.so.0" a.so
cp "$build/libbezdist.so.0" b.so
flags="-std=c11 -Wall -Wextra -Werror -I$root/include"
# shellcheck disable=SC2086
$CC $flags "$root/tests/install/two_copies.c" -o two_copies -ldl
./two_copies local "$here/a.so" "$here/b.so"
./two_copies space "$here/a.so"
if [ -e "$build/libbezdist_internal.a" ]; then
  # A program with a copy of its own that everything it loads can see.
  # shellcheck disable=SC2086
  $CC $flags "$root/tests/install/two_copies.c" -o inside -no-pie -rdynamic -Wl,--whole-archive "$build/libbezdist_internal.a" \
    -Wl,--no-whole-archive -lblis -lz -lm -pthread -ldl
  nm -D inside | grep -q ' T bzd_checkpoint_destroy$'
  ./inside inside "$here/b.so"
fi
rm -f a.so b.so
