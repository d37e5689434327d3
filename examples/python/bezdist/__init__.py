# SPDX-License-Identifier: MIT
"""libbezdist for Python: trains, distils and runs few-step generative flow models. ctypes and the standard library
alone; NumPy is used where it is present.

    data = bezdist.Data(rows)                                  # [n, dim] float32
    trainer = bezdist.Trainer(bezdist.Flow(data.dim), bezdist.Source.data(data), steps=3000)
    for progress in trainer.progress(every=100):
        print(progress.step, progress.smooth_loss)
    samples = trainer.flow().sample(16)                        # [16, dim]

The library is the one named by the environment variable BEZDIST_LIBRARY, else the system's. What holds everywhere:

- Times: t = 0 is noise, t = 1 data. Constants are those of the headers without BZD_: FLOW_CONTROL, SOLVER_RK4.
- Arrays going in: float32 in C order is used where it lies (NumPy arrays, or anything with the buffer protocol that can
  be written to). Other numbers, other orders and nested lists are converted into a copy; a wrong shape is a ValueError,
  what cannot be converted a TypeError. Arrays given as `out` are filled where they lie, and must fit exactly.
- Arrays coming out: numpy.ndarray; without NumPy a memoryview of that shape (x[i, j], x.tolist()).
- Options by keyword are the fields of the C struct that the docstring names, with its defaults; others are refused.
- Failures are BezdistError, which has .status, .name and .text; some are also a ValueError, MemoryError, OSError or
  ArithmeticError. What a callback raises stops the call, and comes out of it as it was raised.
- Ctrl-C stops a long call after the present piece of work; a trainer goes on from there with its next run.
- Objects are context managers; close() is optional and may come in any order. What an object uses it keeps alive.
- Threads: the rules are those of the headers ("shared-read", "exclusive"). The GIL is released during calls."""
from ._calls import CALLBACKS, BezdistError, Cancelled, FileFailure, InvalidArgument, NotFinite, OutOfMemory
from ._constants import *
from ._context import Context
from ._data import Data
from ._files import Checkpoint, TensorInfo, Tensors
from ._flow import Ensemble, Flow
from ._functions import (build_info, compare, nearest, noise, path_curvature, path_derivative, path_distance,
                         path_elevate, path_evaluate, path_from_waypoints, path_measure, path_reduce, path_split,
                         path_targets, uniform, version, version_string)
from ._library import (CheckpointInfo, DataInfo, EnsembleInfo, FitterInfo, FlowInfo, FlowMetrics, MetricsResult,
                       Progress, SampleResult, SourceInfo, TensorsInfo, TrainerInfo)
from ._train import Fitter, Source, Trainer
