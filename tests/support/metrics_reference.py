# SPDX-License-Identifier: MIT
"""Every metric of `bezdist compare`, from the definitions of docs/math.md, with NumPy and SciPy in double.

python3 metrics_reference.py A.npy B.npy [libbezdist.so] prints one JSON object; null: the metric does not apply.
The library serves for the directions of sw2 alone: they are its noise, which nothing else can make; without it sw2 is
null. Everything takes another way than lib/num where there is one, so that both are not wrong alike.
"""
import ctypes
import json
import sys

import numpy as np
from scipy.linalg import sqrtm
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist

DIRECTIONS = 512
NEIGHBOURS = 3
MOST_ROWS = 2048  # of the exact assignment, and of the median distance
STREAM_METRIC = 8


def directions(library, dim):
    noise = ctypes.CDLL(library).bzd_noise
    noise.argtypes = [ctypes.c_uint64, ctypes.c_uint32] + 3 * [ctypes.c_int64] + [ctypes.POINTER(ctypes.c_float)]
    noise.restype = ctypes.c_int
    out = np.empty((DIRECTIONS, dim), np.float32)
    status = noise(0, STREAM_METRIC, 0, DIRECTIONS, dim, out.ctypes.data_as(ctypes.POINTER(ctypes.c_float)))
    if status != 0:
        raise SystemExit("bzd_noise: status %d" % status)
    out = out.astype(np.float64)
    return out / np.linalg.norm(out, axis=1, keepdims=True)


def sliced_w2(a, b, units):
    n, m = len(a), len(b)
    p, q = np.sort(a @ units.T, axis=0), np.sort(b @ units.T, axis=0)
    # Both quantile functions are constant between these levels; whole numbers, in units of 1 / (n m), do not round.
    levels = np.union1d(np.arange(n + 1) * m, np.arange(m + 1) * n)
    gap = p[levels[:-1] // m] - q[levels[:-1] // n]
    return np.sqrt((np.diff(levels) @ gap**2 / (n * m)).mean())


def w2(a, b):
    if len(a) != len(b) or len(a) > MOST_ROWS:
        return None
    cost = cdist(a, b, "sqeuclidean")
    return np.sqrt(cost[linear_sum_assignment(cost)].mean())


def energy(a, b):
    return 2 * cdist(a, b).mean() - pdist(a).mean() - pdist(b).mean()  # pdist: each pair once, no diagonal


def mmd2(a, b):
    spread = b if len(b) <= MOST_ROWS else b[np.arange(MOST_ROWS) * len(b) // MOST_ROWS]
    median = np.median(pdist(spread))
    total = 0.0
    for factor in (0.25, 0.5, 1, 2, 4):
        def mean(d2, width=median * factor):
            return np.exp(-d2 / (2 * width**2)).mean()
        total += mean(pdist(a, "sqeuclidean")) + mean(pdist(b, "sqeuclidean")) - 2 * mean(cdist(a, b, "sqeuclidean"))
    return total


def covariance(x):
    return np.cov(x, rowvar=False, ddof=1).reshape(x.shape[1], x.shape[1])  # one coordinate: np.cov gives a scalar


def total_variance(x):
    return x.var(axis=0, ddof=1).sum()


def frechet(a, b):
    shift, of_a, of_b = a.mean(axis=0) - b.mean(axis=0), covariance(a), covariance(b)
    # S_a S_b is similar to S_a^1/2 S_b S_a^1/2, so their roots have one trace; what is imaginary in it is rounding.
    root = np.trace(np.atleast_2d(sqrtm(of_a @ of_b))).real
    return shift @ shift + np.trace(of_a) + np.trace(of_b) - 2 * root


def frechet_matched(a, b):
    mean = a.mean(axis=0)
    return frechet(mean + (a - mean) * np.sqrt(total_variance(b) / total_variance(a)), b)


def inside(a, b):
    """Share of a's rows in a ball around some row of b that reaches to its third neighbour, border included."""
    radius = np.sort(cdist(b, b), axis=1)[:, NEIGHBOURS]  # place 0 is the row itself
    return (cdist(a, b) <= radius).any(axis=1).mean()


def rows(path):
    x = np.load(path)
    # float32 is what the program reads; any other type would be compared after different roundings.
    if x.dtype != np.float32:
        raise SystemExit("%s: %s, expected float32" % (path, x.dtype))
    return x.reshape(len(x), -1).astype(np.float64)


def main():
    if len(sys.argv) not in (3, 4):
        raise SystemExit("usage: metrics_reference.py A.npy B.npy [libbezdist.so]")
    a, b = rows(sys.argv[1]), rows(sys.argv[2])
    values = {
        "sw2": sliced_w2(a, b, directions(sys.argv[3], a.shape[1])) if len(sys.argv) == 4 else None,
        "w2": w2(a, b),
        "energy": energy(a, b),
        "frechet": frechet(a, b),
        "frechet_matched": frechet_matched(a, b),
        "total_variance": total_variance(a),
        "precision": inside(a, b),
        "recall": inside(b, a),
        "mmd": mmd2(a, b),
    }
    print(json.dumps({key: None if value is None else float(value) for key, value in values.items()}))


main()
