#!/bin/sh
# SPDX-License-Identifier: MIT
# Periodic saves: the two newest are there, either can be resumed from, signals at any moment lose nothing.
. "$(dirname "$0")/lib.sh"
train="train --data toy:moons --toy-count 500 $small"
step() { "$bezdist" inspect "$1" --json | sed 's/.*"trainer.step":"\([0-9]*\)".*/\1/'; }
files() { ls | grep -c "^$1" || :; }

$bezdist $train --out whole.bzd --steps 60 >/dev/null
$bezdist $train --out parts.bzd --steps 60 --save-every 7 >/dev/null
same "$(content_id whole.bzd)" "$(content_id parts.bzd)" "saved on the way and not"
same "$(files parts.bzd)" 1 "files of a complete training"

# Two files, the newest and the one before.
part() { rm -f parts.bzd*; $bezdist $train --out parts.bzd --steps 60 --save-every 10 --stop-at 35; }
part
same "$(step parts.bzd) $(step parts.bzd.previous) $(files parts.bzd)" "35 30 2" "saves of a stopped training"

# The printed command does not stop there again, however that was said.
for stop in '--stop-at 20' --stop-at=20 '--sto 20' --stop=20; do
  rm -f said.bzd
  $bezdist train --data toy:moons --toy-count 500 --net mlp:16x2 --batch 32 --steps 60 --out said.bzd $stop 2>stopped.txt
  grep -q "go on with: bezdist train --data toy:moons --toy-count 500 --net mlp:16x2 --batch 32 --steps 60 --out said.bzd --resume$" stopped.txt
done

# The newest one damaged or gone: the older one is gone on from, that is said, and the end is the same.
damages=0
for damage in ': >parts.bzd' 'rm parts.bzd' 'head -c 3000 whole.bzd >parts.bzd' 'echo x >>parts.bzd' \
  'printf "\377\377\377" | dd of=parts.bzd bs=1 seek=200 conv=notrunc 2>/dev/null'; do
  part
  eval "$damage"
  $bezdist $train --out parts.bzd --steps 60 --save-every 10 --resume --stop-at 39 2>note.txt
  grep -q "^bezdist: note: parts.bzd cannot be resumed (.*); going on from parts.bzd.previous, step 30$" note.txt || { cat note.txt; exit 1; }
  same "$(step parts.bzd) $(step parts.bzd.previous) $(files parts.bzd)" "39 30 2" "after: $damage"
  $bezdist $train --out parts.bzd --steps 60 --save-every 10 --resume >/dev/null 2>note.txt
  [ ! -s note.txt ] || { cat note.txt; exit 1; }
  same "$(content_id whole.bzd)" "$(content_id parts.bzd)" "resumed after: $damage"
  damages=$((damages + 1))
done
part
: >parts.bzd
: >parts.bzd.previous
fails 1 "parts.bzd.previous" $train --out parts.bzd --steps 60 --resume
# What another source says of the newest is no damage.
part
fails 1 "source differs" train --data toy:rings --toy-count 500 --out parts.bzd --steps 60 --resume $small
# A new training never leaves the save of an older one to be gone on from.
$bezdist $train --out parts.bzd --steps 60 --lr 0.01 --save-every 50 --stop-at 20
same "$(step parts.bzd) $(files parts.bzd)" "20 1" "new training over an old one"

# Signals. The name needs quotes, the training never ends by itself; each is sent once a later save is there.
model="it's \$a model.bzd"
endless() {
  "$bezdist" train --data toy:moons --toy-count 500 --out "$model" --steps 100000000 --net mlp:32x2 --batch 64 --threads 1 --save-every 3 "$@" 2>stopped.txt >/dev/null &
  training=$!
}
waits() { until [ -e "$model" ] && [ "$(step "$model")" -ge "$1" ]; do kill -0 $training || exit 1; done; }
ends() { code=0; wait $training || code=$?; same "$code" "$1" "exit code after a signal"; }
sent=0 target=3
for signal in INT TERM INT TERM KILL KILL; do
  endless --resume
  waits "$target"
  kill -$signal $training
  if [ $signal = KILL ]; then
    ends 137
  else
    ends 130
    grep -q "stopped after step $(step "$model") of 100000000" stopped.txt
  fi
  target=$(($(step "$model") + 20)) sent=$((sent + 1))
done
endless --resume
waits "$target"
kill -INT $training
ends 130
last=$(($(step "$model") + 5))
printf '%s --quiet --stop-at %s\n' "$(sed -n "s|^bezdist: go on with: bezdist |'$bezdist' |p" stopped.txt)" $last >again.sh
sh again.sh # the printed command
same "$(step "$model")" $last "step after the printed command"
"$bezdist" train --data toy:moons --toy-count 500 --out twin.bzd --steps 100000000 --net mlp:32x2 --batch 64 --threads 2 --quiet --stop-at $last
same "$(content_id "$model")" "$(content_id twin.bzd)" "interrupted $((sent + 1)) times and not"

# A second signal before the first could be answered: it quits at once, and saves nothing more.
endless --resume
waits $((last + 9))
# On the way there are two; it may be stopped just while one takes the other's place.
tries=0
while :; do
  kill -STOP $training
  until grep -q '^State:.T' /proc/$training/status; do :; done
  if [ -e "$model.previous" ] && [ "$(step "$model")" = $(($(step "$model.previous") + 3)) ]; then break; fi
  tries=$((tries + 1))
  [ $tries -lt 100 ] || { echo "never two saves on the way"; exit 1; }
  kill -CONT $training
done
before=$(cksum <"$model")
kill -INT $training
kill -TERM $training
kill -CONT $training
code=0
wait $training || code=$?
[ $code = 130 ] || [ $code = 143 ] || { echo "exit $code after two signals"; exit 1; }
same "$(cksum <"$model")" "$before" "file after two signals"
if grep "saved in" stopped.txt; then exit 1; fi

# While a later round's paths are made: the rounds before it are saved, and the printed command goes on.
$bezdist train --data toy:moons --toy-count 500 --out teacher.bzd --steps 5 $small >/dev/null
rounds="distill --teacher teacher.bzd --rounds 2 --steps 4 --batch 32 --threads 1 --pool 40000 --init fresh --net mlp:16x2"
"$bezdist" $rounds --out rounds.bzd 2>stopped.txt >/dev/null &
training=$!
until [ -e rounds.bzd.round1 ]; do kill -0 $training || exit 1; done
kill -INT $training
ends 130
grep -q "stopped while paths were made; rounds.bzd was not begun$" stopped.txt || { cat stopped.txt; exit 1; }
sed -n "s|^bezdist: go on with: bezdist |'$bezdist' |p" stopped.txt >again.sh
sh again.sh >/dev/null 2>&1
$bezdist $rounds --out straight.bzd --quiet >/dev/null
same "$(content_id rounds.bzd)" "$(content_id straight.bzd)" "interrupted between rounds and not"

# Made by another version or with other kernels: said once, resumed.
if command -v python3 >/dev/null; then
  part
  python3 - parts.bzd trainer.version trainer.kernels <<'END'
import struct, sys, zlib
name, keys = sys.argv[1], sys.argv[2:]
data = bytearray(open(name, "rb").read())
start, = struct.unpack_from("<Q", data, len(data) - 48)
for key in keys:
    data[data.index(key.encode(), start) + len(key)] ^= 1
struct.pack_into("<I", data, len(data) - 32, zlib.crc32(data[start:-64]))
struct.pack_into("<I", data, len(data) - 4, zlib.crc32(data[-64:-4]))
open(name, "wb").write(data)
END
  $bezdist train --data toy:moons --toy-count 500 --net mlp:16x2 --batch 32 --out parts.bzd --steps 60 --resume >/dev/null 2>note.txt
  same "$(grep -c 'note: parts.bzd was trained with other matrix kernels, by another version' note.txt)" 1 "notes of another library"
  same "$(content_id whole.bzd)" "$(content_id parts.bzd)" "resumed from another library's"
fi

# Policies: with them a training is what it was, and their numbers are checked.
for policy in stop skip:3 roll-back roll-back:2,5,0.25; do
  $bezdist $train --out policy.bzd --steps 60 --diverged $policy --stop-at 33
  $bezdist $train --out policy.bzd --steps 60 --diverged $policy --resume >/dev/null
  points whole.bzd >one.txt
  points policy.bzd >two.txt
  same "$(cat one.txt)" "$(cat two.txt)" "policy $policy"
done
for policy in go skip:0 skip:1.5 skip:1,2 stop:1 roll-back:1,2,3; do
  code=0
  $bezdist $train --out bad.bzd --diverged $policy 2>err.txt || code=$?
  [ $code = 2 ] || { echo "exit $code: --diverged $policy"; exit 1; }
  [ -s err.txt ] && [ ! -e bad.bzd ]
done
echo "$damages damages, $((sent + 2)) signals"
