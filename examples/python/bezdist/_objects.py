# SPDX-License-Identifier: MIT
"""What all objects of the library have, configs and mappings."""
from __future__ import annotations

import ctypes
import functools
import itertools
import operator
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from ctypes import byref, c_void_p, sizeof
from typing import Any, Optional

from ._library import _INNER, _c
from ._calls import _call, _callback
from ._arrays import ArrayLike, _address, _input


class _Hold:
    """Callbacks and borrowed memory that the library uses, counted by identity."""

    __slots__ = ("things",)

    def __init__(self, things: Sequence[Any]):
        self.things = things


class _Handle:
    """A hold on an object of the library, given back with the last reference: a call that runs keeps it. keep: what
    the object and all that it retains use; context: the part of it that is the context's."""

    __slots__ = ("_as_parameter_", "destroy", "context", "keep", "release")

    def __init__(self, address: int, destroy: Any, context: frozenset, keep: frozenset):
        self._as_parameter_, self.destroy, self.context, self.keep = address, destroy, context, keep
        self.release = 0  # number of the on_release function

    def __del__(self) -> None:
        self.destroy(self._as_parameter_)

    def __reduce__(self) -> Any:
        raise TypeError("objects of libbezdist cannot be copied or pickled: save them with a Checkpoint")


class _Object:
    """What all objects have."""

    _noun = ""
    _info: Any = None
    _h: Optional[_Handle] = None

    def _make(self, function: Any, *args: Any, retains: Sequence[Any] = (), copies: Sequence[Any] = (),
              own: Sequence[Any] = ()) -> None:
        """Calls a function whose last parameter is the new handle. retains, copies: the objects (or None) that the new
        one goes on using, and those of which it needs the context alone; own: callbacks and memory that it uses."""
        retained = [other.handle for other in retains if other is not None]
        handles = retained + [other.handle for other in copies if other is not None]
        context = frozenset().union(*(handle.context for handle in handles))
        keep = context.union(*(handle.keep for handle in retained))
        if own:
            keep |= {_Hold(own)}
            context = keep if self._noun == "context" else context
        out = c_void_p()
        try:
            _call(function, *args, byref(out))
        finally:
            if out.value:
                self._h = _Handle(out.value, getattr(_c, self._noun + "_destroy"), context, keep)

    @classmethod
    def _new(cls, *args: Any, **holds: Any) -> Any:
        self = cls.__new__(cls)
        self._make(*args, **holds)
        return self

    @property
    def handle(self) -> Any:
        """For calls of your own: a ctypes parameter."""
        if self._h is None:
            raise ValueError(f"this {type(self).__name__} is closed")
        return self._h

    @property
    def closed(self) -> bool:
        return self._h is None

    def close(self) -> None:
        """Gives the object back, at the end of the calls that run; what uses it keeps it. May be called again."""
        self._h = None

    def __enter__(self) -> Any:
        self.handle
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<bezdist.{type(self).__name__}{' (closed)' if self.closed else ''}>"

    def on_release(self, function: Optional[Callable[[], Any]]) -> None:
        """Has function() called when the object is gone: the caller's hold and those of all objects that retain it. It
        must not use bezdist, nor refer to the object. None takes it away."""
        handle, number = self.handle, next(_numbers)
        if function is not None:
            _released[number] = function
        _call(_c.on_release, handle, None if function is None else _on_release, number)
        _released.pop(handle.release, None)
        handle.release = number

    @property
    def info(self) -> Any:
        """The facts that the header's bzd_..._info lists."""
        return _filled(self._info, getattr(_c, self._noun + "_get_info"), self.handle)


_released: dict[int, Callable[[], Any]] = {}  # by number: an address may be another object's by then
_numbers = itertools.count(1)
_on_release = _callback("release_fn", lambda number: _released.pop(number)() and None)


def _filled(record: Any, function: Any, *args: Any) -> Any:
    """A struct that the library fills."""
    result = record()
    result.struct_size = sizeof(record)
    _call(function, *args, byref(result))
    return result


def _optional(value: Optional[_Object]) -> Any:
    return None if value is None else value.handle


_DERIVED = _INNER | {"n", "dtype", "row_stride", "copy", "item_ndim", "grid_count", "cond_count"}


@functools.lru_cache(maxsize=None)
def _fields(record: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The types of a struct's fields, and the names of those that are options."""
    types = dict(record._fields_)
    return types, tuple(name for name, kind in types.items() if kind is not c_void_p and name not in _DERIVED)


class _Config:
    """A config of the library: its defaults, then the caller's options."""

    def __init__(self, record: Any, options: dict, **fixed: Any):
        self.keep: list = []
        self.struct = record()
        _call(getattr(_c, record._noun + "_init"), byref(self.struct), sizeof(record))
        self.types, known = _fields(record)
        for name in options:
            if name not in known:
                raise TypeError(f"{record._noun.replace('_', ' ')}: no option {name!r}; there are {', '.join(known)}")
        self.set(**fixed)
        self.set(**{name: value for name, value in options.items() if value is not None})

    def set(self, **values: Any) -> None:
        """Numbers and short sequences of them, refused when they do not fit the C type."""
        for name, value in values.items():
            kind = self.types[name]
            if issubclass(kind, ctypes.Array):
                convert = float if kind._type_ is ctypes.c_double else operator.index
                numbers, field = [convert(number) for number in value], getattr(self.struct, name)
                if len(numbers) > len(field):
                    raise ValueError(f"{name}: {len(numbers)} numbers, at most {len(field)}")
                field[:len(numbers)] = numbers
                got: Any = field[:len(numbers)]
                if name == "item_shape":
                    self.struct.item_ndim = len(numbers)
            else:
                numbers = float(value) if kind is ctypes.c_double else operator.index(value)
                setattr(self.struct, name, numbers)
                got = getattr(self.struct, name)
            if got != numbers and numbers == numbers:
                raise ValueError(f"{name}: {value!r} is out of range")

    def array(self, name: str, value: Optional[ArrayLike], code: str, shape: Sequence[Optional[int]]) -> Any:
        """Points a field at an array, if there is one; returns it."""
        if value is None:
            return None
        result = _input(name, value, code, shape)
        self.point(name, _address(result), result)
        return result

    def object(self, name: str, value: Optional[_Object]) -> None:
        if value is not None:
            self.point(name, value.handle._as_parameter_, value.handle)

    def callback(self, name: str, function: Any) -> None:
        self.point(name, ctypes.cast(function, c_void_p).value, function)

    def point(self, name: str, address: Optional[int], keep: Any) -> None:
        setattr(self.struct, name, address)
        self.keep.append(keep)

    @property
    def _as_parameter_(self) -> Any:
        return byref(self.struct)


class _Mapping(MutableMapping):
    """Texts or bytes of an object by name. Reads and writes go to the object."""

    def __init__(self, get: Callable, put: Callable, names: Callable):
        self._get, self._put, self._names = get, put, names

    def __getitem__(self, key: str) -> Any:
        value = self._get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if value is None:
            raise TypeError("None is no value; use del")
        self._put(key, value)

    def __delitem__(self, key: str) -> None:
        self[key]
        self._put(key, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def __repr__(self) -> str:
        return repr(dict(self))
