#!/bin/sh
# SPDX-License-Identifier: MIT
# find_package of the shared library: versions, components, a C project and one of C++ alone:
# test_find_package.sh ROOT BUILD
set -eu
root=$1 build=$2
. "$root/tests/install/consumers.sh"
need_shared "$build"
rm -rf prefix scratch
cmake --install "$build" --prefix "$here/prefix" >install.log
version() { sed -n "s/^#define BZD_VERSION_$1 //p" "$root/include/bezdist/base.h"; }
major=$(version MAJOR) minor=$(version MINOR) patch=$(version PATCH)

for words in "" "$major.$minor" "$major.$minor.$patch EXACT" "$major.$minor COMPONENTS shared" \
  "COMPONENTS shared OPTIONAL_COMPONENTS static"; do
  chooses SHARED_LIBRARY prefix "$words"
done
chooses SHARED_LIBRARY prefix "" -DBUILD_SHARED_LIBS=OFF # there is no other
for wanted in "$major.$((minor + 1))" "$((major + 1))" "$major.$minor.$((patch + 1))"; do
  refused "version: $major.$minor.$patch" prefix "$wanted"
done
refused "component static is not installed" prefix "COMPONENTS static"
refused "component static is not installed" prefix "$major.$minor COMPONENTS shared static"
refused "component gpu is not installed" prefix "COMPONENTS gpu"

build_client scratch/c C prefix "$major.$minor" -DCLIENT="$root/tests/install/client.c"
LD_LIBRARY_PATH='' scratch/c/build/client >c.out # the rpath of the build finds it
if command -v "$CXX" >/dev/null 2>&1; then
  build_client scratch/cpp CXX prefix "$major.$minor" -DCLIENT="$root/tests/install/client.cpp" -DCMAKE_CXX_STANDARD=17
  LD_LIBRARY_PATH='' scratch/cpp/build/client >cpp.out
  diff c.out cpp.out
fi
rm -rf prefix scratch
