#!/bin/sh
# SPDX-License-Identifier: MIT
# The static library names what it needs, to pkg-config --static and to CMake; and, installed beside the shared one, it is
# chosen by its component: test_static.sh ROOT BUILD
set -eu
root=$1 build=$2
. "$root/tests/install/consumers.sh"
need_tool pkg-config
rm -rf prefix scratch client*
# Speed is not the subject: without optimising it is built in half the time, and once only.
libdir=$(sed -n 's/^CMAKE_INSTALL_LIBDIR:[A-Z]*=//p' "$build/CMakeCache.txt")
cmake -S "$root" -B static -DCMAKE_INSTALL_LIBDIR="$libdir" -DBUILD_SHARED_LIBS=OFF \
  -DBEZDIST_TESTS=OFF -DBEZDIST_EXAMPLES=OFF -DCMAKE_BUILD_TYPE=MinSizeRel -DCMAKE_C_FLAGS_MINSIZEREL=-O0 >static.log
cmake --build static -j2 >>static.log
cmake --install static --prefix "$here/prefix" >>static.log

run_clients "$root" prefix --static
chooses STATIC_LIBRARY prefix ""
chooses STATIC_LIBRARY prefix "COMPONENTS static"
refused "component shared is not installed" prefix "COMPONENTS shared"
build_client scratch/c C prefix "" -DCLIENT="$root/tests/install/client.c"
scratch/c/build/client
if ldd scratch/c/build/client | grep libbezdist; then echo "not linked statically"; exit 1; fi
if command -v "$CXX" >/dev/null 2>&1; then
  build_client scratch/cpp CXX prefix "" -DCLIENT="$root/tests/install/client.cpp" -DCMAKE_CXX_STANDARD=17
  scratch/cpp/build/client
fi

need_shared "$build"
cmake --install "$build" --prefix "$here/prefix" >>static.log
chooses SHARED_LIBRARY prefix ""
chooses SHARED_LIBRARY prefix "" -DBUILD_SHARED_LIBS=ON
chooses STATIC_LIBRARY prefix "" -DBUILD_SHARED_LIBS=OFF
chooses SHARED_LIBRARY prefix "COMPONENTS shared" -DBUILD_SHARED_LIBS=OFF
chooses STATIC_LIBRARY prefix "COMPONENTS static" -DBUILD_SHARED_LIBS=ON
refused "component static excludes shared" prefix "COMPONENTS shared static"
refused "component static excludes shared" prefix "COMPONENTS shared REQUIRED)
find_package(bezdist COMPONENTS static"
rm -rf prefix scratch
