# SPDX-License-Identifier: MIT
"""Times PyTorch on one piece of the reference work: a training step (Adam, flow matching), in turn with the library's
every few milliseconds, so that what a busy machine takes from one it takes from the other; and forward passes.

Usage: peers_torch.py NAME THREADS toy|digits|image [MODEL.onnx]; prints JSON lines {peer, work, what, rows, threads, us, least_us,
bezdist_us, bezdist_least_us}.
"""
import ctypes
import json
import os
import pathlib
import statistics
import sys
import time

import torch

top = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("BEZDIST_LIBRARY", str(top / "build/release/libbezdist.so"))
sys.path.insert(0, str(top / "examples/python"))
import bezdist

WORK = {"toy": (2, 128, 512), "digits": (64, 512, 256), "image": (784, 1024, 256)}  # dim, hidden, batch
FEATURES = 32
name, threads, work = sys.argv[1], int(sys.argv[2]), sys.argv[3]
dim, hidden, batch = WORK[work]
torch.set_num_threads(threads)
torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Linear(dim + FEATURES, hidden), torch.nn.SiLU(),
    torch.nn.Linear(hidden, hidden), torch.nn.SiLU(),
    torch.nn.Linear(hidden, hidden), torch.nn.SiLU(),
    torch.nn.Linear(hidden, dim))
frequencies = torch.arange(FEATURES // 2) * 0.5


def repeat(call):
    def run(count):
        for _ in range(count):
            call()
    return run


def times_of(*sides):
    """(median, least) of each side's run(count), microseconds a call, as forward.c."""
    loops, pieces = [], 512
    for run in sides:
        once = 1e9
        for _ in range(5):
            start = time.perf_counter()
            run(1)
            once = min(once, time.perf_counter() - start + 1e-7)
        loops.append(int(2e-3 / once) + 1)
        pieces = min(pieces, max(15, int(1.05 / (once * loops[-1]))))
    times = [[] for _ in sides]
    stretch = 1 if threads == 1 else pieces
    for _ in range(0, pieces, stretch):
        for side, run in enumerate(sides):
            if threads > 1:
                time.sleep(0.1)
            run(min(loops[side], 3))
            for _ in range(stretch):
                start = time.perf_counter()
                run(loops[side])
                times[side].append((time.perf_counter() - start) / loops[side] * 1e6)
    return [(statistics.median(each), min(each)) for each in times]


def show(what, rows, timings):  # the library's last
    us, least = (min(column) for column in zip(*timings[:-1]))
    print(json.dumps({"peer": name, "work": work, "what": what, "rows": rows, "threads": threads, "us": round(us, 2),
                      "least_us": round(least, 2), "bezdist_us": round(timings[-1][0], 2),
                      "bezdist_least_us": round(timings[-1][1], 2)}), flush=True)


def train_step(optimizer, data):
    x0 = torch.randn(batch, dim)
    t = torch.rand(batch, 1)
    xt = (1 - t) * x0 + t * data
    features = torch.cat([xt, torch.sin(t * frequencies), torch.cos(t * frequencies)], 1)
    loss = ((net(features) - (data - x0)) ** 2).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()


data = torch.randn(batch, dim)
optimizers = (torch.optim.Adam(net.parameters(), 1e-3), torch.optim.Adam(net.parameters(), 1e-3, foreach=True))
context = bezdist.Context(threads=threads)
flow = bezdist.Flow(dim, width=hidden, context=context)
source = bezdist.Source.data(bezdist.Data(torch.randn(4 * batch, dim).numpy(), context=context))
trainer = bezdist.Trainer(flow, source, batch=batch, ema=0, clip=0, steps=1 << 32)
show("train_step", batch, times_of(*(repeat(lambda o=o: train_step(o, data)) for o in optimizers), trainer.run))

velocity = ctypes.CDLL(os.environ["BEZDIST_LIBRARY"]).bzd_flow_velocity  # the call alone, without the binding's arrays
velocity.argtypes = [ctypes.c_void_p, ctypes.c_int64] + 3 * [ctypes.c_void_p] + [ctypes.c_double, ctypes.c_void_p]


def velocity_of(rows):
    x, t, v = torch.randn(rows, dim), torch.rand(rows), torch.empty(rows, dim)
    arguments = flow.handle, rows, x.data_ptr(), t.data_ptr(), None, 1.0, v.data_ptr()
    assert velocity(*arguments) == 0
    return lambda kept=(x, t, v): velocity(*arguments)


with torch.no_grad():
    frozen = torch.jit.freeze(torch.jit.script(net.eval()))
    for rows in (1, 4, 16, 64, 256):
        x = torch.randn(rows, dim + FEATURES)
        show("forward", rows, times_of(repeat(lambda: net(x)), repeat(lambda: frozen(x)), repeat(velocity_of(rows))))
if len(sys.argv) > 4:
    torch.onnx.export(net, torch.randn(4, dim + FEATURES), sys.argv[4], input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "rows"}, "y": {0: "rows"}})
