#!/bin/sh
# SPDX-License-Identifier: MIT
# Pictures and tables are replaced whole or not at all, also where the process is killed or nothing can be written; the
# one file that a killed write leaves goes with the next.
. "$(dirname "$0")/lib.sh"
$bezdist train --data toy:rings --toy-count 200 --out m.bzd --steps 10 $small >/dev/null
mkdir pictures
draw="sample --model m.bzd --count 300 --out pictures/p.png --quiet --threads 1"
files() { ls -A pictures | wc -l; }

$bezdist $draw >/dev/null
cp pictures/p.png drawn.png
chmod 640 pictures/p.png
echo old >pictures/p.png
# The limit of the file size ends the process in its first write, again and again: one file is left, and then none.
for i in 1 2 3; do
  code=0
  (ulimit -c 0 && ulimit -f 0 && exec "$bezdist" $draw) >/dev/null 2>&1 || code=$?
  same "$(kill -l "$code")" XFSZ "what ended a write"
  same "$(cat pictures/p.png)" old "the old file after a killed write"
  same "$(files)" 2 "files after a killed write"
done
echo "longer than nothing" >pictures/.p.png.bezdist-0
$bezdist $draw >/dev/null
cmp pictures/p.png drawn.png
same "$(ls -A pictures)" p.png "files after the next write"
same "$(stat -c %a pictures/p.png)" 640 "mode"
# At once: each is whole, and all succeed.
writers=
for i in 1 2 3 4 5 6; do
  "$bezdist" $draw >/dev/null &
  writers="$writers $!"
done
for writer in $writers; do wait "$writer"; done
cmp pictures/p.png drawn.png
same "$(files)" 1 "files after six writes at once"
# Nothing but a file is replaced.
mkfifo pictures/pipe.png
fails 1 "pipe.png: not a regular file" sample --model m.bzd --count 3 --out pictures/pipe.png --quiet
[ -p pictures/pipe.png ]
rm pictures/pipe.png

# write() that does nothing is an error, not a loop without end.
command -v "${CC:-cc}" >/dev/null || { echo "skipped: a write of nothing, no compiler"; exit 0; }
cat >nothing.c <<'END'
#include <stddef.h>
long write(int fd, const void *data, size_t size);
long write(int fd, const void *data, size_t size) { return fd < 0 && data && size ? 1 : 0; }
END
"${CC:-cc}" -shared -fPIC nothing.c -o nothing.so
code=0
LD_PRELOAD=$PWD/nothing.so timeout -s KILL 60 "$bezdist" $draw >/dev/null 2>err.txt || code=$?
same "$code" 1 "exit code of a write of nothing"
grep -q "^bezdist: pictures/p.png: No space left on device$" err.txt
cmp pictures/p.png drawn.png
same "$(files)" 1 "files after a write of nothing"
echo "3 killed writes, 6 at once, 1 of nothing"
