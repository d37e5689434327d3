# SPDX-License-Identifier: MIT
"""Version, random numbers, metrics and Bezier paths: functions on arrays."""
from __future__ import annotations

import ctypes
import operator
from typing import Any, Optional

from ._library import MetricsResult, _MetricsConfig, _c
from ._constants import STREAM_USER
from ._calls import _call
from ._arrays import Array, ArrayLike, _address, _empty, _input, _output
from ._objects import _Config, _filled, _optional
from ._context import Context


def version() -> tuple[int, int, int]:
    """Of the library that runs."""
    number = _c.version()
    return number >> 16, number >> 8 & 255, number & 255


def version_string() -> str:
    return _c.version_string().decode()


def build_info() -> str:
    """How the library was built and what it chose on this machine: one line, for bug reports."""
    text = ctypes.create_string_buffer(_c.build_info(None, 0) + 1)
    _c.build_info(text, len(text))
    return text.value.decode(errors="replace")


def noise(n: int, dim: int, seed: int = 0, stream: int = STREAM_USER, first: int = 0,
          out: Optional[Array] = None) -> Array:
    """Standard normal numbers [n, dim] of samples first.. of a seed and stream."""
    out = _output("out", out, (n, dim))
    _call(_c.noise, seed, stream, first, n, dim, _address(out))
    return out


def uniform(n: int, dim: int, seed: int = 0, stream: int = STREAM_USER, first: int = 0,
            out: Optional[Array] = None) -> Array:
    """Uniform numbers [n, dim] in (0, 1), as noise."""
    out = _output("out", out, (n, dim))
    _call(_c.uniform, seed, stream, first, n, dim, _address(out))
    return out


def compare(a: ArrayLike, b: ArrayLike, *, context: Optional[Context] = None, **options: Any) -> MetricsResult:
    """Distances of samples a [n, dim] (generated) and b [m, dim] (real) (bzd_metrics_config). options: which (METRIC_),
    directions, neighbours, seed."""
    a = _input("a", a, "f", (None, None))
    b = _input("b", b, "f", (None, a.shape[-1]))
    return _filled(MetricsResult, _c.metrics_compare, _optional(context), _Config(_MetricsConfig, options), a.shape[-1],
                   a.shape[0], _address(a), b.shape[0], _address(b))


def nearest(a: ArrayLike, b: ArrayLike, *, context: Optional[Context] = None) -> tuple[Array, Array]:
    """For each row of a [n, dim] the number [n] of the nearest row of b [m, dim], and its distance [n]."""
    b = _input("b", b, "f", (None, None))
    a = _input("a", a, "f", (None, b.shape[-1]))
    index, distance = _empty((a.shape[0],), "q"), _empty((a.shape[0],), "d")
    _call(_c.metrics_nearest, _optional(context), b.shape[-1], a.shape[0], _address(a), b.shape[0], _address(b),
          _address(index), _address(distance))
    return index, distance


# ---- Bezier paths: [n, degree + 1, dim]


def _polygon(paths: ArrayLike, name: str = "paths") -> tuple:
    """The array, n, degree and dim."""
    paths = _input(name, paths, "f")
    if len(paths.shape) != 3 or paths.shape[1] < 2:
        raise ValueError(f"{name}: shape {tuple(paths.shape)}, expected (n, degree + 1, dim)")
    return paths, paths.shape[0], paths.shape[1] - 1, paths.shape[2]


def _at(function: Any, paths: ArrayLike, times: ArrayLike, code: str, row: bool) -> Array:
    paths, n, degree, dim = _polygon(paths)
    times = _input("times", times, "d", (None,))
    out = _empty((n, times.shape[0], dim) if row else (n, times.shape[0]), code)
    _call(function, n, degree, dim, _address(paths), times.shape[0], _address(times), _address(out))
    return out


def path_evaluate(paths: ArrayLike, times: ArrayLike) -> Array:
    """Points [n, count, dim] at times [count]."""
    return _at(_c.path_evaluate, paths, times, "f", True)


def path_derivative(paths: ArrayLike, times: ArrayLike) -> Array:
    """Velocities [n, count, dim] at times [count]."""
    return _at(_c.path_derivative, paths, times, "f", True)


def path_curvature(paths: ArrayLike, times: ArrayLike) -> Array:
    """Curvatures [n, count] at times [count]: one over the radius of the circle that fits best."""
    return _at(_c.path_curvature, paths, times, "d", False)


def path_elevate(paths: ArrayLike, to: int) -> Array:
    """The same curves with to + 1 control points, to in degree..16."""
    paths, n, degree, dim = _polygon(paths)
    out = _empty((n, max(operator.index(to), 0) + 1, dim))
    _call(_c.path_elevate, n, degree, dim, _address(paths), to, _address(out))
    return out


def path_reduce(paths: ArrayLike, to: int) -> tuple[Array, Array]:
    """The nearest curves of degree to, ends kept, and how far they are [n]."""
    paths, n, degree, dim = _polygon(paths)
    out, error = _empty((n, max(operator.index(to), 0) + 1, dim)), _empty((n,), "d")
    _call(_c.path_reduce, n, degree, dim, _address(paths), to, _address(out), _address(error))
    return out, error


def path_split(paths: ArrayLike, t: float) -> tuple[Array, Array]:
    """The halves before and after t."""
    paths, n, degree, dim = _polygon(paths)
    left, right = _empty((n, degree + 1, dim)), _empty((n, degree + 1, dim))
    _call(_c.path_split, n, degree, dim, _address(paths), t, _address(left), _address(right))
    return left, right


def path_measure(paths: ArrayLike) -> tuple[Array, Array, Array]:
    """Straightness, arc length and chord length, each [n]."""
    paths, n, degree, dim = _polygon(paths)
    straightness, arc, chord = (_empty((n,), "d") for _ in range(3))
    _call(_c.path_measure, n, degree, dim, _address(paths), _address(straightness), _address(arc), _address(chord))
    return straightness, arc, chord


def path_distance(a: ArrayLike, b: ArrayLike) -> Array:
    """Distances [n] of two curves of one degree: square root of integral |A - B|^2 dt."""
    a, n, degree, dim = _polygon(a, "a")
    b = _input("b", b, "f", (n, degree + 1, dim))
    out = _empty((n,), "d")
    _call(_c.path_distance, n, degree, dim, _address(a), _address(b), _address(out))
    return out


def path_from_waypoints(start: ArrayLike, guides: ArrayLike, tau: ArrayLike, end: ArrayLike) -> Array:
    """Quadratics or cubics from start [n, dim] to end [n, dim] that pass guides [n, degree - 1, dim] at tau
    [degree - 1]."""
    start = _input("start", start, "f", (None, None))
    n, dim = start.shape
    tau = _input("tau", tau, "d", (None,))
    guides = _input("guides", guides, "f", (n, tau.shape[0], dim))
    end = _input("end", end, "f", (n, dim))
    paths = _empty((n, tau.shape[0] + 2, dim))
    _call(_c.path_from_waypoints, n, tau.shape[0] + 1, dim, _address(start), _address(guides), _address(tau),
          _address(end), _address(paths))
    return paths


def path_targets(paths: ArrayLike, t: ArrayLike) -> tuple[Array, Array]:
    """States x [n, dim] at t [n], and heads u [n, degree, dim]: what a student is trained on."""
    paths, n, degree, dim = _polygon(paths)
    t = _input("t", t, "f", (n,))
    x, u = _empty((n, dim)), _empty((n, degree, dim))
    _call(_c.path_targets, n, degree, dim, _address(paths), _address(t), _address(x), _address(u))
    return x, u
