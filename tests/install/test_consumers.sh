#!/bin/sh
# SPDX-License-Identifier: MIT
# The installed library from outside: pkg-config, find_package, a moved prefix, and the sources as a subproject.
set -eu
source=$1 build=$2
here=$PWD
rm -rf prefix moved scratch
cmake --install "$build" --prefix "$here/prefix" >install.log
cat >client.c <<'END'
#include <bezdist/bezdist.h>
#include <stdio.h>
int main(void) {
  float z[4];
  if (bzd_noise(0, BZD_STREAM_NOISE, 0, 1, 4, z) != BZD_OK) return 1;
  printf("%s %u\n", bzd_version_string(), bzd_version());
  return bzd_version() == ((uint32_t)BZD_VERSION_MAJOR << 16 | BZD_VERSION_MINOR << 8 | BZD_VERSION_PATCH) ? 0 : 1;
}
END
mv prefix moved # nothing may remember where it was
lib=$(dirname "$(find moved -name 'libbezdist.*' | head -n 1)")
export PKG_CONFIG_PATH="$here/$lib/pkgconfig"
# shellcheck disable=SC2046
cc client.c -o pkg $(pkg-config --cflags --libs bezdist)
LD_LIBRARY_PATH="$here/$lib" ./pkg
mkdir -p scratch/find scratch/sub
cp client.c scratch/find; cp client.c scratch/sub
cat >scratch/find/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.25)
project(client C)
find_package(bezdist 0.1 REQUIRED)
add_executable(client client.c)
target_link_libraries(client bezdist::bezdist)
END
cmake -S scratch/find -B scratch/find/build -DCMAKE_PREFIX_PATH="$here/moved" >find.log
cmake --build scratch/find/build >>find.log
scratch/find/build/client
cat >scratch/sub/CMakeLists.txt <<END
cmake_minimum_required(VERSION 3.25)
project(client C)
add_subdirectory($source bezdist)
add_executable(client client.c)
target_link_libraries(client bezdist::bezdist)
if(TARGET bezdist_internal OR TARGET bezdist_program OR BUILD_TESTING)
  message(FATAL_ERROR "a subproject built more than the library")
endif()
END
cmake -S scratch/sub -B scratch/sub/build >sub.log
cmake --build scratch/sub/build -j2 >>sub.log
scratch/sub/build/client
cmake --install scratch/sub/build --prefix "$here/scratch/none" >>sub.log
[ ! -e scratch/none ]
# A static library names what it needs.
cmake -S "$source" -B scratch/static -DBUILD_SHARED_LIBS=OFF -DBEZDIST_TESTS=OFF -DBEZDIST_EXAMPLES=OFF -DCMAKE_BUILD_TYPE=Release >static.log
cmake --build scratch/static -j2 >>static.log
cmake --install scratch/static --prefix "$here/scratch/prefix" >>static.log
lib=$(dirname "$(find scratch/prefix -name 'libbezdist.a')")
export PKG_CONFIG_PATH="$here/$lib/pkgconfig"
# shellcheck disable=SC2046
cc client.c -o static $(pkg-config --static --cflags --libs bezdist)
./static
rm -rf scratch moved
