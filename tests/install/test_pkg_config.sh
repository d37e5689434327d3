#!/bin/sh
# SPDX-License-Identifier: MIT
# Installed below DESTDIR and moved from there: nothing remembers where it was, pkg-config serves C99 and C++17 programs,
# and the bezdist program starts: test_pkg_config.sh ROOT BUILD
set -eu
root=$1 build=$2
. "$root/tests/install/consumers.sh"
need_shared "$build"
need_tool pkg-config
rm -rf stage moved client*
DESTDIR="$here/stage" cmake --install "$build" --prefix /opt/somewhere >install.log
[ "$(ls stage)" = opt ] && [ "$(ls stage/opt)" = somewhere ]
mv stage/opt/somewhere moved
if grep -rlF -e "$build" -e "$root" -e "$here" -e /opt/somewhere moved; then
  echo "these files remember where they were built or installed"
  exit 1
fi
for header in "$root"/include/bezdist/*; do cmp "$header" "moved/include/bezdist/$(basename "$header")"; done
run_clients "$root" moved
if [ -e moved/bin/bezdist ] && ! grep -q '^CMAKE_INSTALL_PREFIX:PATH=/usr$' "$build/CMakeCache.txt"; then
  moved/bin/bezdist sample --model client.bzd --count 4 --quiet --out samples.npy
  [ -s samples.npy ]
fi
rm -rf stage moved
