# SPDX-License-Identifier: MIT
"""Arrays in and out, with NumPy and without."""
from __future__ import annotations

import ctypes
import os
from array import array
from collections.abc import Sequence
from ctypes import c_char_p, c_void_p
from typing import Any, Optional

try:
    import numpy as np
except ImportError:
    np = None

Array = Any      # numpy.ndarray, or memoryview without NumPy
ArrayLike = Any  # an array, a buffer or nested sequences of numbers

if np is not None:
    class _Memory:
        __slots__ = ("__array_interface__",)


def _count(shape: Sequence[int]) -> int:
    result = 1
    for size in shape:
        result *= size
    return result


def _empty(shape: Sequence[int], code: str = "f") -> Array:
    if np is not None:
        return np.empty(shape, code)
    memory = memoryview(bytearray(_count(shape) * array(code.replace("?", "B")).itemsize))
    return memory.cast(code, tuple(shape)) if _count(shape) else memory.cast(code)


def _view(address: Optional[int], shape: Sequence[int], code: str, writable: bool = False) -> Array:
    """The library's memory as an array, for as long as a callback runs."""
    if np is not None:
        memory = _Memory()
        memory.__array_interface__ = {"data": (address or 0, not writable), "shape": tuple(shape), "version": 3,
                                      "typestr": np.dtype(code).str}
        return np.asarray(memory)
    size = _count(shape) * array(code).itemsize
    memory = memoryview((ctypes.c_char * size).from_address(address)).cast("B").cast(code, tuple(shape))
    return memory if writable else memory.toreadonly()


def _flatten(name: str, value: Any, numbers: list) -> tuple[int, ...]:
    """Appends the numbers of nested sequences; returns their shape."""
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name}: {value!r} is not an array of numbers")
    try:
        items = list(value)
    except TypeError:
        numbers.append(value)
        return ()
    shapes = {_flatten(name, item, numbers) for item in items}
    if len(shapes) > 1:
        raise ValueError(f"{name}: rows of different lengths")
    return (len(items), *(shapes.pop() if shapes else ()))


def _buffer(name: str, value: Any, code: str) -> memoryview:
    """Without NumPy: the numbers of value as a writable memoryview, value's own memory where it is one already."""
    try:
        view = value if isinstance(value, memoryview) else memoryview(value)
    except TypeError:
        numbers: list = []
        shape = _flatten(name, value, numbers)
    else:
        view = view if view.c_contiguous else memoryview(view.tobytes()).cast(view.format, view.shape)
        kind = view.format.lstrip("@=<")
        if kind == code and not view.readonly:
            return view if view.format == code else view.cast("B").cast(code, view.shape)
        shape, numbers = view.shape, view.cast("B").cast(kind).tolist()
    try:
        memory = memoryview(bytearray(array(code.replace("?", "B"), numbers)))
    except (TypeError, OverflowError) as error:
        raise TypeError(f"{name}: {error}") from None
    return memory.cast(code, shape) if numbers else memory.cast(code)


def _fits(name: str, got: Sequence[int], want: Sequence[Optional[int]]) -> None:
    if len(got) != len(want) or any(w is not None and g != w for g, w in zip(got, want)):
        raise ValueError(f"{name}: shape {tuple(got)}, expected {tuple('n' if w is None else w for w in want)}"
                         .replace("'n'", "n"))


def _input(name: str, value: ArrayLike, code: str, shape: Optional[Sequence[Optional[int]]] = None) -> Array:
    """value as numbers of the array code in C order, copied only if it must be. None in shape: any size."""
    if np is None:
        result = _buffer(name, value, code)
    else:
        given, kind = np.asarray(value), np.dtype(code).kind
        if given.size and given.dtype.kind not in ("biuf" if kind == "f" else "biu"):
            raise TypeError(f"{name}: {given.dtype}, expected {np.dtype(code)}")
        result = np.asarray(given, code, order="C")
        if kind != "f" and result is not given and (result != given).any():
            raise ValueError(f"{name}: a number is out of range for {np.dtype(code)}")
    if shape is None:
        return result
    if _count(result.shape) == 0 and len(result.shape) < len(shape) and shape[0] in (None, 0):
        return _empty([size or 0 for size in shape], code)  # no rows
    _fits(name, result.shape, shape)
    return result


def _output(name: str, out: Optional[Array], shape: Sequence[int], code: str = "f") -> Array:
    """A new array, or the caller's, which must fit to the byte."""
    if out is None:
        return _empty(shape, code)
    view = out if isinstance(out, memoryview) else memoryview(out)
    if view.format.lstrip("@=<") != code or not view.c_contiguous or view.readonly:
        raise TypeError(f"{name}: must be writable, in C order and of format {code!r}, is {view.format!r}")
    if _count(shape):
        _fits(name, view.shape, shape)
    return out if np is not None and isinstance(out, np.ndarray) else view


def _address(a: Optional[Array]) -> Optional[int]:
    """Where the numbers of an array of ours lie; whoever asks keeps the array."""
    if a is None or _count(a.shape) == 0:
        return None
    if isinstance(a, memoryview):
        return ctypes.addressof(ctypes.c_char.from_buffer(a))
    return a.__array_interface__["data"][0]


def _bytes(data: Any) -> tuple[Any, Optional[int], int]:
    """What to keep, address and size of bytes or of a buffer; a read-only buffer that is not bytes is copied."""
    if not isinstance(data, bytes):
        view = memoryview(data)
        if view.c_contiguous and not view.readonly and view.nbytes:
            return view, ctypes.addressof(ctypes.c_char.from_buffer(view)), view.nbytes
        data = view.tobytes()
    return data, ctypes.cast(c_char_p(data), c_void_p).value, len(data)


def _text(value: str) -> bytes:
    """UTF-8 for C, where a NUL would cut the text."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a str")
    if "\0" in value:
        raise ValueError(f"{value!r} holds a NUL")
    return value.encode("utf-8", "surrogateescape")


def _path(value: Any) -> bytes:
    encoded = os.fsencode(value)
    if b"\0" in encoded:
        raise ValueError(f"{value!r} holds a NUL")
    return encoded


def _decode(text: Optional[bytes]) -> Optional[str]:
    return None if text is None else text.decode("utf-8", "surrogateescape")


def _target(address: int, shape: Sequence[int], code: str) -> Array:
    """The library's memory to be filled: NaN until then, so that what is forgotten is noticed."""
    ctypes.memset(address, 0xFF, _count(shape) * array(code).itemsize)
    return _view(address, shape, code, True)


def _store(name: str, out: Array, result: Any, address: int) -> None:
    """What a callback returned, if anything, into the library's memory."""
    if result is not None and result is not out:
        result = _input(name, result, out.dtype.char if np is not None else out.format, out.shape)
        ctypes.memmove(address, _address(result), _count(out.shape) * out.itemsize)
