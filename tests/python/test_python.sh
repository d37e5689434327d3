#!/bin/sh
# SPDX-License-Identifier: MIT
# The Python module against the headers and the library: its tests with NumPy and without, examples, code of its page.
set -eu
top=$1
BEZDIST_LIBRARY=$2
export BEZDIST_LIBRARY PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$top/examples/python"
here=$top/examples/python
case $BEZDIST_LIBRARY in *.so*) ;; *) echo "skipped: no shared library"; exit 77 ;; esac
# The system's python3 first: another one on the path may lack the system's packages.
python=
for one in /usr/bin/python3 python3; do
  if "$one" -c 'import sys; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then python=$one; break; fi
done
[ -n "$python" ] || { echo "skipped: no Python 3.9 or later"; exit 77; }
"$python" -W error "$here/test_bezdist.py"
BEZDIST_TEST_NUMPY=0 "$python" -W error "$here/test_bezdist.py"
"$python" "$here/train_and_sample.py"
"$python" "$here/distil_torch.py" || [ $? -eq 77 ]
awk '/^```python/ { on = 1; next } /^```/ { on = 0 } on' "$here/README.md" >page.py
"$python" -c 'import bezdist
exec(open("page.py").read())
student.run()'
