#!/bin/sh
# SPDX-License-Identifier: MIT
# The Debian packages: fields, dependencies, files; unpacked into a root of their own, they serve the consumers:
# test_packages.sh ROOT BUILD
set -eu
root=$1
. "$root/tests/install/consumers.sh"
need_tool cpack dpkg-deb dpkg-shlibdeps file pkg-config
rm -rf unpacked scratch client*
# The prefix decides where Debian wants the library, so this is a build of its own; it is kept, and not optimised.
cmake -S "$root" -B deb -DCMAKE_INSTALL_PREFIX=/usr -DBEZDIST_TESTS=OFF -DCMAKE_BUILD_TYPE=MinSizeRel \
  -DCMAKE_C_FLAGS_MINSIZEREL=-O0 -DCMAKE_SKIP_INSTALL_ALL_DEPENDENCY=ON >deb.log
target=bezdist
cmake --build deb --target help | grep bezdist_program >deb.target && target=bezdist_program # and what it needs
cmake --build deb -j2 --target $target >>deb.log
rm -f deb/*.deb
(cd deb && cpack -G DEB) >>deb.log 2>&1 || { tail -n 30 deb.log; exit 1; }

version=$(sed -n 's/^project(bezdist VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
arch=$(dpkg --print-architecture)
packages="libbezdist0 libbezdist-dev"
[ -x deb/bin/bezdist ] && packages="$packages bezdist"
for package in $packages; do
  file=deb/${package}_${version}_$arch.deb
  dpkg-deb -f "$file" >"$package.fields"
  dpkg-deb -c "$file" | awk '!/^d/ { print $6 }' | sort >"$package.files"
  for field in "Package: $package" "Version: $version" "Architecture: $arch" "Description: " "Maintainer: .*<.*@.*>"; do
    grep -q "^$field" "$package.fields" || { cat "$package.fields"; echo "$package: no field $field"; exit 1; }
  done
  grep -qx "./usr/share/doc/$package/copyright" "$package.files"
  dpkg-deb -x "$file" unpacked
done

depends() { # PACKAGE PATTERN
  sed -n 's/^Depends: //p' "$1.fields" | tr ',' '\n' | grep -qE "^ *$2\$" || { cat "$1.fields"; echo "$1 does not depend on $2"; exit 1; }
}
holds() { # PACKAGE PATTERN...: its files, and no others
  package=$1
  shift
  for pattern in "$@"; do
    grep -qxE "$pattern" "$package.files" || { cat "$package.files"; echo "$package: no $pattern"; exit 1; }
    grep -vxE "$pattern" "$package.files" >rest || true
    mv rest "$package.files"
  done
  [ ! -s "$package.files" ] || { cat "$package.files"; echo "$package holds these too"; exit 1; }
}
lib=./usr/lib/$($CC -print-multiarch)
depends libbezdist0 'libc6 .*'
depends libbezdist0 'libblis4.*'
depends libbezdist0 'zlib1g .*'
depends libbezdist-dev "libbezdist0 \(= $version\)"
holds libbezdist0 "$lib/libbezdist.so.0" "$lib/libbezdist.so.$version" ./usr/share/doc/libbezdist0/copyright
holds libbezdist-dev './usr/include/bezdist/[a-z]+\.hp*' "$lib/libbezdist.so" "$lib/pkgconfig/bezdist.pc" \
  "$lib/cmake/bezdist/[A-Za-z-]+\.cmake" ./usr/share/man/man7/bezdist.7.gz ./usr/share/doc/libbezdist-dev/copyright
if [ -x deb/bin/bezdist ]; then
  depends bezdist "libbezdist0 \(>= $version\)"
  depends bezdist 'libpng16-16.*'
  depends bezdist 'libjansson4.*'
  holds bezdist ./usr/bin/bezdist ./usr/share/man/man1/bezdist.1.gz ./usr/share/doc/bezdist/copyright
  LD_LIBRARY_PATH="unpacked/$lib" unpacked/usr/bin/bezdist --help >/dev/null
fi
rm -rf control
dpkg-deb -e "deb/libbezdist0_${version}_$arch.deb" control
cmp control/symbols "$root/lib/debian/libbezdist0.symbols"
[ "$(cat control/shlibs)" = "libbezdist 0 libbezdist0 (>= $version)" ]

run_clients "$root" unpacked
build_client scratch/c C unpacked/usr "" -DCLIENT="$root/tests/install/client.c"
scratch/c/build/client

# A package of the client would depend on the version with which the newest function it calls came.
mkdir -p scratch/debian unpacked/DEBIAN
printf 'Source: client\n\nPackage: client\nArchitecture: any\n' >scratch/debian/control
printf 'Package: libbezdist0\nVersion: %s\n' "$version" >unpacked/DEBIAN/control
sed 's/ bzd_flow_save@BEZDIST_0 .*/ bzd_flow_save@BEZDIST_0 0.1.5/' control/symbols >unpacked/DEBIAN/symbols
(cd scratch && dpkg-shlibdeps -O -S"$here/unpacked" -l"$here/unpacked/$lib" -e"$here/client") >shlibdeps.out 2>shlibdeps.log ||
  { cat shlibdeps.log; exit 1; }
grep -q 'libbezdist0 (>= 0\.1\.5)' shlibdeps.out || { cat shlibdeps.out; exit 1; }
rm -rf unpacked scratch control
