#!/bin/sh
# SPDX-License-Identifier: MIT
# A state dict of PyTorch as a flow: the same outputs to 1e-6; and a flow as a state dict.
support=$(cd "$(dirname "$0")/../support" && pwd)
. "$(dirname "$0")/lib.sh"
skip() { echo "skipped: $*"; exit 77; }
library=$(dirname "$bezdist")/../libbezdist.so
[ -e "$library" ] || skip "no libbezdist.so beside the program"
# The system's own python3 too: the first one on the path may be another, without the system's packages.
for python in python3 /usr/bin/python3; do
  $python -c 'import numpy,torch' 2>/dev/null && exec $python "$support/tensors_reference.py" "$library" torch
done
skip "python3-torch (with NumPy) is not installed"
