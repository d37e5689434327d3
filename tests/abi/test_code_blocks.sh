#!/bin/sh
# SPDX-License-Identifier: MIT
# Every fenced block of README.md and docs/ is what it says: test_code_blocks.sh ROOT SHARED_LIBRARY
#
# The blocks of one language in a page are, in order, one program (blocks/PAGE.c ends one that has no main). c, cpp,
# python and rust compile without a warning and run; cmake and make are the page's CMakeLists.txt and Makefile; sh blocks
# are one script, run in a folder with these files and the library's sources and build as `libbezdist`; json is JSON. A
# text block behind an sh block is what that prints, other text (formulas, formats) is for people. Any other language
# fails. blocks/split.awk lists what no script runs; of that, and of every call of `bezdist`, names and options are
# checked. A page whose script builds or runs the program itself is run by that alone.
set -eu
top=$1 library=$2
case $library in *.so*) ;; *) echo "no shared library"; exit 77 ;; esac
build=$(cd "$(dirname "$library")" && pwd)
program=$build/bin/bezdist
[ -x "$program" ] || { echo "the bezdist program is not built"; exit 77; }
here=$PWD
strict="-Wall -Wextra -Wpedantic -Werror -I$top/include"
link="$library -Wl,-rpath,$build"
skipped=

fail() { echo "$page: $*"; exit 1; }

# The options of a line that calls bezdist are options of that command, which exists.
check_options() {
  command=$(echo "$1" | sed 's/.*bezdist  *\([a-z]*\).*/\1/')
  "$program" "$command" --help >help.txt 2>&1 || fail "no command bezdist $command"
  for word in $1; do
    case $word in
    --*) grep -qE -- "(^|[ ,])${word%%=*}([=, ]|\$)" help.txt || fail "bezdist $command has no ${word%%=*}" ;;
    esac
  done
}

check_excepted() {
  case $1 in
  *apt-get*)
    for package in $(echo "$1" | sed 's/.*install//'); do
      case $package in -*) ;; *) grep -qE "[ \"]$package([ \"]|\$)" "$top/tests/support/packages.sh" "$top/.ci/run" ||
        fail "package $package is not one that the tests install" ;; esac
    done
    ;;
  "sh "* | "bash "*)
    script=$(echo "$1" | sed 's/^[a-z]* *\([^ ]*\).*/\1/')
    [ -f "$top/$script" ] || fail "$script is not there"
    bash -n "$top/$script" || fail "$script has no good syntax"
    ;;
  bezdist*) check_options "$1" ;;
  cmake*)
    for option in $(echo "$1" | grep -oE -- '-DBEZDIST_[A-Z]+'); do
      grep -q "option(${option#-D} " "$top/CMakeLists.txt" || fail "the build has no option ${option#-D}"
    done
    ;;
  esac
}

check_page() {
  name=$(echo "${page%.md}" | tr / _)
  work=$here/pages/$name
  mkdir -p "$work/home" "$work/blocks" "$work/run"
  awk -v folder="$work/blocks" -f "$top/tests/abi/blocks/split.awk" "$top/$page" || exit 1
  blocks=$work/blocks
  [ -f "$blocks/counts" ] || return 0
  while read -r language line; do
    case $language in c | cpp | python | rust | cmake | make | sh | json | text) ;;
    *) fail "line $line: a block in a language that no test knows: $language" ;; esac
  done <"$blocks/counts"
  cd "$work/run"
  for file in main.c main.cpp main.py main.rs CMakeLists.txt Makefile; do
    [ ! -f "$blocks/$file" ] || cp "$blocks/$file" .
  done
  mkdir -p libbezdist # the sources, and their build
  for file in "$top"/*; do
    [ "$file" = "$top/build" ] || ln -s "$file" libbezdist/
  done
  ln -s "$build" libbezdist/build

  if [ -f main.c ]; then
    if ! grep -qE '^int main\(' main.c; then
      [ -f "$top/tests/abi/blocks/$name.c" ] || fail "its C has no main, and there is no tests/abi/blocks/$name.c"
      cat "$top/tests/abi/blocks/$name.c" >>main.c
    fi
    standard=c11
    [ "$page" != README.md ] || standard="c99"
    # shellcheck disable=SC2086
    "${CC:-cc}" -std=$standard $strict main.c -o c.out $link -lm || fail "its C does not compile"
    grep -q '/main' "$blocks/commands" 2>/dev/null || ./c.out >c.txt 2>&1 || { cat c.txt; fail "its C fails"; }
  fi
  if [ -f main.cpp ]; then
    if command -v c++ >/dev/null; then
      # shellcheck disable=SC2086
      c++ -std=c++17 $strict main.cpp -o cpp.out $link || fail "its C++ does not compile"
      ./cpp.out >cpp.txt 2>&1 || { cat cpp.txt; fail "its C++ fails"; }
    else
      skipped="$skipped C++ of $page (no compiler);"
    fi
  fi
  if [ -f main.py ]; then
    if command -v python3 >/dev/null; then
      PYTHONPATH=$top/examples/python BEZDIST_LIBRARY=$library PYTHONDONTWRITEBYTECODE=1 python3 -W error main.py >python.txt 2>&1 ||
        { cat python.txt; fail "its Python fails"; }
    else
      skipped="$skipped Python of $page (no python3);"
    fi
  fi
  if [ -f main.rs ]; then
    if command -v rustc >/dev/null; then
      check_rust >rust.txt 2>&1 || { head -n 40 rust.txt; fail "its Rust fails"; }
    else
      skipped="$skipped Rust of $page (no rustc);"
    fi
  fi
  for file in "$blocks"/*.json; do
    [ -f "$file" ] || continue
    python3 -m json.tool "$file" >/dev/null || fail "$(basename "$file") is no JSON"
  done
  if [ -f "$blocks/excepted" ]; then
    while read -r line; do check_excepted "$line"; done <"$blocks/excepted"
  fi
  if [ -f "$blocks/commands" ]; then
    grep -E '(^|[ (;|&])bezdist +[a-z]' "$blocks/commands" >calls || true
    while read -r line; do check_options "$line"; done <calls
    HOME=$work/home PATH="$build/bin:$PATH" blocks=$blocks sh -eu "$blocks/main.sh" || { tail -n 20 "$blocks"/*.out; fail "its commands fail"; }
  fi
  if [ -f CMakeLists.txt ] && ! grep -q cmake "$blocks/main.sh" 2>/dev/null; then check_cmake >cmake.txt 2>&1 || { cat cmake.txt; fail "its CMake fails"; }; fi
  if [ -f Makefile ] && ! grep -q make "$blocks/main.sh" 2>/dev/null; then fail "its Makefile is not used"; fi
  if [ -f "$blocks/prints" ]; then
    while read -r printed said; do
      awk -f "$top/tests/abi/blocks/same.awk" "$blocks/$said" "$blocks/$printed" || fail "line ${said%.text}: prints something else"
    done <"$blocks/prints"
  fi
  cd "$here"
}

# The two crates and the program, as plain rustc builds them.
check_rust() {
  rustc --edition 2021 -O --crate-type rlib --crate-name bezdist_sys -L "$build" "$top/examples/rust/bezdist-sys/src/lib.rs" &&
    rustc --edition 2021 -O --crate-type rlib --crate-name bezdist -L . -L "$build" --extern bezdist_sys=libbezdist_sys.rlib "$top/examples/rust/bezdist/src/lib.rs" &&
    rustc --edition 2021 -O -D warnings -L . -L "$build" --extern bezdist=libbezdist.rlib main.rs -o rust.out &&
    LD_LIBRARY_PATH=$build ./rust.out
}

# Lines for a CMakeLists.txt, with what they leave to the reader: the first line, the project, the targets that they link.
check_cmake() {
  {
    grep -q '^project(' CMakeLists.txt || printf 'cmake_minimum_required(VERSION 3.16)\nproject(page C CXX)\n'
    for target in $(sed -n 's/^ *target_link_libraries(\([A-Za-z0-9_]*\).*/\1/p' CMakeLists.txt); do
      grep -q "add_executable($target" CMakeLists.txt || printf 'add_executable(%s one.c)\n' "$target"
    done
    cat CMakeLists.txt
  } >lists
  mv lists CMakeLists.txt
  printf '#include <bezdist/bezdist.h>\nint main(void) { return bzd_version() == 0; }\n' >one.c
  cmake --install "$build" --prefix "$PWD/prefix" && cmake -S . -B out -DCMAKE_PREFIX_PATH="$PWD/prefix" && cmake --build out
}

rm -rf pages
(cd "$top" && echo README.md && find docs -name '*.md' | sort) >pages.txt
while read -r page; do check_page; done <pages.txt
cat pages/*/blocks/counts | cut -d' ' -f1 | sort | uniq -c | tr -s ' \n' ' '
echo "blocks; not run: $(cat pages/*/blocks/excepted 2>/dev/null | wc -l) commands.${skipped:+ Skipped:$skipped}"

# The README promises forty lines.
[ "$(grep -c . pages/README/blocks/main.c)" -le 45 ]

# Each kind of check can fail.
rm -rf fake
mkdir -p fake/docs
for file in "$top"/*; do
  case $(basename "$file") in docs | build) ;; *) ln -s "$file" fake/ ;; esac
done
misses() { # language, lines, the end of the block
  printf '# Page\n\n```%s\n%b\n%s\n' "$1" "$2" "${3-\`\`\`}" >fake/docs/bad.md
  rm -rf pages/docs_bad
  if (top=$here/fake page=docs/bad.md && check_page) >bad.log 2>&1; then
    echo "no check finds a bad block: $1: $2"
    exit 1
  fi
}
misses "" 'x = 1'
misses cobol 'STOP RUN.'
misses c 'int main(void) { int unused; return 0; }'
misses c 'int main(void) { return 1; }'
misses c 'static int no_main(void);'
misses sh 'false'
misses sh 'sh tests/no_such_script.sh'
misses sh 'sudo apt-get install no-such-package'
misses sh 'bezdist demo --no-such-option'
misses sh 'bezdist inspect --no-such-option x.bzd'
misses sh 'echo 1.00\n```\n\n```text\n1.20'
misses sh 'echo yes\n```\n\n```text\nno'
misses make 'all:'
misses json '{1}'
misses text 'x = 1' ''
[ ! -x "$(command -v c++)" ] || misses cpp 'int main() { return 1; }'
[ ! -x "$(command -v python3)" ] || misses python 'import bezdist\nassert False'
misses cmake 'find_package(no-such-package REQUIRED)'
rm -rf fake pages
