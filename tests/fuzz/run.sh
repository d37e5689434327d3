#!/bin/sh
# SPDX-License-Identifier: MIT
# Fuzzes: sh tests/fuzz/run.sh [options] [seconds] [target...]   (60 seconds each; all targets)
#   --counts FILE    appends "target executions cpu-seconds findings engine date" after each target
#   --sum FILE       only adds up what --counts wrote
#   --minimise       afterwards the corpora are what adds coverage of seeds, old corpora and what was found; with 0
#                    seconds nothing else is done
#   --seeds          what seeds.c makes goes in first
#   --fast           without sanitizers: more executions, fewer kinds of findings
#   --afl            AFL++ in place of libFuzzer, with the same targets
# One core, low priority (FUZZ_NICE, 10). Builds under build/fuzz; new inputs stay in build/fuzz/found. A finding ends its target, not
# the run, and lies in build/fuzz/findings; the status is then 1. A corpus is one ar archive, in tests/fuzz/corpus.
set -eu
cd "$(dirname "$0")/../.."
seconds=60 minimise= seeds= counts= engine=libfuzzer build=asan targets=
add_up() {
  awk '{ n[$1] += $2; s[$1] += $3; f[$1] += $4; all += $2; time += $3; bad += $4 }
    END { for (t in n) printf "%-14s %12d executions %9.2f hours %4d findings\n", t, n[t], s[t] / 3600, f[t] | "sort"
          close("sort"); printf "%-14s %12d executions %9.2f hours %4d findings\n", "all", all, time / 3600, bad }' "$1"
}
while [ $# -gt 0 ]; do
  case $1 in
  --minimise) minimise=1 ;;
  --seeds) seeds=1 ;;
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

sanitize="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
case $build in
asan) compiler=clang flags="-fsanitize=fuzzer-no-link $sanitize" ;;
fast) compiler=clang flags=-fsanitize=fuzzer-no-link ;;
afl) compiler=afl-clang-fast flags=$sanitize ;;
esac
top=$PWD out=$PWD/build/fuzz/$build bin=$PWD/build/fuzz/$build/tests
found=$PWD/build/fuzz/found work=$PWD/build/fuzz/work.$$ findings=$PWD/build/fuzz/findings
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
mkdir -p "$out" "$found" "$work" "$findings"
export AFL_QUIET=1 BLIS_NUM_THREADS=1
# Stacks of allocations, a large quarantine and entropic schedules take a third of the time. A finding is run again.
asan=allocator_may_return_null=1:malloc_context_size=0:quarantine_size_mb=8
command -v $compiler >/dev/null || { echo "skipped: $compiler is missing" && exit 77; }
echo 'int LLVMFuzzerTestOneInput(const unsigned char *data, unsigned long size) { return data && size ? 0 : 0; }' >"$work/works.c"
# shellcheck disable=SC2086
$compiler $flags -fsanitize=fuzzer "$work/works.c" -o "$work/works" >"$out/works.log" 2>&1 ||
  { echo "skipped: $compiler cannot link a fuzzer" && exit 77; }
{ cmake -S . -B "$out" -DCMAKE_C_COMPILER=$compiler -DCMAKE_BUILD_TYPE=Release -DBEZDIST_FUZZ=ON -DBEZDIST_EXAMPLES=OFF \
  -DBEZDIST_INSTALL=OFF -DCMAKE_C_FLAGS="$flags" &&
  cmake --build "$out" -j"$(nproc)" --target $(for t in $targets; do echo "fuzz_$t"; done) fuzz_seeds; } >"$out/build.log" 2>&1 ||
  { tail -n 60 "$out/build.log"; exit 1; }
if [ -n "$seeds" ]; then
  rm -rf "$work/seeds"
  ASAN_OPTIONS=detect_leaks=0 "$bin/fuzz_seeds" "$work/seeds"
fi

unpack() { # target: its corpus, and its seeds with --seeds, as files of $work/corpus; hand-made ones are made anew
  rm -rf "$work/corpus"
  mkdir -p "$work/corpus" "$found/$1"
  [ ! -e "tests/fuzz/corpus/$1.ar" ] || (cd "$work/corpus" && ar x "$top/tests/fuzz/corpus/$1.ar")
  [ -n "$seeds" ] && [ -d "$work/seeds/$1" ] || return 0
  find "$work/corpus" -name 'made-*' -delete
  cp -r "$work/seeds/$1/." "$work/corpus"
}

fuzz_libfuzzer() { # target; at most one finding, whose file replaces one of the same content
  ASAN_OPTIONS=$asan nice -n "${FUZZ_NICE:-10}" "$bin/fuzz_$1" -max_total_time="$seconds" \
    -entropic=0 -max_len=4096 -print_final_stats=1 -timeout=20 -rss_limit_mb=2048 -artifact_prefix="$findings/$1-" "$found/$1" \
    "$work/corpus" >"$out/$1.log" 2>&1
}
fuzz_afl() {
  rm -rf "$work/afl"
  AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1 \
    ASAN_OPTIONS=$asan:abort_on_error=1:symbolize=0:detect_leaks=0 nice -n "${FUZZ_NICE:-10}" afl-fuzz \
    -V "$seconds" -t 5000+ -m none -i "$work/corpus" -o "$work/afl" -- "$bin/fuzz_$1" >"$out/$1.log" 2>&1 || return 1
  for file in $(find "$work/afl/default/crashes" "$work/afl/default/hangs" -name 'id*' | head -n 20); do
    cp "$file" "$findings/$1-$(sha1sum <"$file" | cut -c1-12)"
  done
  for file in "$work/afl"/default/queue/id*; do cp "$file" "$found/$1/$(sha1sum <"$file" | cut -c1-40)"; done
}

# Sets executions, edges and findings from a log.
read_log() {
  log=$out/$1.log
  if [ $engine = afl ]; then
    stats=$work/afl/default/fuzzer_stats
    [ -f "$stats" ] || stats=/dev/null # it did not start
    executions=$(awk '$1 == "execs_done" { print $3 }' "$stats")
    edges=$(awk '$1 == "edges_found" { print $3 }' "$stats")
    bad=$(awk '$1 == "saved_crashes" || $1 == "saved_hangs" { n += $3 } END { print n + 0 }' "$stats")
  else
    executions=$(awk '$1 == "stat::number_of_executed_units:" { print $2 }' "$log")
    edges=$(grep -o 'cov: [0-9]*' "$log" | tail -n 1 | cut -d' ' -f2)
    # A finding ends libFuzzer before its statistics.
    [ -n "$executions" ] || executions=$(grep -oE '^#[0-9]+' "$log" | tail -n 1 | tr -d '#')
    bad=0
  fi
  executions=${executions:-0} edges=${edges:-0}
  [ "$bad" != 0 ] || [ "$code" = 0 ] || bad=1
  cpu=$(tail -n 1 "$work/times" | tr 'ms' '  ' | awk '{ printf "%d", $1 * 60 + $2 + $3 * 60 + $4 + 0.5 }')
}

# The smallest inputs that reach every edge; hand-made ones and old findings stay in any case.
merge() {
  rm -rf "$work/min" && mkdir -p "$work/min"
  nice -n "${FUZZ_NICE:-10}" "$bin/fuzz_$1" -merge=1 -use_counters=0 -max_len=4096 -timeout=20 -rss_limit_mb=2048 "$work/min" "$work/corpus" \
    "$found/$1" >"$out/$1.merge.log" 2>&1 || { tail -n 20 "$out/$1.merge.log"; exit 1; }
  for file in "$work/min"/*; do # an archive's names have 15 letters
    [ ! -e "$file" ] || mv "$file" "$work/min/$(sha1sum <"$file" | cut -c1-12)"
  done
  for file in "$work/corpus"/made-* "$work/corpus"/find-*; do
    [ ! -e "$file" ] || { rm -f "$work/min/$(sha1sum <"$file" | cut -c1-12)" && cp "$file" "$work/min/"; }
  done
  mkdir -p tests/fuzz/corpus
  rm -f "tests/fuzz/corpus/$1.ar"
  (cd "$work/min" && ls | LC_ALL=C sort | xargs ar rcSD "$top/tests/fuzz/corpus/$1.ar")
}

status=0
printf '%-14s %11s %8s %6s %10s %7s %6s %8s\n' target executions seconds cpu per-cpu-s corpus edges findings
for t in $targets; do
  unpack "$t"
  code=0
  if [ "$seconds" = 0 ]; then
    executions=0 cpu=0 edges=0 bad=0
  else
    (
      code=0
      fuzz_$engine "$t" || code=$?
      times >"$work/times"
      exit $code
    ) || code=$?
    read_log "$t"
  fi
  [ "$bad" = 0 ] || status=1
  [ -z "$minimise" ] || [ $engine != libfuzzer ] || [ "$bad" != 0 ] || merge "$t"
  printf '%-14s %11s %8s %6s %10s %7s %6s %8s\n' "$t" "$executions" "$seconds" "$cpu" $((executions / (cpu > 0 ? cpu : 1))) \
    "$([ ! -e "tests/fuzz/corpus/$t.ar" ] || ar t "tests/fuzz/corpus/$t.ar" | wc -l)" "$edges" "$bad"
  [ -z "$counts" ] || echo "$t $executions $cpu $bad $engine-$build $(date -u +%Y-%m-%d)" >>"$counts"
  [ "$bad" = 0 ] || tail -n 40 "$out/$t.log"
done
exit $status
