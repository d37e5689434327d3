# SPDX-License-Identifier: MIT
"""Failures, callbacks and Ctrl-C."""
from __future__ import annotations

import ctypes
import signal
import sys
import threading
from collections.abc import Callable
from ctypes import byref, sizeof
from typing import Any, Optional

try:
    import _signal as _handlers  # signal without its making of enums, which takes ten times as long
except ImportError:
    _handlers = signal

from ._library import Progress, _CALLBACKS, _TYPES, _c
from ._constants import E_ARGUMENT, E_CANCELLED, E_DIMENSION, E_DIVERGED, E_IO, E_MEMORY, E_NUMERIC, OK


class BezdistError(Exception):
    """A call that failed: status (one of E_), its name ("BZD_E_LIMIT") and the library's text."""

    def __init__(self, status: int, text: str):
        self.status, self.name, self.text = status, _c.status_name(status).decode(), text
        super().__init__(f"{text} ({self.name})")

    def __reduce__(self) -> Any:
        return type(self), (self.status, self.text)


class InvalidArgument(BezdistError, ValueError):
    """E_ARGUMENT and E_DIMENSION."""


class OutOfMemory(BezdistError, MemoryError):
    """E_MEMORY."""


class FileFailure(BezdistError, OSError):
    """E_IO: the system or a callback could not read or write; the text names path and cause."""


class NotFinite(BezdistError, ArithmeticError):
    """E_NUMERIC and E_DIVERGED."""


class Cancelled(BezdistError):
    """E_CANCELLED: a progress function said stop, or cancel() was called."""


_ERRORS = {E_ARGUMENT: InvalidArgument, E_DIMENSION: InvalidArgument, E_MEMORY: OutOfMemory, E_IO: FileFailure,
           E_NUMERIC: NotFinite, E_DIVERGED: NotFinite, E_CANCELLED: Cancelled}


class _Trap:
    """What happened in the callbacks of one C call."""

    __slots__ = ("error", "inside", "interrupted")

    def __init__(self) -> None:
        self.error: Optional[BaseException] = None
        self.inside = False       # the caller's code runs, within a try
        self.interrupted = False  # SIGINT came while it did not


class _Local(threading.local):
    trap: Optional[_Trap] = None  # of the innermost call of this thread


_local = _Local()
_previous: Any = None  # the SIGINT handler that _interrupt stands in for
_SIGINT = int(signal.SIGINT)


def _interrupt(number: int, frame: Any) -> None:
    """SIGINT during a C call. Python handles signals on entry of the next callback, before any `try` of it: what is
    raised there is lost, and the library would take the callback for done. So it waits for the end of the call, unless
    the caller's own code runs."""
    trap = _local.trap
    if trap is None or trap.inside:
        _previous(number, frame)
    else:
        trap.interrupted = True


def _call(function: Any, *args: Any) -> None:
    """Calls a function that returns a status, and raises what a callback raised, a KeyboardInterrupt or its failure."""
    global _previous
    outer, trap, handler = _local.trap, _Trap(), None
    if outer is None and threading.current_thread() is threading.main_thread():
        handler = _handlers.getsignal(_SIGINT)
    try:
        _local.trap = trap
        if callable(handler):
            _previous = handler
            _handlers.signal(_SIGINT, _interrupt)
        status = function(*args)
    except ctypes.ArgumentError as error:
        kind = TypeError if "TypeError" in str(error) or "wrong type" in str(error) else ValueError
        raise kind(f"{function.__name__}: {error}") from None
    finally:
        try:
            if callable(handler):
                _handlers.signal(_SIGINT, handler)
        finally:
            _local.trap = outer
    if trap.interrupted:
        (handler if callable(handler) else _interrupt)(_SIGINT, sys._getframe())
    if trap.error is not None:
        try:
            raise trap.error
        finally:
            del trap  # its traceback holds this frame
    if status != OK:
        text = ctypes.create_string_buffer(512)
        _c.last_error(text, 512)
        raise _ERRORS.get(status, BezdistError)(status, text.value.decode(errors="replace"))


CALLBACKS = {name: ctypes.CFUNCTYPE(_TYPES[result], *(_TYPES[letter] for letter in parameters))
             for name, result, parameters in (word.split(":") for word in _CALLBACKS.split())}


def _callback(name: str, body: Callable[..., Any]) -> Any:
    """The C function of type bzd_<name> that calls body. If it returns a number, a body that fails stops the call."""
    prototype = CALLBACKS[name]
    stops = prototype._restype_ is ctypes.c_int32

    def enter(*args: Any) -> Any:
        trap = _local.trap
        before = trap is not None and trap.inside
        try:
            if trap is not None and stops:
                if trap.interrupted:
                    return 1
                trap.inside = True
            result = body(*args)
            if trap is not None:
                trap.inside = before
            return result
        except BaseException as error:
            if trap is None:  # an allocator on a thread of the library: ctypes reports it
                raise
            trap.inside = before
            if trap.error is None:
                trap.error = error
            return 1 if stops else None

    return prototype(enter)


def _function(name: str, function: Any, body: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Any:
    """A callback of a Python function, by way of body; C functions of the right ctypes type are taken as they are."""
    if isinstance(function, CALLBACKS[name]):
        return function
    if not callable(function):
        raise TypeError(f"{function!r} is not a function")
    return _callback(name, body(function))


_pulse = _callback("progress_fn", lambda user, progress: 0)  # lets Ctrl-C in


def _progress(function: Optional[Callable[[Progress], Any]]) -> Any:
    """progress(Progress) after each piece of work; a true result stops the call with Cancelled."""
    def body(function: Callable[..., Any]) -> Callable[..., int]:
        def step(user: Any, address: int) -> int:
            progress = Progress()
            ctypes.memmove(byref(progress), address, sizeof(Progress))
            return 1 if function(progress) else 0
        return step
    return _pulse if function is None else _function("progress_fn", function, body)
