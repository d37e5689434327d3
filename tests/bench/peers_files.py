# SPDX-License-Identifier: MIT
"""Times numpy.savez_compressed, numpy.savez and numpy.load through memory on the tensors of a safetensors file. One JSON
line per figure: the median of 5."""
import io, json, statistics, struct, sys, time
import numpy

raw = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", raw[:8])[0]
header = json.loads(raw[8 : 8 + size])
header.pop("__metadata__", None)
arrays = {}
for name, entry in header.items():
    start, end = entry["data_offsets"]
    arrays[name] = numpy.frombuffer(raw[8 + size + start : 8 + size + end], "<f4").reshape(entry["shape"]).copy()
total = sum(a.nbytes for a in arrays.values())


def report(peer, what, run, stored):
    times, cpu = [], []
    for _ in range(5):
        start, cpu_start = time.perf_counter(), time.process_time()
        run()
        times.append(time.perf_counter() - start)
        cpu.append(time.process_time() - cpu_start)
    us, core = statistics.median(times) * 1e6, statistics.median(cpu) * 1e6
    line = {"peer": peer, "work": "image", "what": what, "rows": 1, "threads": 1, "us": round(us, 2)}
    print(json.dumps(dict(line, mb_per_s=round(total / us, 1), mb_per_core_s=round(total / core, 1), ratio=round(stored / total, 4))), flush=True)


for peer, save in (("numpy.savez_compressed", numpy.savez_compressed), ("numpy.savez", numpy.savez)):
    out = io.BytesIO()
    save(out, **arrays)
    data = out.getvalue()

    def load():
        with numpy.load(io.BytesIO(data)) as file:
            for name in file.files:
                file[name]

    report(peer, "save", lambda: save(io.BytesIO(), **arrays), len(data))
    report(peer, "load", load, len(data))
