#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes: run.sh [--afl] [--minimise] [--counts FILE] [seconds] [target...]. Each target runs for that many seconds
# (default 60) on one core, from its corpus in tests/fuzz/corpus and what earlier runs found in build/fuzz/found; then a
# line of the table. The first finding ends the run with status 1. --minimise merges what was found into the corpus
# (files up to 4 KiB); --counts appends "target executions cpu-seconds findings engine" to FILE. Needs clang, or AFL++.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
engine=libfuzzer minimise= counts= seconds=
while [ $# -gt 0 ]; do
  case $1 in
  --afl) engine=afl ;;
  --minimise) minimise=1 ;;
  --counts) counts=$2 && shift ;;
  [0-9]*) seconds=$1 ;;
  *) break ;;
  esac
  shift
done
seconds=${seconds:-60}
[ $# -gt 0 ] || set -- $(cd tests/fuzz/targets && ls *.c | sed 's/\.c$//')

sanitize=address,undefined
if [ $engine = afl ]; then
  build=build/fuzz-afl cc=afl-clang-fast flags="-fsanitize=$sanitize" define=-DFUZZ_AFL
else
  build=build/fuzz cc=clang flags="-fsanitize=fuzzer-no-link,$sanitize" define=
fi
command -v $cc >/dev/null 2>&1 || { echo "skipped: $cc is missing" && exit 77; }
flags="$flags -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
mkdir -p $build
# shellcheck disable=SC2086
echo 'int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size) { return data && size ? 0 : 0; }' |
  $cc -x c - $flags -fsanitize=fuzzer -o $build/works 2>$build/works.log || { echo "skipped: $cc cannot link a fuzzer" && exit 77; }
{ cmake -S . -B $build -DCMAKE_C_COMPILER=$cc -DCMAKE_BUILD_TYPE=RelWithDebInfo "-DCMAKE_C_FLAGS=$flags" \
  -DBEZDIST_EXAMPLES=OFF -DBEZDIST_INSTALL=OFF &&
  cmake --build $build -j"$(nproc)" --target bezdist_internal; } >$build/build.log 2>&1 ||
  { tail -n 60 $build/build.log && exit 1; }
blis=$(sed -n 's/^BLIS_LIBRARY:[A-Z]*=//p' $build/CMakeCache.txt)
for target; do
  # shellcheck disable=SC2086
  $cc -std=c11 -D_POSIX_C_SOURCE=200809L $define -O2 -g $flags -fsanitize=fuzzer -Iinclude -Ilib \
    tests/fuzz/targets/"$target".c -o $build/"$target" $build/libbezdist_internal.a "${blis:--lblis}" -lz -lpthread -lm
done

export ASAN_OPTIONS=detect_stack_use_after_return=0:allocator_may_return_null=1 BLIS_NUM_THREADS=1
work=$top/$build/work
fuzz_libfuzzer() { # target: sets executions, rate, edges, findings
  findings=0
  mkdir -p "$work/$1"
  rm -f "$work/$1"/*
  "$build/$1" -max_total_time="$seconds" -max_len=8192 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -use_value_profile=0 -artifact_prefix="$work/$1/" "$found" "$corpus" >"$work/$1.log" 2>&1 || findings=1
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$1.log")
  edges=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$work/$1.log" | tail -n 1)
}
fuzz_afl() {
  findings=0
  rm -rf "$work/$1"
  AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1 \
    AFL_CUSTOM_MUTATOR_LIBRARY= ASAN_OPTIONS=$ASAN_OPTIONS:abort_on_error=1:symbolize=0:detect_leaks=0 \
    afl-fuzz -V "$seconds" -t 20000 -m none -i "$corpus" -o "$work/$1" -- "$build/$1" >"$work/$1.log" 2>&1 || findings=1
  stats=$work/$1/default/fuzzer_stats
  executions=$(sed -n 's/^execs_done *: *//p' "$stats")
  edges=$(sed -n 's/^edges_found *: *//p' "$stats")
  for file in "$work/$1"/default/crashes/id* "$work/$1"/default/hangs/id*; do
    [ -e "$file" ] && findings=$((findings + 1))
  done
  for file in "$work/$1"/default/queue/id*; do
    [ -e "$file" ] && cp "$file" "$found/$(sha1sum <"$file" | cut -c1-40)"
  done
}

cpu() { # sets used: hundredths of seconds that ended children have used; a subshell would count its own
  times >"$work/times"
  used=$(awk 'NR == 2 { for (i = 1; i <= 2; i++) { split($i, t, "[ms]"); sum += t[1] * 60 + t[2] } print int(sum * 100) }' \
    "$work/times")
}
printf '%-15s %12s %8s %10s %7s %7s %9s\n' target executions "cpu s" "per cpu s" corpus edges findings
for target; do
  corpus=tests/fuzz/corpus/$target found=build/fuzz/found/$target
  mkdir -p "$corpus" "$found" "$work"
  cpu
  start=$used
  fuzz_$engine "$target"
  cpu
  took=$(((used - start + 50) / 100))
  [ $took -gt 0 ] || took=1
  if [ $findings = 0 ] && [ -n "$minimise" ] && [ $engine = libfuzzer ]; then
    rm -rf "$work/merged" && mkdir -p "$work/merged"
    "$build/$target" -merge=1 -max_len=4096 -timeout=20 "$work/merged" "$corpus" "$found" >"$work/$target.merge" 2>&1
    for file in "$corpus"/*; do # finds and seeds keep their names
      case ${file##*/} in [0-9a-f]???????????????????????????????????????) rm -f "$file" ;; esac
    done
    cp "$work/merged"/* "$corpus"/
    for file in "$corpus"/[!0-9a-f]*; do # one content, one file
      [ -e "$file" ] && rm -f "$corpus/$(sha1sum <"$file" | cut -c1-40)"
    done
  fi
  printf '%-15s %12s %8s %10s %7s %7s %9s\n' "$target" "${executions:-0}" $took $((${executions:-0} / took)) \
    "$(ls "$corpus" | wc -l)" "${edges:-0}" $findings
  [ -z "$counts" ] || echo "$target ${executions:-0} $took $findings $engine" >>"$counts"
  if [ $findings != 0 ]; then
    tail -n 40 "$work/$target.log"
    exit 1
  fi
done
