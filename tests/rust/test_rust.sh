#!/bin/sh
# SPDX-License-Identifier: MIT
# The Rust crates say what the headers say, build with plain rustc and with cargo offline, and their tests pass.
# usage: test_rust.sh [ROOT SHARED_LIBRARY]; RUSTC and CARGO choose other compilers
set -eu
root=$(cd "${1:-$(dirname "$0")/../..}" && pwd)
library=${2:-$root/build/release/libbezdist.so}
RUSTC=${RUSTC:-rustc} CARGO=${CARGO:-cargo}
command -v "$RUSTC" >/dev/null || { echo "skipped: rustc is missing"; exit 77; }
case $library in *.a) echo "skipped: the crates link the shared library, this is $library"; exit 77 ;; esac
BEZDIST_LIB_DIR=$(cd "$(dirname "$library")" && pwd) LD_LIBRARY_PATH=$BEZDIST_LIB_DIR
export RUSTC BEZDIST_LIB_DIR LD_LIBRARY_PATH
raw=$root/examples/rust/bezdist-sys crate=$root/examples/rust/bezdist

# The names that the library exports, each declared once.
sed -n 's/^    \(bzd_[a-z0-9_]*\);$/\1/p' "$root/lib/bezdist.map" | LC_ALL=C sort >exported.txt
[ -s exported.txt ]
sed -n 's/^ *pub fn \(bzd_[a-z0-9_]*\).*/\1/p' "$raw"/src/*.rs | LC_ALL=C sort >declared.txt
diff exported.txt declared.txt || { echo "functions of bezdist-sys (>) are not those of lib/bezdist.map (<)"; exit 1; }
# Constants with their numbers, and types.
sed -n 's/^#define \(BZD_[A-Z0-9_]*\) (*\([-0-9a-fx]*\).*/\1 \2/p' "$root"/include/bezdist/*.h | LC_ALL=C sort >defined.txt
[ -s defined.txt ]
sed -n 's/^pub const \(BZD_[A-Z0-9_]*\): [a-z0-9_]* = \(.*\);$/\1 \2/p' "$raw"/src/*.rs | LC_ALL=C sort >constants.txt
sed -i '/^BZD_API/d' defined.txt
diff defined.txt constants.txt || { echo "constants of bezdist-sys (>) are not those of the headers (<)"; exit 1; }
{
  sed -n 's/^typedef struct \(bzd_[a-z0-9_]*\).*/\1/p; s/^typedef [a-z0-9_]* \(bzd_[a-z0-9_]*\);.*/\1/p' "$root"/include/bezdist/*.h
  sed -n 's/^typedef [a-z0-9_ ]*\**(\*\(bzd_[a-z0-9_]*\))(.*/\1/p' "$root"/include/bezdist/*.h
} | LC_ALL=C sort >types.txt
sed -n 's/^pub struct \(bzd_[a-z0-9_]*\).*/\1/p; s/^pub type \(bzd_[a-z0-9_]*\).*/\1/p; s/^opaque!(\(.*\));/\1/p' "$raw"/src/*.rs |
  LC_ALL=C sort >declared_types.txt
diff types.txt declared_types.txt || { echo "types of bezdist-sys (>) are not those of the headers (<)"; exit 1; }
# The safe crate offers all of it but the sizes, which Rust knows.
while read -r name; do
  case $name in *_size) continue ;; esac
  grep -qw "$name" "$crate"/src/*.rs || { echo "the crate bezdist does not offer $name"; exit 1; }
done <exported.txt
# Every unsafe block says why it may be.
awk 'FNR == 1 { said = 0 }
  /SAFETY|# Safety/ { said = FNR }
  /unsafe (\{|impl)/ && FNR - said > 12 { print FILENAME ":" FNR ": unsafe without a SAFETY comment"; bad = 1 }
  END { exit bad }' "$crate"/src/*.rs

compile() { # output, and what rustc needs more
  "$RUSTC" --edition 2021 -L dependency=. -L "native=$BEZDIST_LIB_DIR" -o "$@"
}
compile libbezdist_sys.rlib --crate-type rlib --crate-name bezdist_sys "$raw/src/lib.rs"
compile libbezdist.rlib --crate-type rlib --crate-name bezdist --extern bezdist_sys=libbezdist_sys.rlib "$crate/src/lib.rs"
compile layout --test --extern bezdist_sys=libbezdist_sys.rlib "$raw/tests/layout.rs"
./layout -q
compile tests --test --extern bezdist=libbezdist.rlib "$crate/tests/all/main.rs"
./tests -q
compile train_distil_sample --extern bezdist=libbezdist.rlib "$crate/examples/train_distil_sample.rs"
./train_distil_sample

# What the documentation says does not compile fails for the reason that it gives, and so not by a slip of the pen.
awk '/```compile_fail,/ { sub(/.*,/, ""); name = "refused_" ++n "_" $0 ".rs"; print "fn main() {" >name; inside = 1; next }
  inside && /```/ { print "}" >name; close(name); inside = 0 }
  inside { sub(/^ *\/\/\/ ?(# )?/, ""); print >name }' "$crate"/src/*.rs
for file in refused_*.rs; do
  reason=${file#refused_*_} reason=${reason%.rs}
  if "$RUSTC" --edition 2021 --emit metadata -L dependency=. --extern bezdist=libbezdist.rlib -o refused "$file" 2>refused.log; then
    echo "this should not compile:"; cat "$file"; exit 1
  fi
  grep '^error\[' refused.log >reasons.txt
  [ "$(cut -c 7-11 reasons.txt | sort -u)" = "$reason" ] || { echo "$file: not $reason, but:"; cat refused.log; exit 1; }
done

# The same by cargo, with no registry, and without a trace in the sources.
if ! command -v "$CARGO" >/dev/null; then echo "cargo is missing: plain rustc alone"; exit 0; fi
export CARGO_TARGET_DIR="$PWD/target" CARGO_HOME="$PWD/cargo" CARGO_PROFILE_DEV_DEBUG=0
cd "$root/examples/rust"
"$CARGO" build --quiet --offline --locked --example closure_teacher
"$CARGO_TARGET_DIR/debug/examples/closure_teacher"
