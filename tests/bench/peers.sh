#!/bin/sh
# SPDX-License-Identifier: MIT
# Times PyTorch and ONNX Runtime on the reference work (docs/performance.md), the library's forward passes in turn with
# the latter's, and prints one JSON line per figure. Build the release preset first.
# Usage: peers.sh [threads] [toy|digits|image ...]     Needs root for apt-get; keeps its downloads in ${PEERS_CACHE:-/tmp/bezdist-peers}.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
threads=${1:-1}; [ $# -gt 0 ] && shift
works=${*:-toy digits image}
cache=${PEERS_CACHE:-/tmp/bezdist-peers}
mkdir -p "$cache"
multiarch=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo x86_64-linux-gnu)
/usr/bin/python3 -c 'import torch' 2>/dev/null && [ -e "/usr/lib/$multiarch/openblas-pthread/libblas.so.3" ] && [ -e "/usr/lib/$multiarch/blis-openmp/libblas.so.3" ] ||
  { apt-get update -qq && apt-get install -y -qq python3-torch libopenblas0-pthread libblis4-openmp; } >"$cache/apt.log" 2>&1
ort=$cache/package/bin/napi-v6/linux/x64/libonnxruntime.so.1
[ -e "$ort" ] || (cd "$cache" && npm pack --silent onnxruntime-node@1.30.0 >/dev/null 2>&1 && tar xzf onnxruntime-node-1.30.0.tgz package/bin/napi-v6/linux/x64) || true
for work in $works; do
  LD_PRELOAD=/usr/lib/$multiarch/openblas-pthread/libblas.so.3 OPENBLAS_NUM_THREADS=$threads \
    /usr/bin/python3 "$here/peers_torch.py" torch-openblas "$threads" "$work" "$cache/$work.onnx" 2>"$cache/torch.log" ||
    { cat "$cache/torch.log" >&2; exit 1; }
  # BLIS_ARCH_TYPE=0 is skx in BLIS 0.9; only where the CPU has AVX-512
  if grep -q avx512f /proc/cpuinfo; then
    LD_PRELOAD=/usr/lib/$multiarch/blis-openmp/libblas.so.3 BLIS_ARCH_TYPE=0 BLIS_NUM_THREADS=$threads \
      /usr/bin/python3 "$here/peers_torch.py" torch-blis "$threads" "$work" 2>"$cache/torch.log" ||
      { cat "$cache/torch.log" >&2; exit 1; }
  fi
done
[ -e "$ort" ] || exit 0 # without it PyTorch alone is timed
build=$here/../../build/release
cc -O2 -I"$here/../../include" -o "$cache/forward" "$here/forward.c" -L"$build" -lbezdist -Wl,-rpath,"$build" -ldl
for work in $works; do "$cache/forward" "$ort" "$threads" "$work" "$cache/$work.onnx"; done
