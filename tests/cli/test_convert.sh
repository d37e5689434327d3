#!/bin/sh
# SPDX-License-Identifier: MIT
# convert: bfloat16, metadata, the flow of a trainer, other programs' formats and back; its own file while it is open.
. "$(dirname "$0")/lib.sh"
$bezdist train --data toy:moons --toy-count 200 --out trainer.bzd --steps 5 $small >/dev/null
$bezdist convert trainer.bzd --out same.bzd
cmp trainer.bzd same.bzd
$bezdist convert trainer.bzd --out flow.bzd --weights auto
$bezdist convert trainer.bzd --out raw.bzd --weights raw
differ "$(content_id flow.bzd)" "$(content_id raw.bzd)" "averaged and raw weights"
same "$(points trainer.bzd)" "$(points flow.bzd)" "a flow and its trainer"
$bezdist convert trainer.bzd --out small.bzd --storage bf16
$bezdist convert flow.bzd --out small2.bzd --storage bf16 --threads 1
cmp small.bzd small2.bzd
[ "$(wc -c <small.bzd)" -lt "$(wc -c <flow.bzd)" ]
$bezdist inspect small.bzd --verify --json | grep -q '"name":"layers.0.weight","role":"parameter","dtype":"f32","stored_dtype":"bf16"'
$bezdist inspect small.bzd | grep -q 'layers.0.weight .* as bf16$'
differ "$(points flow.bzd)" "$(points small.bzd)" "rounded weights"
$bezdist convert small.bzd --out wide.bzd --storage exact
same "$(content_id small.bzd)" "$(content_id wide.bzd)" "rounded weights as float32"
same "$(points small.bzd)" "$(points wide.bzd)" "rounded weights as float32"
# Metadata: set and removed in place, the content id stays.
cp flow.bzd named.bzd
$bezdist convert named.bzd --out named.bzd --set title="a = b" --set note=x
$bezdist inspect named.bzd --json | grep -q '"user.note":"x","user.title":"a = b"'
same "$(content_id flow.bzd)" "$(content_id named.bzd)" "metadata"
$bezdist convert named.bzd --out named.bzd --unset title --unset note
cmp flow.bzd named.bzd
# Other programs' files and back.
$bezdist convert trainer.bzd --out out.safetensors
$bezdist convert out.safetensors --out back.bzd
cmp flow.bzd back.bzd
fails 2 "" convert flow.bzd
fails 2 "" convert --out x.bzd
fails 2 "" convert flow.bzd --out x.zip
fails 2 "" convert flow.bzd --out x.safetensors --storage bf16
fails 2 "" convert flow.bzd --out x.bzd --set title
fails 2 "" convert flow.bzd --out x.bzd --unset title=1
fails 1 "metadata key" convert flow.bzd --out x.bzd --set "a b=1"
fails 1 "averaged" convert flow.bzd --out x.bzd --weights ema
fails 1 "nothing.bzd" convert nothing.bzd --out x.bzd
[ ! -e x.bzd ]
