# SPDX-License-Identifier: MIT
"""The path fit of 4,096 trajectories of 784 numbers at 16 nodes, degree 3, one thread, in turn with numpy.linalg.lstsq on
the same matrix (nodes first, as it wants them) and with a copy that moves as many bytes. Build the release preset first.

Usage: OPENBLAS_NUM_THREADS=1 python3 tests/bench/fit.py [ROUNDS]"""
import ctypes
import os
import pathlib
import statistics
import sys
import time

import numpy

top = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("BEZDIST_LIBRARY", str(top / "build/release/libbezdist.so"))
sys.path.insert(0, str(top / "examples/python"))
import bezdist

ROWS, NODES, DIM, DEGREE = 4096, 16, 784, 3
rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
states = numpy.random.default_rng(0).standard_normal((ROWS, NODES, DIM), dtype=numpy.float32)
paths = numpy.empty((ROWS, DEGREE + 1, DIM), numpy.float32)
fitter = bezdist.Fitter(DEGREE, nodes=NODES, context=bezdist.Context(threads=1))
fit = ctypes.CDLL(os.environ["BEZDIST_LIBRARY"]).bzd_fitter_fit
fit.argtypes = [ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64] + 3 * [ctypes.c_void_p]
t = numpy.asarray(fitter.times)[:, None]
basis = (numpy.array([1, 3, 3, 1]) * t ** numpy.arange(4) * (1 - t) ** numpy.arange(3, -1, -1)).astype(numpy.float32)
nodes_first = numpy.ascontiguousarray(states.transpose(1, 0, 2)).reshape(NODES, ROWS * DIM)
moved = states.nbytes + paths.nbytes
source, target = numpy.ones(moved // 2, numpy.uint8), numpy.zeros(moved // 2, numpy.uint8)


def ours():
    assert fit(fitter.handle, ROWS, DIM, states.ctypes.data, paths.ctypes.data, None) == 0


def timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


sides = {"bezdist": (ours, 5), "copy": (lambda: numpy.copyto(target, source), 5),
         "lstsq": (lambda: numpy.linalg.lstsq(basis, nodes_first, rcond=None), 1)}
ours(), numpy.copyto(target, source)
times = {name: [] for name in sides}
for _ in range(rounds):
    for name, (call, count) in sides.items():
        times[name] += [timed(call) for _ in range(count)]
for name, each in times.items():
    print(f"{name:8} median {statistics.median(each) * 1e3:8.1f} ms, least {min(each) * 1e3:8.1f} ms")
for name, of in (("median", statistics.median), ("least", min)):
    print(f"{name}: {of(times['lstsq']) / of(times['bezdist']):.0f} times lstsq, "
          f"{100 * of(times['copy']) / of(times['bezdist']):.0f} % of the copy's bytes a second")
