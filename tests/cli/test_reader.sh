#!/bin/sh
# SPDX-License-Identifier: MIT
# A second reader, written from the format page alone, says of every kind of file what the library says.
support=$(cd "$(dirname "$0")/../support" && pwd) golden=$(cd "$(dirname "$0")/../data/golden" && pwd)
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
$bezdist train --data digits --labels digits-labels --dropout 0.1 --out c.bzd --steps 20 $small >/dev/null
exec python3 "$support/bzd_compare.py" "$bezdist" "$golden"/*.bzd c.bzd
