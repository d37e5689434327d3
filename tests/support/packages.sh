# SPDX-License-Identifier: MIT
# Sourced: need PACKAGE... installs Debian packages that are missing, or says which ones are needed elsewhere.
need() {
  if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    for tool in cc cmake pkg-config; do
      command -v "$tool" >/dev/null 2>&1 || missing_tool=$tool
    done
    if [ -n "${missing_tool:-}" ] || ! pkg-config --exists zlib cmocka libpng jansson; then
      echo "Not Debian or Ubuntu: please install a C and C++ compiler, CMake >= 3.25, pkg-config, BLIS with its header," \
        "and the development files of zlib, cmocka, libpng and jansson." >&2
      exit 1
    fi
    return 0
  fi
  missing=
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
  done
  [ -z "$missing" ] && return 0
  root=
  [ "$(id -u)" = 0 ] || root=sudo
  echo "Installing:$missing"
  said=$(mktemp)
  # shellcheck disable=SC2086
  { $root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends $missing; } \
    </dev/null >"$said" 2>&1 || { tail -n 20 "$said" >&2; rm -f "$said"; echo "Could not install:$missing" >&2; exit 1; }
  rm -f "$said"
}
build_packages="gcc g++ libc6-dev cmake make pkg-config libblis-dev zlib1g-dev libpng-dev libjansson-dev"
