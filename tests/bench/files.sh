#!/bin/sh
# SPDX-License-Identifier: MIT
# Saving and loading a model of 15 MB through memory: .bzd and safetensors by the library, numpy.savez_compressed and
# numpy.savez of the same weights (Debian's python3-numpy), in turn. One JSON line per figure; medians of each round.
# Usage: files.sh [threads] [rounds]   (build the release preset first)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
bezdist=$here/../../build/release/bin/bezdist
threads=${1:-1} rounds=${2:-3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
while [ "$rounds" -gt 0 ]; do
  for what in save load verify save_safetensors load_safetensors; do
    "$bezdist" bench image --threads "$threads" --json --quiet --what $what --export "$folder/model.safetensors"
  done
  /usr/bin/python3 "$here/peers_files.py" "$folder/model.safetensors"
  rounds=$((rounds - 1))
done
