# SPDX-License-Identifier: MIT
"""What a program lends the library."""
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Optional

from ._library import _ContextConfig, _c
from ._calls import CALLBACKS, _function
from ._objects import _Config, _Object


class _Loop:
    """Pieces 0..n-1 of a task function, each done once."""

    def __init__(self, task: Any, argument: Any, n: int):
        self.task, self.argument, self.left = task, argument, n
        self.started = bytearray(n)
        self.changed = threading.Condition()

    def piece(self, i: int) -> None:
        with self.changed:
            if self.started[i]:
                return
            self.started[i] = 1
        self.task(self.argument, i)
        with self.changed:
            self.left -= 1
            self.changed.notify_all()

    def finish(self) -> None:
        for i in range(len(self.started)):
            self.piece(i)
        with self.changed:
            self.changed.wait_for(lambda: self.left == 0)


def _parallel(function: Callable) -> Callable:
    def body(user: Any, n: int, task: int, argument: Any) -> None:
        loop = _Loop(CALLBACKS["task_fn"](task), argument, n)
        try:
            function(n, loop.piece)
        finally:
            loop.finish()  # whatever function did: the library counts on all of it
    return body


class Context(_Object):
    """What a program lends the library: threads, log, scheduler, allocator (bzd_context_config). Immutable, and every
    thread may use it. Without one: the calling thread, silence, libc.

    threads: 1..256, 0 = the cores this process may use. log(level, text). parallel_for(n, task): calls task(i) once for
    each i in 0..n-1, on any threads, and returns when all are done. alloc(size, align) -> address or None, and
    free(address, size, align), on any thread: C functions (ctypes) are the ones that make sense."""

    _noun = "context"

    def __init__(self, threads: int = 1, *, log: Optional[Callable[[int, str], Any]] = None,
                 parallel_for: Optional[Callable[[int, Callable[[int], None]], Any]] = None,
                 alloc: Optional[Callable] = None, free: Optional[Callable] = None):
        config = _Config(_ContextConfig, {"threads": threads})
        bodies = {"log": lambda f: lambda user, level, text: f(level, text.decode(errors="replace")) and None,
                  "parallel_for": _parallel, "alloc": lambda f: lambda user, size, align: f(size, align),
                  "free": lambda f: lambda user, address, size, align: f(address, size, align) and None}
        for name, function in (("log", log), ("parallel_for", parallel_for), ("alloc", alloc), ("free", free)):
            if function is not None:
                config.callback(name, _function(name + "_fn", function, bodies[name]))
        self._make(_c.context_create, config, own=config.keep)

    @property
    def threads(self) -> int:
        """The number it works with."""
        return _c.context_threads(self.handle)

    info = None
