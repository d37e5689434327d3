#!/bin/sh
# SPDX-License-Identifier: MIT
# Tensor files against the programs they come from: NumPy, and safetensors where it is installed.
support=$(cd "$(dirname "$0")/../support" && pwd)
. "$(dirname "$0")/lib.sh"
skip() { echo "skipped: $*"; exit 77; }
library=$(dirname "$bezdist")/../libbezdist.so
[ -e "$library" ] || skip "no libbezdist.so beside the program"
# The system's own python3 too: the first one on the path may be another, without the system's packages.
for python in python3 /usr/bin/python3; do
  $python -c 'import numpy' 2>/dev/null && exec $python "$support/tensors_reference.py" "$library"
done
skip "python3-numpy is not installed"
