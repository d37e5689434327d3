#!/bin/sh
# SPDX-License-Identifier: MIT
# The program and the examples write files through the library's saves alone, which tests/faults proves; but for pictures
# and tables (write_atomic in output.c), what grows (the log of losses, the table of a study) and a save that another
# took the place of (OUT.previous). Proves first that it can fail.
set -eu
top=$1

check() { # folder with examples/ inside
  (cd "$1" && find examples -name '*.[ch]' | sort | xargs grep -nE \
    '\<(open|openat|open64|creat|fopen|fopen64|freopen|fdopen|mkstemp|mkostemp|tmpfile|rename|renameat|truncate|ftruncate|remove|unlink)[[:space:]]*\(' \
    /dev/null) | grep -vE '^examples/cli/output\.c:[0-9]+:.*\<(open\(temporary|rename\(temporary, path|unlink\(temporary|ftruncate\(fd, 0)' |
    grep -vE '^examples/cli/training\.c:[0-9]+:.*(fopen\(training->losses|unlink\(saves(\.|->)previous|rename\(saves->path, saves->previous)' |
    grep -vE '^examples/cli/study/(rows\.c:[0-9]+:.*fopen\(path, "r"\)|study\.c:[0-9]+:.*(fopen\(task->path, "a"|fopen\(draft, "w"|rename\(draft, task->path))'
}

for sample in 'fopen("model.bzd", "wb")' 'open(path, O_WRONLY)' 'rename(a, b)' 'creat (path, 0666)'; do
  rm -rf sample
  mkdir -p sample/examples/cli
  echo "  x = $sample;" >sample/examples/cli/output.c
  if ! check sample >/dev/null; then echo "the check misses $sample"; exit 1; fi
done
! check "$top" || exit 1

# And each of them does save.
for pair in 'examples/cli/training.c bzd_checkpoint_write_file' 'examples/cli/demo.c bzd_checkpoint_write_file' \
  'examples/cli/arrays.c bzd_tensors_write_file' 'examples/05_checkpoint_and_resume.c bzd_checkpoint_write_file'; do
  grep -q "${pair#* }(" "$top/${pair% *}" || { echo "${pair% *} does not call ${pair#* }"; exit 1; }
done
