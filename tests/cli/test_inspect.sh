#!/bin/sh
# SPDX-License-Identifier: MIT
# inspect shows our files and other programs'.
. "$(dirname "$0")/lib.sh"
$bezdist train --data toy:moons --toy-count 200 --out model.bzd --steps 2 $small >/dev/null
$bezdist sample --model model.bzd --count 5 --out points.npy --quiet >/dev/null
printf '\000\000\010\001\000\000\000\003\001\002\003' >labels.idx
printf '\042\000\000\000\000\000\000\000{"__metadata__":{"a":"\\u001b[0m"}}' >texts.safetensors
printf 'PK\005\006\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000' >none.npz
$bezdist inspect model.bzd --json | grep -q '"kind":"trainer".*"role":"parameter"'
$bezdist inspect points.npy --verify --json | grep -q '"version":"npy","kind":"tensors".*"dtype":"f32","shape":\[5,2\],"raw_bytes":40.*"verified":true'
$bezdist inspect labels.idx --verify | grep -q 'arr_0 .* u8 .*\[3\]'
$bezdist inspect none.npz | grep -q 'npz, 0 tensors'
$bezdist inspect texts.safetensors | grep -q 'a  .*?\[0m' # nothing for the terminal
echo "no model" >foreign.bzd
fails 1 "not a .bzd file, nor" inspect foreign.bzd
fails 1 "NPY" compare labels.idx points.npy
printf '\000\000\013\001\000\000\000\001\001\002' >wide.idx
fails 1 "only bytes" train --data wide.idx --out z.bzd --steps 5 $small
