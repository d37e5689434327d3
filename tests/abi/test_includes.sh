#!/bin/sh
# SPDX-License-Identifier: MIT
# Includes run downhill: base <- num, store <- net <- flow <- distill <- api; api alone takes <bezdist/...>, but for
# <bezdist/base.h>; gemm_blis.c alone blis.h, codec.c and flate.c alone zlib.h. Proves first that it can fail.
set -eu
top=$1

check() { # folder with lib/ inside
  (cd "$1" && find lib -name '*.[ch]' | sort | xargs grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null) | awk -F: '
    BEGIN {
      allow["base"] = "base"; allow["num"] = "base num"; allow["store"] = "base store"
      allow["net"] = "base num store net"; allow["flow"] = allow["net"] " flow"
      allow["distill"] = allow["flow"] " distill"; allow["api"] = allow["distill"] " api"
    }
    {
      split($1, path, "/"); layer = path[2]; file = $1; line = $0
      if (match(line, /"[^"]+"/)) {
        name = substr(line, RSTART + 1, RLENGTH - 2); split(name, part, "/")
        if (index(" " allow[layer] " ", " " part[1] " ") == 0) { print file ": \"" name "\" is not below " layer; bad = 1 }
      } else if (match(line, /<[^>]+>/)) {
        name = substr(line, RSTART + 1, RLENGTH - 2)
        if (name ~ /^bezdist\// && name != "bezdist/base.h" && layer != "api") { print file ": <" name "> outside api"; bad = 1 }
        if (name == "blis.h" && file != "lib/num/gemm_blis.c") { print file ": <blis.h> outside gemm_blis.c"; bad = 1 }
        if (name == "zlib.h" && file != "lib/store/codec.c" && file != "lib/store/flate.c") { print file ": <zlib.h> outside codec.c and flate.c"; bad = 1 }
      }
    }
    END { exit bad }'
}

trap 'rm -rf sample' EXIT
for sample in 'base/a.c:#include "num/gemm.h"' 'num/a.c:#include "store/io.h"' 'flow/a.c:#include <bezdist/flow.h>' \
  'net/a.c:#include <zlib.h>' 'num/vec.c:#include <blis.h>'; do
  rm -rf sample
  mkdir -p "sample/lib/$(dirname "${sample%%:*}")"
  echo "${sample#*:}" >"sample/lib/${sample%%:*}"
  if check sample >/dev/null; then echo "the check misses $sample"; exit 1; fi
done
check "$top"

# Programs and their tests see the public headers alone.
! grep -rnE '#[[:space:]]*include "(base|num|store|net|flow|distill|api)/' "$top/examples" "$top/include" "$top/tests/api" "$top/tests/cpp"
