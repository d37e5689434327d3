#!/bin/sh
# SPDX-License-Identifier: MIT
# Builds the API reference: make.sh [FOLDER (build/reference)] [SETTING=VALUE ...]; open FOLDER/html/index.html. A warning
# is a failure.
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
folder=${1:-$top/build/reference}
[ $# -eq 0 ] || shift
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
cd "$top"
{ cat docs/reference/Doxyfile; printf 'OUTPUT_DIRECTORY = "%s"\n' "$folder"; printf '%s\n' "$@"; } | doxygen -
