#!/bin/sh
# SPDX-License-Identifier: MIT
# The Debian packages on a bare Debian 12: makes such a root with mmdebstrap, installs the packages with apt, then a
# compiler, pkg-config and CMake, builds and runs the consumers, and takes the packages away again. Run as root, with the
# network that apt is set up for; some minutes. Not one of ctest's: clean_root.sh [FOLDER (build/clean)]
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$top/build/clean}
for tool in mmdebstrap chroot cpack; do
  command -v "$tool" >/dev/null 2>&1 || { echo "skipped: no $tool"; exit 77; }
done
[ "$(id -u)" = 0 ] || { echo "skipped: not root"; exit 77; }
for sources in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
  [ -s "$sources" ] && break
done

echo "== packages"
cd "$top"
cmake --preset deb >/dev/null
cmake --build build/deb -j"$(nproc)" >build/deb/build.log 2>&1 || { tail -n 60 build/deb/build.log; exit 1; }
rm -f build/deb/*.deb
cpack --preset deb >build/deb/cpack.log 2>&1 || { tail -n 60 build/deb/cpack.log; exit 1; }
ls build/deb/*.deb

echo "== a bare Debian 12"
mkdir -p "$folder"
root=$folder/root
[ -e "$folder/bare.tar" ] || mmdebstrap --quiet --variant=minbase bookworm "$folder/bare.tar" "$sources"
rm -rf "$root"
mkdir "$root"
tar -C "$root" -xf "$folder/bare.tar"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
mkdir "$root/debs" "$root/clients"
cp build/deb/*.deb "$root/debs"
cp tests/install/client.c tests/install/client.cpp "$root/clients"
inside() {
  chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive sh -euc "cd /clients; $1"
}
inside 'apt-get update -qq'

echo "== the runtime and the program alone"
inside 'apt-get install -y -qq --no-install-recommends /debs/libbezdist0_*.deb /debs/bezdist_*.deb >/clients/apt.log 2>&1 || { cat /clients/apt.log; exit 1; }'
inside 'dpkg-query -W -f "\${Package} \${Version}: \${Depends}\n" libbezdist0 bezdist; dpkg --audit; dpkg -V libbezdist0 bezdist
  ldconfig -p | grep libbezdist
  bezdist train --data toy:moons --out moons.bzd --net mlp:32x2 --steps 200 --quiet && bezdist inspect moons.bzd --verify >/dev/null'

echo "== development files, a compiler, pkg-config and CMake; neither BLIS's nor zlib's"
inside 'apt-get install -y -qq --no-install-recommends /debs/libbezdist-dev_*.deb gcc g++ libc6-dev pkg-config cmake make >/clients/apt.log 2>&1 || { cat /clients/apt.log; exit 1; }
  if dpkg-query -W -f "\${Status}" libblis-dev 2>/dev/null | grep "ok installed"; then exit 1; fi'

echo "== pkg-config"
inside 'cc -std=c99 -Wall -Wextra -Werror client.c -o client $(pkg-config --cflags --libs bezdist) && ./client
  c++ -std=c++17 -Wall -Wextra -Werror client.cpp -o client_cpp $(pkg-config --cflags --libs bezdist) && ./client_cpp'

echo "== find_package"
cat >"$root/clients/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.13)
project(client C CXX)
find_package(bezdist 0.1 REQUIRED COMPONENTS shared)
add_executable(client client.c)
add_executable(client_cpp client.cpp)
target_compile_features(client_cpp PRIVATE cxx_std_17)
target_link_libraries(client bezdist::bezdist)
target_link_libraries(client_cpp bezdist::bezdist)
END
inside 'cmake -B build >cmake.log && cmake --build build >>cmake.log || { cat cmake.log; exit 1; }
  build/client && build/client_cpp'

echo "== taken away again"
inside 'apt-get purge -y -qq libbezdist0 libbezdist-dev bezdist >/clients/apt.log 2>&1 || { cat /clients/apt.log; exit 1; }
  if find / -xdev -path /clients -prune -o -path /debs -prune -o -name "*bezdist*" -print | grep -v "^/proc"; then echo "left behind"; exit 1; fi'
echo "done: $root can be deleted"
