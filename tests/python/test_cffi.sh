#!/bin/sh
# SPDX-License-Identifier: MIT
# cffi reads the flattened headers as they are: version, structs and a sample through it.
set -eu
top=$1 library=$2
case $library in *.so*) ;; *) echo "skipped: no shared library"; exit 77 ;; esac
python=
for one in /usr/bin/python3 python3; do
  if "$one" -c 'import cffi' 2>/dev/null; then python=$one; break; fi
done
[ -n "$python" ] || { echo "skipped: python3-cffi is not installed"; exit 77; }
# Between the markers of our own headers alone: libc's declarations are left out; cffi knows int32_t and its like.
echo '#include <bezdist/bezdist.h>' | "${CC:-cc}" -E -I"$top/include" - |
  awk '/^# [0-9]+ "/ { ours = $3 ~ /bezdist\// } /^#/ { next } ours' |
  sed 's/__attribute__((visibility("default")))//' >flat.h
cat >client.py <<'END'
import sys
import cffi

ffi = cffi.FFI()
ffi.cdef(open("flat.h").read())
library = ffi.dlopen(sys.argv[1])


def ok(status):
    if status != 0:
        text = ffi.new("char[512]")
        library.bzd_last_error(text, 512)
        sys.exit(f"{ffi.string(library.bzd_status_name(status)).decode()}: {ffi.string(text).decode()}")


version = library.bzd_version()
assert ffi.string(library.bzd_version_string()).decode() == f"{version >> 16}.{version >> 8 & 255}.{version & 255}"
structs = [name for name in dir(library) if name.endswith("_size") and hasattr(library, name)]
assert len(structs) > 20, structs
for name in structs:
    assert ffi.sizeof(name[:-5]) == getattr(library, name)(), name

config = ffi.new("bzd_flow_config *")
ok(library.bzd_flow_config_init(config, ffi.sizeof("bzd_flow_config")))
config.dim, config.width, config.layers = 2, 16, 1
flow = ffi.new("bzd_flow **")
ok(library.bzd_flow_create(ffi.NULL, config, flow))
out = ffi.new("float[]", 8)
result = ffi.new("bzd_sample_result *", {"struct_size": ffi.sizeof("bzd_sample_result")})
steps = []


@ffi.callback("bzd_progress_fn")
def progress(user, facts):
    steps.append(facts.step)
    return 0


sampling = ffi.new("bzd_sample_config *")
ok(library.bzd_sample_config_init(sampling, ffi.sizeof("bzd_sample_config")))
sampling.progress = progress
ok(library.bzd_flow_sample(flow[0], sampling, 4, ffi.NULL, ffi.NULL, out, result))
assert result.nfe_mean > 0 and steps[-1] == 4 and any(out), (result.nfe_mean, steps, list(out))
library.bzd_flow_destroy(flow[0])
print(f"cffi {cffi.__version__}: {len(structs)} structs, {result.nfe_mean} evaluations a sample")
END
"$python" client.py "$library"
