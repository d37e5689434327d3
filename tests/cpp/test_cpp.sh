#!/bin/sh
# SPDX-License-Identifier: MIT
# bezdist.hpp without a warning by the compilers there are, as C++17 and C++20, and complete; its test and examples run.
# test_cpp.sh ROOT SHARED_LIBRARY
set -eu
root=$1 library=$2
header=$root/include/bezdist/bezdist.hpp
command -v c++ >/dev/null || { echo "skipped: no C++ compiler"; exit 77; }
warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
link="$library -Wl,-rpath,$(dirname "$library") -pthread"
failed=0

# Every exported function is used. Not those that give the size of a struct: C++ has sizeof.
names=$(sed -n 's/^ *\(bzd_[a-z0-9_]*\);$/\1/p' "$root/lib/bezdist.map")
used=0
for name in $names; do
  case $name in *_size) expected=no ;; *) expected=yes ;; esac
  found=no
  grep -qw "$name" "$header" && found=yes
  [ $found = $expected ] || { echo "$name: in bezdist.hpp $found, expected $expected"; failed=1; }
  [ $found = no ] || used=$((used + 1))
done
[ "$used" -gt 100 ] || { echo "only $used names in lib/bezdist.map"; failed=1; }

# Alone, first and in two files of a program; no macro but its guard.
printf '#include <bezdist/bezdist.hpp>\n' >alone.cpp
printf '#include <bezdist/bezdist.hpp>\nint main() { return bezdist::version() > 0 ? 0 : 1; }\n' >main.cpp
grep '^#include' "$header" >includes.cpp
for standard in 17 20; do
  c++ -std=c++$standard -I"$root/include" -dM -E alone.cpp | sort >with.txt
  grep -v BEZDIST_BEZDIST_HPP with.txt >without.txt
  if [ $standard = 17 ]; then grep -v '<span>' includes.cpp; else cat includes.cpp; fi >plain.cpp
  c++ -std=c++$standard -I"$root/include" -dM -E plain.cpp | sort | diff - without.txt ||
    { echo "a macro leaks"; failed=1; }
done
c++ -std=c++17 -I"$root/include" alone.cpp main.cpp -o two $link
./two

check() { # COMPILER STANDARD SOURCE
  "$1" -std=c++"$2" $warnings -I"$root/include" -fsyntax-only "$3"
}
run() { # COMPILER FLAGS SOURCE
  program=$(basename "$3" .cpp)
  "$1" $2 $warnings -I"$root/include" "$3" -o "$program" $link
  ./"$program"
}
run c++ "-std=c++17 -g -fsanitize=address,undefined -fno-sanitize-recover=all" "$root/tests/cpp/test_cpp.cpp"
for example in "$root"/examples/cpp/*.cpp; do
  run c++ -std=c++17 "$example"
  check c++ 20 "$example"
done
if command -v clang++ >/dev/null; then
  check clang++ 20 "$root/tests/cpp/test_cpp.cpp" # with std::span
else
  echo "in part: clang++ is missing"
  check c++ 20 "$root/tests/cpp/test_cpp.cpp"
fi
echo "$used functions"
exit $failed
