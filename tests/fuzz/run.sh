#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes: sh tests/fuzz/run.sh [options] [seconds] [target...]   (60 seconds each; all targets)
#   --minimise       afterwards the corpora are what adds coverage of seeds, old corpora and what was found
#   --seeds          what seeds.c makes goes in first
#   --jobs N         so many targets at once (1)
#   --counts FILE    appends "target executions cpu-seconds engine date" for each target, to be added up
#   --fast           without sanitizers: more executions, fewer kinds of findings
#   --afl            AFL++ in place of libFuzzer, with the same targets
#   --sum FILE       only adds up what --counts wrote
# Builds under build/fuzz; new inputs stay in build/fuzz/work. Ends with a table; 1 when there is a finding, which lies
# in build/fuzz/findings.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
cd "$top"
seconds=60 jobs=1 minimise= seeds= counts= engine=libfuzzer build=asan targets=
add_up() {
  awk '{ n[$1] += $2; s[$1] += $3; all += $2; time += $3 }
    END { for (t in n) printf "%-14s %12d executions %9.2f hours\n", t, n[t], s[t] / 3600 | "sort"; close("sort")
          printf "%-14s %12d executions %9.2f hours\n", "all", all, time / 3600 }' "$1"
}
while [ $# -gt 0 ]; do
  case $1 in
  --minimise) minimise=1 ;;
  --seeds) seeds=1 ;;
  --jobs) jobs=$2; shift ;;
  --counts) counts=$2; shift ;;
  --fast) build=fast ;;
  --afl) engine=afl build=afl ;;
  --sum) add_up "$2"; exit 0 ;;
  [0-9]*) seconds=$1 ;;
  *) [ -f "tests/fuzz/targets/$1.c" ] || { echo "no target $1 in tests/fuzz/targets" >&2; exit 2; }
     targets="$targets $1" ;;
  esac
  shift
done
[ -n "$targets" ] || targets=$(cd tests/fuzz/targets && ls -- *.c | sed 's/\.c$//')

case $build in
asan) compiler=clang flags="-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer" ;;
fast) compiler=clang flags="-fsanitize=fuzzer-no-link" ;;
afl) compiler=afl-clang-fast flags="-fsanitize=address,undefined -fno-sanitize-recover=undefined" ;;
esac
command -v $compiler >/dev/null || { echo "$compiler is missing" >&2; exit 77; }
out=build/fuzz/$build bin=build/fuzz/$build/tests/fuzz work=build/fuzz/work findings=build/fuzz/findings
mkdir -p "$out" "$work" "$findings"
AFL_QUIET=1
export AFL_QUIET
{ cmake -S . -B "$out" -DCMAKE_C_COMPILER=$compiler -DCMAKE_BUILD_TYPE=Release -DBEZDIST_FUZZ=ON -DBEZDIST_EXAMPLES=OFF \
  -DBEZDIST_INSTALL=OFF -DCMAKE_C_FLAGS="$flags" &&
  cmake --build "$out" -j"$(nproc)" --target $(for t in $targets; do echo "fuzz_$t"; done) fuzz_seeds; } >"$out/build.log" 2>&1 ||
  { tail -n 40 "$out/build.log"; exit 1; }
if [ -n "$seeds" ]; then
  rm -rf build/fuzz/seeds
  "$bin/fuzz_seeds" build/fuzz/seeds
fi

fuzz_libfuzzer() { # target
  mkdir -p "$work/$1"
  set -- "$1" "$work/$1" "tests/fuzz/corpus/$1"
  [ -n "$seeds" ] && [ -d "build/fuzz/seeds/$1" ] && set -- "$@" "build/fuzz/seeds/$1"
  name=$1
  shift
  : >"$out/$name.log"
  ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 "$bin/fuzz_$name" -max_total_time="$seconds" -max_len=4096 \
    -print_final_stats=1 -timeout=20 -rss_limit_mb=2048 -artifact_prefix="$findings/$name-" "$@" \
    >"$out/$name.log" 2>&1
}
fuzz_afl() {
  rm -rf "$work/afl-$1"
  AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1 \
    afl-fuzz -V "$seconds" -i "tests/fuzz/corpus/$1" -o "$work/afl-$1" -- "$bin/fuzz_$1" \
    >"$out/$1.log" 2>&1 || return 1
  for crash in "$work/afl-$1"/default/crashes/id* "$work/afl-$1"/default/hangs/id*; do
    [ -e "$crash" ] && cp "$crash" "$findings/$1-$(basename "$crash")"
  done
  return 0
}

# Sets executions, edges and whether there was a finding from a log.
read_log() {
  log=$out/$1.log
  if [ $engine = afl ]; then
    stats=$work/afl-$1/default/fuzzer_stats
    executions=$(awk '$1 == "execs_done" { print $3 }' "$stats")
    edges=$(awk '$1 == "edges_found" { print $3 }' "$stats")
    found=$(awk '$1 == "saved_crashes" || $1 == "saved_hangs" { n += $3 } END { print n + 0 }' "$stats")
  else
    executions=$(awk '$1 == "stat::number_of_executed_units:" { print $2 }' "$log")
    edges=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)
    found=$(grep -cE '^(==[0-9]+== ?ERROR|SUMMARY|ALARM)' "$log" || true)
    # A finding ends libFuzzer before its statistics.
    [ -n "$executions" ] || executions=$(grep -oE '^#[0-9]+' "$log" | tail -n 1 | tr -d '#')
  fi
  executions=${executions:-0} edges=${edges:-0}
  # Processor seconds: user and system, of the children.
  cpu=$(tail -n 1 "$out/$1.times" | tr 'ms' '  ' | awk '{ printf "%d", $1 * 60 + $2 + $3 * 60 + $4 + 0.5 }')
}

running=0
for t in $targets; do
  mkdir -p "tests/fuzz/corpus/$t"
  (
    code=0
    fuzz_$engine "$t" || code=$?
    times >"$out/$t.times"
    exit $code
  ) &
  running=$((running + 1))
  [ $running -lt "$jobs" ] || { wait; running=0; }
done
wait

status=0
printf '%-14s %11s %8s %6s %10s %7s %6s %8s\n' target executions seconds cpu per-cpu-s corpus edges findings
for t in $targets; do
  read_log "$t"
  { [ "$found" -eq 0 ] && [ "$executions" -gt 0 ]; } || status=1
  if [ -n "$minimise" ] && [ $engine = libfuzzer ] && [ "$found" -eq 0 ]; then
    rm -rf "$work/$t.min"
    mkdir -p "$work/$t.min"
    set -- "tests/fuzz/corpus/$t" "$work/$t"
    [ -n "$seeds" ] && [ -d "build/fuzz/seeds/$t" ] && set -- "$@" "build/fuzz/seeds/$t"
    "$bin/fuzz_$t" -merge=1 -max_len=4096 -rss_limit_mb=2048 "$work/$t.min" "$@" >"$out/$t.merge.log" 2>&1 ||
      { tail -n 20 "$out/$t.merge.log"; exit 1; }
    for made in "tests/fuzz/corpus/$t"/made-* ${seeds:+"build/fuzz/seeds/$t"/made-*}; do
      [ ! -e "$made" ] || cp "$made" "$work/$t.min/" # hand-made ones stay
    done
    rm -rf "tests/fuzz/corpus/$t"
    mv "$work/$t.min" "tests/fuzz/corpus/$t"
  fi
  printf '%-14s %11s %8s %6s %10s %7s %6s %8s\n' "$t" "$executions" "$seconds" "$cpu" $((executions / (cpu > 0 ? cpu : 1))) \
    "$(find "tests/fuzz/corpus/$t" -type f | wc -l)" "$edges" "$found"
  [ -z "$counts" ] || echo "$t $executions $cpu $engine-$build $(date -u +%Y-%m-%d)" >>"$counts"
done
exit $status
