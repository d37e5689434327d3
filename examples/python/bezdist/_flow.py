# SPDX-License-Identifier: MIT
"""Flows and ensembles."""
from __future__ import annotations

import ctypes
from collections.abc import Callable, MutableMapping, Sequence
from ctypes import byref, c_char_p, c_void_p, sizeof
from typing import TYPE_CHECKING, Any, Optional

from ._library import (EnsembleInfo, FlowInfo, FlowMetrics, Progress, SampleResult, _EnsembleConfig, _FlowConfig,
                       _FlowMetricsConfig, _GridConfig, _SampleConfig, _c)
from ._constants import FLOW_CONTROL, RULE_CALLBACK
from ._calls import _call, _function, _progress
from ._arrays import Array, ArrayLike, _address, _decode, _empty, _input, _output, _path, _store, _target, _text, _view
from ._objects import _Config, _Mapping, _Object, _filled, _optional
from ._context import Context
from ._data import Data, _affine

if TYPE_CHECKING:
    from ._train import Source


class _Field(_Object):
    """What flows and ensembles have in common: sampling."""

    _dims: Optional[tuple[int, int]] = None

    def _size(self) -> tuple[int, int]:
        """dim and cond_dim, which never change."""
        if self._dims is None:
            info = self.info
            self._dims = info.dim, info.cond_dim
        return self._dims

    @property
    def dim(self) -> int:
        return self._size()[0]

    @property
    def cond_dim(self) -> int:
        return self._size()[1]

    def _rows(self, x: ArrayLike, t: Any, cond: Optional[ArrayLike]) -> tuple[int, Array, Array, Optional[Array]]:
        """x [n, dim], t [n] or one number, cond [n, cond_dim] or None."""
        x = _input("x", x, "f", (None, self.dim))
        n = x.shape[0]
        one = isinstance(t, (int, float)) or getattr(t, "shape", None) == ()
        t = _input("t", [t] * n if one else t, "f", (n,))
        return n, x, t, None if cond is None else _input("cond", cond, "f", (n, self.cond_dim))

    def _sampling(self, n: Optional[int], x0: Optional[ArrayLike], cond: Optional[ArrayLike], progress: Any, grid: Any,
                  options: dict) -> tuple[_Config, int, Optional[Array], Optional[Array]]:
        x0 = None if x0 is None else _input("x0", x0, "f", (n, self.dim))
        n = x0.shape[0] if x0 is not None else n
        cond = None if cond is None else _input("cond", cond, "f", (n, self.cond_dim))
        n = cond.shape[0] if n is None and cond is not None else n
        if n is None:
            raise TypeError("how many? give n, x0 or cond")
        config = _Config(_SampleConfig, options)
        grid = config.array("grid", grid, "d", (None,))
        config.set(grid_count=0 if grid is None else grid.shape[0])
        config.callback("progress", _progress(progress))
        return config, n, x0, cond

    def sample(self, n: Optional[int] = None, *, x0: Optional[ArrayLike] = None, cond: Optional[ArrayLike] = None,
               grid: Optional[ArrayLike] = None, out: Optional[Array] = None, result: Optional[SampleResult] = None,
               progress: Optional[Callable[[Progress], Any]] = None, **options: Any) -> Array:
        """n samples [n, dim] from noise, or from x0 [n, dim], with conditions cond [n, cond_dim].

        options (bzd_sample_config): solver, steps, t0, t1, rtol, atol, max_steps, guidance, seed, first_index, units,
        renoise. grid [k]: times of the steps. result: a SampleResult() to be filled. progress(Progress): true stops."""
        config, n, x0, cond = self._sampling(n, x0, cond, progress, grid, options)
        out = _output("out", out, (n, self.dim))
        _sized(result)
        _call(getattr(_c, self._noun + "_sample"), self.handle, config, n, _address(x0), _address(cond), _address(out),
              None if result is None else byref(result))
        return out

    def trajectory(self, times: ArrayLike, n: Optional[int] = None, *, x0: Optional[ArrayLike] = None,
                   cond: Optional[ArrayLike] = None, grid: Optional[ArrayLike] = None, out: Optional[Array] = None,
                   result: Optional[SampleResult] = None, progress: Optional[Callable[[Progress], Any]] = None,
                   **options: Any) -> Array:
        """The states [n, count, dim] at times [count], which go from t0 to t1, both included. Otherwise as sample."""
        config, n, x0, cond = self._sampling(n, x0, cond, progress, grid, options)
        times = _input("times", times, "d", (None,))
        out = _output("out", out, (n, times.shape[0], self.dim))
        _sized(result)
        _call(getattr(_c, self._noun + "_trajectory"), self.handle, config, n, _address(x0), _address(cond),
              times.shape[0], _address(times), _address(out), None if result is None else byref(result))
        return out


def _sized(result: Any) -> None:
    if result is not None:
        result.struct_size = sizeof(result)


def _velocity(function: Callable) -> Callable:
    def body(user: Any, n: int, dim: int, x: int, t: int, cond_dim: int, cond: int, v: int) -> int:
        out = _target(v, (n, dim), "f")
        given = _view(cond, (n, cond_dim), "f") if cond else None
        _store("velocity", out, function(_view(x, (n, dim), "f"), _view(t, (n,), "f"), given, out), v)
        return 0
    return body


class Flow(_Field):
    """A model of transport with fresh weights (bzd_flow_config).

    dim: numbers in a sample. options: kind (FLOW_), degree, layers, width, skip, cond_dim, time_features, item_shape,
    seed.
    scale, offset [dim]: data value = scale * model value + offset, as Data.affine gives them."""

    _noun, _info = "flow", FlowInfo

    def __init__(self, dim: int, *, scale: Optional[ArrayLike] = None, offset: Optional[ArrayLike] = None,
                 context: Optional[Context] = None, **options: Any):
        self._make(_c.flow_create, _optional(context), _flow_config(dim, scale, offset, options), retains=(context,))

    @classmethod
    def from_function(cls, function: Callable[[Array, Array, Optional[Array], Array], Optional[ArrayLike]], dim: int, *,
                      serialise: bool = False, scale: Optional[ArrayLike] = None, offset: Optional[ArrayLike] = None,
                      context: Optional[Context] = None, **options: Any) -> Flow:
        """A flow that is your function: function(x, t, cond, out) returns the velocities [n, dim] at x [n, dim], t [n]
        and cond [n, cond_dim] (None without), or fills out [n, dim] and returns None. The arrays are the library's
        memory: they may not be kept beyond the call. A ctypes function of type bzd_velocity_fn is called directly.
        serialise: never from two threads at once. options: cond_dim, item_shape."""
        callback = _function("velocity_fn", function, _velocity)
        config = _flow_config(dim, scale, offset, options)
        return cls._new(_c.flow_create_callback, _optional(context), config, callback, None, int(serialise),
                        retains=(context,), own=(callback,))

    @classmethod
    def load(cls, path: Any, context: Optional[Context] = None) -> Flow:
        """The flow of a file, averaged weights if it has them."""
        return cls._new(_c.flow_load, _optional(context), _path(path), retains=(context,))

    def save(self, path: Any) -> None:
        """Writes a .bzd file, whole or not at all."""
        _call(_c.flow_save, self.handle, _path(path))

    def student(self, kind: int = FLOW_CONTROL, degree: int = 2) -> Flow:
        """A flow of this kind that starts from these weights."""
        return Flow._new(_c.flow_create_from, self.handle, kind, degree, copies=(self,))

    @property
    def affine(self) -> tuple[Array, Array]:
        """scale [dim] and offset [dim] of data value = scale * model value + offset."""
        return _affine(_c.flow_get_affine, self)

    @property
    def metadata(self) -> MutableMapping:
        """Texts that are saved with the flow, by keys of [A-Za-z0-9_.-]."""
        def names() -> list:
            count = _c.flow_metadata_count(self.handle)
            return [_string(_c.flow_metadata_at, self.handle, i, key=True) for i in range(count)]
        return _Mapping(lambda key: _string(_c.flow_get_metadata, self.handle, _text(key)),
                        lambda key, value: _call(_c.flow_set_metadata, self.handle, _text(key),
                                                 None if value is None else _text(value)), names)

    @property
    def parameters(self) -> Array:
        """A copy of the weights, tensor by tensor in the order of the file; assign to replace them."""
        values = _empty((self.info.parameters,))
        _call(_c.flow_get_parameters, self.handle, values.shape[0], _address(values))
        return values

    @parameters.setter
    def parameters(self, values: ArrayLike) -> None:
        values = _input("parameters", values, "f", (None,))
        _call(_c.flow_set_parameters, self.handle, values.shape[0], _address(values))

    def set_precision(self, precision: int) -> float:
        """How sampling reads the weights: PRECISION_. Returns the relative error this makes."""
        error = ctypes.c_double()
        _call(_c.flow_set_precision, self.handle, precision, byref(error))
        return error.value

    def velocity(self, x: ArrayLike, t: Any, cond: Optional[ArrayLike] = None, guidance: float = 1,
                 out: Optional[Array] = None) -> Array:
        """v [n, dim] at x [n, dim], t [n] (or one number) and cond [n, cond_dim]."""
        n, x, t, cond = self._rows(x, t, cond)
        out = _output("out", out, (n, self.dim))
        _call(_c.flow_velocity, self.handle, n, _address(x), _address(t), _address(cond), guidance, _address(out))
        return out

    def curve(self, x: ArrayLike, t: Any, cond: Optional[ArrayLike] = None, guidance: float = 1,
              out: Optional[Array] = None) -> Array:
        """Control points [n, degree + 1, dim] of the rest of each row's curve (control-point and endpoint flows)."""
        n, x, t, cond = self._rows(x, t, cond)
        out = _output("out", out, (n, self.info.degree + 1, self.dim))
        _call(_c.flow_curve, self.handle, n, _address(x), _address(t), _address(cond), guidance, _address(out))
        return out

    def choose_grid(self, *, paths: Optional[Source] = None, **options: Any) -> tuple[Array, float]:
        """The grid [steps + 1] of least error for few-step sampling, and its error (bzd_grid_config). paths: the
        teacher's. options: steps, candidates, rows, seed."""
        config = _Config(_GridConfig, options)
        config.object("paths", paths)
        if not 1 <= config.struct.steps <= 256:
            raise ValueError(f"steps is {config.struct.steps}, expected 1..256")
        grid, error = _empty((config.struct.steps + 1,), "d"), ctypes.c_double()
        _call(_c.flow_choose_grid, self.handle, config, _address(grid), byref(error))
        return grid, error.value

    def metrics(self, *, paths: Optional[Source] = None, real: Optional[Data] = None, **options: Any) -> FlowMetrics:
        """Straightness, crossing variance, drift (bzd_flow_metrics_config). options: steps, rows, decode_solver,
        decode_steps, seed."""
        config = _Config(_FlowMetricsConfig, options)
        config.object("paths", paths)
        config.object("real", real)
        return _filled(FlowMetrics, _c.metrics_flow, self.handle, config)


def _flow_config(dim: int, scale: Any, offset: Any, options: dict) -> _Config:
    config = _Config(_FlowConfig, options, dim=dim)
    config.array("scale", scale, "f", (dim,))
    config.array("offset", offset, "f", (dim,))
    return config


def _string(function: Any, *args: Any, key: bool = False) -> Optional[str]:
    """A text that the library lends; with key that of a pair's key."""
    text = c_char_p()
    _call(function, *args, byref(text), *((None,) if key else ()))
    return _decode(text.value)


class Ensemble(_Field):
    """Teachers and the rule that combines them, a velocity field like a flow (bzd_ensemble_config).

    options: combine (COMBINE_), rule (RULE_), validation_count, bins, temperature, seed. fixed, guidance: [count].
    validation: a Source, for RULE_ERROR and RULE_VARIANCE. weights(x, t, v, out), for RULE_CALLBACK, returns weights
    [n, count] for velocities v [count, n, dim] at x [n, dim], t [n], or fills out (float64) with them."""

    _noun, _info = "ensemble", EnsembleInfo

    def __init__(self, teachers: Sequence[Flow], *, fixed: Optional[ArrayLike] = None,
                 guidance: Optional[ArrayLike] = None, weights: Optional[Callable] = None,
                 validation: Optional[Source] = None, context: Optional[Context] = None, **options: Any):
        handles = [teacher.handle for teacher in teachers]
        config = _Config(_EnsembleConfig, options)
        config.array("fixed", fixed, "d", (len(handles),))
        config.array("guidance", guidance, "d", (len(handles),))
        config.object("validation", validation)
        own = ()
        if weights is not None:
            own = (_function("weights_fn", weights, _weights),)
            config.callback("weights", own[0])
            if "rule" not in options:
                config.set(rule=RULE_CALLBACK)
        array_of = (c_void_p * len(handles))(*(handle._as_parameter_ for handle in handles))
        self._make(_c.ensemble_create, _optional(context), config, len(handles), array_of,
                   retains=(context, *teachers), own=own)

    def weights(self, t: float) -> Array:
        """Weights [count] at time t; rules by row have none."""
        out = _empty((self.info.count,), "d")
        _call(_c.ensemble_get_weights, self.handle, t, _address(out))
        return out

    def effective(self, x: ArrayLike, t: Any, cond: Optional[ArrayLike] = None) -> float:
        """The effective number of teachers, mean over rows x [n, dim], t [n]."""
        n, x, t, cond = self._rows(x, t, cond)
        value = ctypes.c_double()
        _call(_c.ensemble_effective, self.handle, n, _address(x), _address(t), _address(cond), byref(value))
        return value.value

    def member(self, i: int) -> Flow:
        """Teacher i."""
        return Flow._new(_c.ensemble_get_member, self.handle, i, retains=(self,))

    def velocity(self, x: ArrayLike, t: Any, cond: Optional[ArrayLike] = None, first_index: int = 0) -> Array:
        """The combined velocity [n, dim] at x [n, dim], t [n] (or one number), cond, of the samples first_index.."""
        return self._velocity(x, t, cond, first_index, False)[0]

    def velocity_and_weights(self, x: ArrayLike, t: Any, cond: Optional[ArrayLike] = None,
                             first_index: int = 0) -> tuple[Array, Array]:
        """The same and the weights [n, count] of each row, for which the teachers are asked once more."""
        return self._velocity(x, t, cond, first_index, True)

    def _velocity(self, x: Any, t: Any, cond: Any, first_index: int, weighed: bool) -> tuple[Array, Any]:
        n, x, t, cond = self._rows(x, t, cond)
        out, weights = _empty((n, self.dim)), _empty((n, self.info.count), "d") if weighed else None
        _call(_c.ensemble_velocity, self.handle, n, first_index, _address(x), _address(t), _address(cond),
              _address(out), _address(weights))
        return out, weights


def _weights(function: Callable) -> Callable:
    def body(user: Any, n: int, count: int, dim: int, x: int, t: int, v: int, weights: int) -> int:
        out = _target(weights, (n, count), "d")
        velocities = _view(v, (count, n, dim), "f")
        _store("weights", out, function(_view(x, (n, dim), "f"), _view(t, (n,), "f"), velocities, out), weights)
        return 0
    return body
