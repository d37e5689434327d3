#!/bin/sh
# SPDX-License-Identifier: MIT
# bindgen understands the headers, its own layout tests pass, and it finds what bezdist-sys declares by hand: the same
# functions, structs and callbacks, parameter by parameter.
# usage: test_bindgen.sh [ROOT SHARED_LIBRARY]
set -eu
root=$(cd "${1:-$(dirname "$0")/../..}" && pwd)
library=${2:-$root/build/release/libbezdist.so}
RUSTC=${RUSTC:-rustc}
for tool in bindgen "$RUSTC"; do
  command -v "$tool" >/dev/null || { echo "skipped: $tool is missing"; exit 77; }
done
case $library in *.a) echo "skipped: the crates link the shared library, this is $library"; exit 77 ;; esac
folder=$(cd "$(dirname "$library")" && pwd)
sizes=$(bindgen --help | grep -c -- --size_t-is-usize) && sizes=--size_t-is-usize || sizes= # later ones always do
# shellcheck disable=SC2086
bindgen $sizes --allowlist-file '.*/bezdist/[a-z]*\.h' "$root/include/bezdist/bezdist.h" -o bindings.rs -- -I"$root/include"
{
  echo '#![allow(non_camel_case_types, deref_nullptr)]'
  cat bindings.rs
} >lib.rs
"$RUSTC" --edition 2021 --test -A warnings -l bezdist -L "native=$folder" lib.rs -o layout
LD_LIBRARY_PATH=$folder ./layout -q | tee layout.log
grep -q '^test result: ok\. [1-9]' layout.log || { echo "no layout test ran"; exit 1; }

declarations() { # one a line, in one spelling
  sed 's,//.*,,' "$@" | tr -d '\n' | sed 's/[;}]/&\n/g' | sed -n 's/.*\(pub \(fn\|type\|struct\) bzd_.*\)/\1/p' | grep -v _unused |
    sed 's/::std::\(os::raw\|option\):://g; s/usize\]/]/g; s/ //g; s/,\([)>}]\)/\1/g' | LC_ALL=C sort
}
declarations bindings.rs >found.txt
declarations "$root"/examples/rust/bezdist-sys/src/*.rs >written.txt
[ "$(grep -c pubfn found.txt)" -gt 100 ] && [ "$(grep -c pubstruct found.txt)" -gt 20 ]
diff found.txt written.txt || { echo "bezdist-sys (>) does not say what bindgen finds in the headers (<)"; exit 1; }
