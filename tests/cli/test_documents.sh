#!/bin/sh
# SPDX-License-Identifier: MIT
# docs/cli.md and the program agree: commands, options, JSON keys, in both directions.
page=$(cd "$(dirname "$0")/../../docs" && pwd)/cli.md
. "$(dirname "$0")/lib.sh"

"$bezdist" --help | sed -n 's/^  \([a-z]*\)  .*/\1/p' >commands.txt
[ "$(wc -l <commands.txt)" -ge 12 ]
while read -r command; do
  "$bezdist" "$command" --help | grep -oE '^ +(-., )?--[a-z0-9-]+' | sed 's/.*--/--/' >"$command.options"
done <commands.txt

options() { # page
  status=0
  # Each command has a row, whose first code has its options.
  while read -r command; do
    row=$(grep -E "^\| \`$command[ \`]" "$1" | sed 's/^| `\([^`]*\)`.*/\1/')
    [ -n "$row" ] || { echo "$command has no row"; status=1; }
    for option in $(echo "$row" | grep -oE -- '--[a-z0-9-]+'); do
      grep -qx -- "$option" "$command.options" || { echo "$command has no $option"; status=1; }
    done
  done <commands.txt
  grep -oE -- '(^|[^a-z-])--[a-z][a-z0-9-]*' "$1" | sed 's/^[^-]*//' | sort -u >said.txt
  cat ./*.options | sort -u >known.txt
  for option in $(comm -23 said.txt known.txt); do echo "no command has $option"; status=1; done
  for option in $(comm -13 said.txt known.txt); do echo "$option is not in the page"; status=1; done
  # The options that train, distill and reflow share, and those of the paths.
  for option in $(sed -n '/^## Training options/,/^`distill --aim/p' "$1" | grep -v '^`distill' | grep -oE -- '`--[a-z0-9-]+' | tr -d '`'); do
    for command in train distill reflow; do
      grep -qx -- "$option" "$command.options" || { echo "$command has no $option"; status=1; }
    done
  done
  for option in $(sed -n '/^## Paths of/,/^## JSON/p' "$1" | grep -oE -- '`--[a-z0-9-]+' | tr -d '`'); do
    grep -qx -- "$option" distill.options || { echo "distill has no $option"; status=1; }
  done
  return $status
}

# What each command prints, small: COMMAND.json.
$bezdist train --data toy:moons --toy-count 200 --steps 20 --out t.bzd --json $small >train.json
$bezdist distill --teacher t.bzd --steps 20 --pool 64 --student velocity --out v.bzd --json --batch 32 --quiet >distill.json
$bezdist reflow --teacher t.bzd --steps 20 --pool 64 --rounds 2 --out r.bzd --json --batch 32 --quiet >reflow.json
$bezdist convert t.bzd --out b.bzd --storage bf16 --json >convert.json
$bezdist sample --model t.bzd --count 64 --grid auto --out x.npy --json --quiet >sample.json
$bezdist compare x.npy x.npy --json >compare.json
$bezdist eval --model t.bzd --data toy:moons --count 100 --nfe 1 --json --quiet >eval.json
for file in "t.bzd --verify" b.bzd x.npy; do
  # shellcheck disable=SC2086
  $bezdist inspect $file --json
done >inspect.json
{ # an NPY file of 2 trajectories of 4 states
  printf '\223NUMPY\001\000\166\000%-117s\n' "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4, 1), }"
  head -c 32 /dev/zero
} >states.npy
$bezdist fit --trajectory states.npy --out p.npy --json >fit.json
for what in memory peak_fma bandwidth save; do $bezdist bench toy --what "$what" --threads 1 --json; done >bench.json
[ ! -s convert.json ]

keys() { # page
  status=0
  for command in inspect train distill reflow sample fit compare eval bench; do
    # Keys are what stands before a colon; those of metadata and sections are the file's.
    sed -E 's/"(metadata|sections)": *\{[^}]*\}/"\1":0/g' $command.json | grep -oE '"[a-z0-9_]+": ?' | tr -d '": ' | sort -u >printed.txt
    row=$(sed -n '/^## JSON/,$p' "$1" | grep -E "^\| ([a-z]+, )*$command(, [a-z]+)* \|" | grep -oE '`[^`]*`' | tr '\n' ' ')
    case $command in
    eval)
      compare=$(sed -n '/^## JSON/,$p' "$1" | grep '^| compare |' | grep -oE '`[^`]*`')
      row="$row $compare $(echo "$compare" | grep -oE '[a-z0-9_]+' | sed 's/^/floor_/')"
      ;;
    esac
    echo "$row" | grep -oE '[a-z0-9_]+' | grep -vx 'floor_' | sort -u >said.txt
    for key in $(comm -23 said.txt printed.txt); do echo "$command --json does not print $key"; status=1; done
    for key in $(comm -13 said.txt printed.txt); do echo "$command --json prints $key, which is not in the page"; status=1; done
  done
  return $status
}

options "$page"
keys "$page"

# Both can fail.
misses() { # check, sed command
  sed "$2" "$page" >broken.md
  ! cmp -s "$page" broken.md || { echo "nothing to break by $2"; exit 1; }
  if $1 broken.md >broken.txt; then echo "$1 misses $2"; exit 1; fi
}
misses options 's/--ridge/--rigde/'
misses options 's/--toy-count N//'
misses options 's/\[--renoise F\]/[--rho F]/'
misses options 's/`--ema`/`--bend`/'
misses options 's/^| `eval /| `score /'
misses keys 's/nfe_max/nfemax/'
misses keys 's/, \[verified\]//'
misses keys 's/, residual_max/, residual_max, residual_min/'
