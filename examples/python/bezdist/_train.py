# SPDX-License-Identifier: MIT
"""Fitters, sources and trainers."""
from __future__ import annotations

import contextlib
import ctypes
import operator
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from ctypes import byref, c_void_p, sizeof
from typing import Any, Optional

from ._library import (FitterInfo, Progress, SourceInfo, TrainerInfo, _EnsembleSourceConfig, _FitterConfig,
                       _TrainerConfig, _c)
from ._constants import PHASE_TRAIN, WEIGHTS_AUTO
from ._calls import _call, _function, _progress
from ._arrays import Array, ArrayLike, _address, _empty, _input, _store, _target, _view
from ._objects import _Config, _Object, _optional
from ._context import Context
from ._data import Data
from ._flow import Ensemble, Flow


class Fitter(_Object):
    """Trajectories to Bezier control points by least squares, both ends pinned (bzd_fitter_config). times, weights:
    [nodes]."""

    _noun, _info = "fitter", FitterInfo

    def __init__(self, degree: int = 2, *, nodes: Optional[int] = None, times: Optional[ArrayLike] = None,
                 weights: Optional[ArrayLike] = None, ridge: float = 0, context: Optional[Context] = None):
        config = _Config(_FitterConfig, {"degree": degree, "nodes": nodes, "ridge": ridge})
        for name, value in (("times", times), ("weights", weights)):
            if value is not None and nodes is None:
                nodes = config.array(name, value, "d", (None,)).shape[0]
                config.set(nodes=nodes)
            else:
                config.array(name, value, "d", (nodes,))
        self._make(_c.fitter_create, _optional(context), config, retains=(context,))

    @property
    def times(self) -> Array:
        """Of the nodes, [nodes]."""
        out = _empty((self.info.nodes,), "d")
        _call(_c.fitter_get_times, self.handle, _address(out))
        return out

    def fit(self, states: ArrayLike) -> tuple[Array, Array]:
        """Paths [n, degree + 1, dim] of states [n, nodes, dim], and residuals [n]: the rms of state - curve."""
        info = self.info
        states = _input("states", states, "f", (None, info.nodes, None))
        n, dim = states.shape[0], states.shape[-1]
        if n == 0:
            return _empty((0, info.degree + 1, dim)), _empty((0,), "d")
        paths, residual = _empty((n, info.degree + 1, dim)), _empty((n,), "d")
        _call(_c.fitter_fit, self.handle, n, dim, _address(states), _address(paths), _address(residual))
        return paths, residual


class Source(_Object):
    """Where training paths come from. Made by data, transport, ensemble, function and pool."""

    _noun, _info = "source", SourceInfo

    @classmethod
    def data(cls, target: Data, start: Optional[Data] = None, seed: int = 0) -> Source:
        """Lines from noise, or from rows of start, to rows of target: flow matching."""
        return cls._new(_c.source_create_data, target.handle, _optional(start), seed, retains=(target, start))

    @classmethod
    def transport(cls, target: Data, group: int, start: Optional[Data] = None, seed: int = 0) -> Source:
        """The same, dealt out anew in groups of 2..2048 so that the lines are shortest."""
        return cls._new(_c.source_create_transport, target.handle, _optional(start), group, seed,
                        retains=(target, start))

    @classmethod
    def ensemble(cls, ensemble: Ensemble, fitter: Fitter, *, start: Optional[Data] = None, real: Optional[Data] = None,
                 cond: Optional[ArrayLike] = None, guides: Sequence[Flow] = (), visitor: Optional[Flow] = None,
                 **options: Any) -> Source:
        """Trajectories of an ensemble, fitted (bzd_ensemble_source_config): Bezier distillation; reflow with degree 1.

        options: guide (GUIDE_), guide_times, seed, rho, solver, steps, rtol, atol, visit_steps, windows, tolerance,
        bend. cond: [count, cond_dim] to draw from. guides: degree - 1 flows."""
        config = _Config(_EnsembleSourceConfig, options)
        for name, value in (("start", start), ("real", real), ("visitor", visitor)):
            config.object(name, value)
        cond = config.array("cond", cond, "f", (None, ensemble.cond_dim))
        config.set(cond_count=0 if cond is None else cond.shape[0])
        if guides:
            if len(guides) != fitter.info.degree - 1:
                raise ValueError(f"guides: {len(guides)} flows, expected {fitter.info.degree - 1}")
            array_of = (c_void_p * len(guides))(*(flow.handle._as_parameter_ for flow in guides))
            config.point("guides", ctypes.addressof(array_of), (array_of, [flow.handle for flow in guides]))
        return cls._new(_c.source_create_ensemble, ensemble.handle, fitter.handle, config,
                        retains=(ensemble, fitter, start, real, visitor, *guides))

    @classmethod
    def function(cls, function: Callable[[Array, Array, Optional[Array], Array], Any], degree: int, dim: int,
                 cond_dim: int = 0, context: Optional[Context] = None) -> Source:
        """Paths of your own: function(index, paths, cond, span) fills paths [n, degree + 1, dim] (or returns them),
        cond [n, cond_dim] (None without) and, if it likes, span [n, 2], for the samples index [n]. The same number must
        always give the same path. The arrays are the library's memory: they may not be kept beyond the call."""
        def body(function: Callable) -> Callable:
            def paths(user: Any, n: int, index: int, degree: int, dim: int, cond_dim: int, paths: int, cond: int,
                      span: int) -> int:
                out = _target(paths, (n, degree + 1, dim), "f")
                given = _target(cond, (n, cond_dim), "f") if cond else None
                times = _view(span, (n, 2), "f", True)
                _store("paths", out, function(_view(index, (n,), "q"), out, given, times), paths)
                return 0
            return paths
        callback = _function("paths_fn", function, body)
        return cls._new(_c.source_create_callback, _optional(context), degree, dim, cond_dim, callback, None,
                        retains=(context,), own=(callback,))

    def pool(self, count: int, *, first: int = 0, seed: int = 0,
             progress: Optional[Callable[[Progress], Any]] = None) -> Source:
        """A store of this source's samples first..first+count-1, made now and kept in memory."""
        return Source._new(_c.source_create_pool, self.handle, first, count, seed, _progress(progress), None,
                           copies=(self,))

    def paths(self, first: int, n: int) -> tuple[Array, Array, Array]:
        """paths [n, degree + 1, dim], cond [n, cond_dim] and span [n, 2] of samples first..first+n-1."""
        info = self.info
        paths, cond, span = _empty((n, info.degree + 1, info.dim)), _empty((n, info.cond_dim)), _empty((n, 2))
        _call(_c.source_get_paths, self.handle, first, n, _address(paths), _address(cond), _address(span))
        return paths, cond, span


_IN_A_CALL = "this trainer is in a call already; of its methods cancel() alone may be called now"


class _Exclusive:
    """Refuses a call beside one that allows no other. Those that look may be many."""

    def __init__(self) -> None:
        self.lock, self.alone, self.looking = threading.Lock(), False, 0

    def __enter__(self) -> None:
        with self.lock:
            if self.alone or self.looking:
                raise RuntimeError(_IN_A_CALL)
            self.alone = True

    def __exit__(self, *exception: Any) -> None:
        self.alone = False

    @contextlib.contextmanager
    def look(self) -> Iterator[None]:
        with self.lock:
            if self.alone:
                raise RuntimeError(_IN_A_CALL)
            self.looking += 1
        try:
            yield
        finally:
            with self.lock:
                self.looking -= 1


class Trainer(_Object):
    """Fits a copy of student to the paths of source (bzd_trainer_config).

    aim: sets what was measured best for a student that will be sampled with so many evaluations. options: steps, batch,
    rate, final_rate, warmup, beta1, beta2, epsilon, weight_decay, clip, ema, loss (LOSS_), huber_c, time (TIME_),
    u_shape, logit_mean, logit_std, at_zero, at_grid, grid_steps, one_step, endpoint_weight, consistency, cond_dropout,
    seed, divergence (DIVERGENCE_), divergence_limit, snapshot_every, rollback_rate."""

    _noun, _info = "trainer", TrainerInfo

    def __init__(self, student: Flow, source: Source, *, aim: Optional[int] = None, **options: Any):
        self._busy = _Exclusive()
        config = _Config(_TrainerConfig, options)
        if aim is not None:
            _call(_c.trainer_config_aim, config, student.info.kind, aim)
            config.set(**{name: value for name, value in options.items() if value is not None})
        self._make(_c.trainer_create, student.handle, source.handle, config, retains=(source,), copies=(student,))

    @classmethod
    def _new(cls, *args: Any, **holds: Any) -> Any:
        self = super()._new(*args, **holds)
        self._busy = _Exclusive()
        return self

    @property
    def info(self) -> TrainerInfo:
        """The facts that bzd_trainer_info lists."""
        with self._busy.look():
            return super().info

    def run(self, count: int = 0, progress: Optional[Callable[[Progress], Any]] = None) -> None:
        """Up to count more steps; 0: to the end of the schedule. progress(Progress) after each; true stops with
        Cancelled. After a stop, Ctrl-C or an exception of progress the next run goes on, with the same bits."""
        with self._busy:
            _call(_c.trainer_run, self.handle, count, _progress(progress), None)

    def progress(self, every: int = 100, count: int = 0) -> Iterator[Progress]:
        """Trains while it is iterated: count more steps (0: to the end), a Progress after each `every` of them. To
        stop, leave the loop; a new one goes on from there."""
        every = operator.index(every)
        if every < 1:
            raise ValueError(f"every is {every}, expected at least 1")
        began, info = time.monotonic(), self.info
        last = min(info.steps, info.step + count) if count else info.steps
        while info.step < last:
            self.run(min(every, last - info.step))
            info = self.info
            yield Progress(struct_size=sizeof(Progress), phase=PHASE_TRAIN, step=info.step, of=info.steps,
                           loss=info.loss, smooth_loss=info.smooth_loss, rate=info.rate,
                           seconds=time.monotonic() - began)

    def set_source(self, source: Source) -> None:
        """Another source from the next step on."""
        with self._busy:
            handle = self.handle
            handle.keep |= source.handle.keep  # first: a callback's error may come out of a call that is done
            _call(_c.trainer_set_source, handle, source.handle)
            handle.context |= source.handle.context
            handle.keep = handle.context | source.handle.keep

    def cancel(self) -> None:
        """Asks a run, now or next, to stop after its current step. From any thread."""
        _c.trainer_cancel(self.handle)

    def flow(self, which: int = WEIGHTS_AUTO) -> Flow:
        """A flow of its own with the weights of now: WEIGHTS_AUTO averaged if there are, _RAW, _EMA."""
        with self._busy.look():
            return Flow._new(_c.trainer_get_flow, self.handle, which, copies=(self,))

    def evaluate(self, n: int, *, first: int = 0, source: Optional[Source] = None, which: int = WEIGHTS_AUTO) -> float:
        """Mean loss over samples first..first+n-1 of source (None: its own), without training."""
        loss = ctypes.c_double()
        with self._busy:
            _call(_c.trainer_evaluate, self.handle, _optional(source), first, n, which, byref(loss))
        return loss.value
