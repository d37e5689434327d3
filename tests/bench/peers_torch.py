# SPDX-License-Identifier: MIT
"""Times PyTorch on one piece of the reference work: a training step (Adam, flow matching) and forward passes.

Usage: peers_torch.py NAME THREADS toy|digits|image [MODEL.onnx]; prints JSON lines {peer, work, what, rows, threads, us, least_us}.
"""
import json
import statistics
import sys
import time

import torch

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


def time_of(call):  # median and least, in microseconds; as examples/cli/bench.c
    for _ in range(3):
        call()
    start = time.perf_counter()
    call()
    once = time.perf_counter() - start + 1e-7
    loops = int(2e-3 / once) + 1
    times = []
    for _ in range(min(512, max(7, int(1.05 / (once * loops))))):
        start = time.perf_counter()
        for _ in range(loops):
            call()
        times.append((time.perf_counter() - start) / loops * 1e6)
    return statistics.median(times), min(times)


def show(what, rows, timings):
    us, least = (min(column) for column in zip(*timings))
    print(json.dumps({"peer": name, "work": work, "what": what, "rows": rows, "threads": threads, "us": round(us, 2),
                      "least_us": round(least, 2)}), flush=True)


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
show("train_step", batch, [time_of(lambda o=o: train_step(o, data)) for o in (
    torch.optim.Adam(net.parameters(), 1e-3), torch.optim.Adam(net.parameters(), 1e-3, foreach=True))])
with torch.no_grad():
    frozen = torch.jit.freeze(torch.jit.script(net.eval()))
    for rows in (1, 4, 16, 64, 256):
        x = torch.randn(rows, dim + FEATURES)
        show("forward", rows, [time_of(lambda: net(x)), time_of(lambda: frozen(x))])
if len(sys.argv) > 4:
    torch.onnx.export(net, torch.randn(4, dim + FEATURES), sys.argv[4], input_names=["x"], output_names=["y"],
                      dynamic_axes={"x": {0: "rows"}, "y": {0: "rows"}})
