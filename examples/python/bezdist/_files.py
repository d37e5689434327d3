# SPDX-License-Identifier: MIT
"""Checkpoints and tensor files."""
from __future__ import annotations

import contextlib
import ctypes
from array import array
from collections.abc import Callable, MutableMapping
from ctypes import byref, c_char_p, c_void_p
from typing import Any, NamedTuple, Optional

from ._library import CheckpointInfo, Progress, TensorsInfo, _Limits, _TensorInfo, _c
from ._constants import FORMAT_AUTO, FORMAT_SAFETENSORS, WEIGHTS_AUTO
from ._calls import _call, _function, _progress
from ._arrays import Array, ArrayLike, _address, _bytes, _count, _decode, _empty, _input, _path, _text, np
from ._objects import _Config, _Mapping, _Object, _filled, _optional
from ._context import Context
from ._flow import Ensemble, Flow, _flow_config, _string
from ._train import Source, Trainer


class TensorInfo(NamedTuple):
    """A tensor of a Checkpoint or of Tensors; dtype as in the headers ("f32", "bf16")."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    role: int
    raw_bytes: int
    stored_bytes: int
    stored_dtype: Optional[str]


_CODES = {"bool": "?", "u8": "B", "i8": "b", "u16": "H", "i16": "h", "f16": "H" if np is None else "e", "bf16": "H",
          "u32": "I", "i32": "i", "f32": "f", "u64": "Q", "i64": "q", "f64": "d"}


def _tensor(function: Any, owner: Any, i: int) -> TensorInfo:
    info = _filled(_TensorInfo, function, owner.handle, i)
    return TensorInfo(_decode(info.name), _decode(info.dtype), tuple(info.shape[:info.ndim]), info.role, info.raw_bytes,
                      info.stored_bytes, _decode(info.stored_dtype))


def _reader(read: Any) -> Any:
    def body(read: Callable) -> Callable:
        def fill(user: Any, offset: int, address: int, size: int) -> int:
            data = memoryview(read(offset, size)).tobytes()
            if len(data) != size:
                raise EOFError(f"read {len(data)} bytes at {offset}, expected {size}")
            ctypes.memmove(address, data, size)
            return 0
        return fill
    return _function("read_fn", read, body)


def _writer(write: Any) -> Any:
    def body(write: Callable) -> Callable:
        def take(user: Any, address: int, size: int) -> int:
            with memoryview((ctypes.c_char * size).from_address(address)).cast("B").toreadonly() as data:
                written = write(data)
            if written is not None and written != size:
                raise OSError(f"wrote {written} of {size} bytes")
            return 0
        return take
    return _function("write_fn", write, body)


def _whole(function: Any, owner: Any, *args: Any) -> bytearray:
    """All the bytes of a function that fills a buffer."""
    size = ctypes.c_size_t()
    _call(function, owner.handle, None, 0, byref(size), *args)
    data = bytearray(size.value)
    _call(function, owner.handle, _bytes(data)[1], len(data), byref(size), *args)
    return data


class Checkpoint(_Object):
    """What a .bzd file holds. Made by of, of_paths, open, open_buffer and open_reader."""

    _noun, _info = "checkpoint", CheckpointInfo

    @classmethod
    def of(cls, thing: Any) -> Checkpoint:
        """A snapshot of a Flow, Ensemble or Trainer; of a pool's Source, which it retains."""
        function = getattr(_c, f"checkpoint_from_{thing._noun}", None)
        if function is None:
            raise TypeError(f"a {type(thing).__name__} cannot be saved")
        with thing._busy.look() if isinstance(thing, Trainer) else contextlib.nullcontext():
            kind = "retains" if thing._noun == "source" else "copies"
            return cls._new(function, thing.handle, **{kind: (thing,)})

    @classmethod
    def of_paths(cls, base: Source, count: int, *, first: int = 0, window: int = 0, seed: int = 0,
                 progress: Optional[Callable[[Progress], Any]] = None) -> Checkpoint:
        """A path store too large for memory: samples of base, made window by window whenever it is written."""
        callback = _progress(progress)
        return cls._new(_c.checkpoint_from_paths, base.handle, first, count, window, seed, callback, None,
                        retains=(base,), own=(callback,))

    @classmethod
    def open(cls, path: Any, context: Optional[Context] = None, **limits: int) -> Checkpoint:
        """From a file, which stays open. limits (bzd_limits): max_file, max_raw, max_index, max_tensors, max_meta."""
        return cls._new(_c.checkpoint_open_file, _optional(context), _path(path), _Config(_Limits, limits),
                        retains=(context,))

    @classmethod
    def open_buffer(cls, data: Any, context: Optional[Context] = None, **limits: int) -> Checkpoint:
        """From bytes, or a buffer that does not change: borrowed, and kept alive."""
        keep, address, size = _bytes(data)
        return cls._new(_c.checkpoint_open_buffer, _optional(context), address, size, _Config(_Limits, limits),
                        retains=(context,), own=(keep,))

    @classmethod
    def open_reader(cls, read: Callable[[int, int], Any], size: int, context: Optional[Context] = None,
                    **limits: int) -> Checkpoint:
        """From read(offset, count) -> count bytes, of a file of size bytes."""
        callback = _reader(read)
        return cls._new(_c.checkpoint_open_callback, _optional(context), callback, None, size,
                        _Config(_Limits, limits), retains=(context,), own=(callback,))

    def write(self, path: Any) -> None:
        """To a file, whole or not at all."""
        _call(_c.checkpoint_write_file, self.handle, _path(path))

    def write_to(self, write: Callable[[memoryview], Any]) -> None:
        """Through write(data), such as a file's write; data may not be kept beyond the call."""
        _call(_c.checkpoint_write_callback, self.handle, _writer(write), None)

    def to_buffer(self) -> bytearray:
        return _whole(_c.checkpoint_write_buffer, self)

    def flow(self, which: int = WEIGHTS_AUTO) -> Flow:
        """The flow of a flow's or trainer's file."""
        return Flow._new(_c.checkpoint_get_flow, self.handle, which, copies=(self,))

    def ensemble(self) -> Ensemble:
        return Ensemble._new(_c.checkpoint_get_ensemble, self.handle, copies=(self,))

    def trainer(self, source: Source) -> Trainer:
        """The trainer where it was saved, on the source it had."""
        return Trainer._new(_c.checkpoint_get_trainer, self.handle, source.handle, retains=(source,), copies=(self,))

    def source(self) -> Source:
        """The path store, all of it in memory."""
        return Source._new(_c.checkpoint_get_source, self.handle, copies=(self,))

    def stream(self) -> Source:
        """The path store, its paths read when they are asked for."""
        return Source._new(_c.checkpoint_stream_source, self.handle, retains=(self,))

    def __len__(self) -> int:
        """Of tensors."""
        return self.info.tensors

    def tensor(self, i: int) -> TensorInfo:
        return _tensor(_c.checkpoint_get_tensor, self, i)

    def read(self, i: int) -> Array:
        """Tensor i, checked; bf16 as its bits in uint16."""
        info = self.tensor(i)
        out = _empty(info.shape, _CODES[info.dtype])
        _call(_c.checkpoint_read_tensor, self.handle, i, _address(out), info.raw_bytes)
        return out

    def read_rows(self, i: int, first: int, count: int) -> Array:
        """Rows first..first+count-1 of tensor i along its leading dimension."""
        info = self.tensor(i)
        out = _empty((count, *info.shape[1:]), _CODES[info.dtype])
        _call(_c.checkpoint_read_rows, self.handle, i, first, count, _address(out), _count(out.shape) * out.itemsize)
        return out

    def entries(self) -> dict[str, str]:
        """All key-values of the file, trainer state included, as texts."""
        result = {}
        for i in range(self.info.metadata):
            key, value = c_char_p(), ctypes.create_string_buffer(1 << 17)  # a text has at most 65535 bytes
            _call(_c.checkpoint_get_metadata, self.handle, i, byref(key), value, len(value))
            result[_decode(key.value)] = _decode(value.value)
        return result

    @property
    def metadata(self) -> MutableMapping:
        """The caller's texts, as Flow.metadata."""
        return _Mapping(lambda key: _string(_c.checkpoint_find_metadata, self.handle, _text(key)),
                        lambda key, value: _call(_c.checkpoint_set_metadata, self.handle, _text(key),
                                                 None if value is None else _text(value)),
                        lambda: [key[5:] for key in self.entries() if key.startswith("user.")])

    @property
    def sections(self) -> MutableMapping:
        """Bytes of your own inside the file, by four letters of which the first two are small."""
        def get(name: str) -> Optional[bytes]:
            data, size = c_void_p(), ctypes.c_size_t()
            _call(_c.checkpoint_get_section, self.handle, _text(name), byref(data), byref(size))
            return None if data.value is None else ctypes.string_at(data.value, size.value)

        def put(name: str, data: Any) -> None:
            keep, address, size = (None, None, 0) if data is None else _bytes(data)
            _call(_c.checkpoint_set_section, self.handle, _text(name), address, size)

        def names() -> list:
            name = ctypes.create_string_buffer(5)
            result = []
            for i in range(self.info.sections):
                _call(_c.checkpoint_section_at, self.handle, i, name, None)
                result.append(name.value.decode())
            return result
        return _Mapping(get, put, names)

    def verify(self) -> None:
        """Decodes and checks every byte."""
        _call(_c.checkpoint_verify, self.handle)

    def content_id(self) -> str:
        """SHA-256 of what the model is, 64 hex digits."""
        text = ctypes.create_string_buffer(65)
        _call(_c.checkpoint_content_id, self.handle, text)
        return text.value.decode()

    def set_storage(self, storage: int) -> None:
        """How a flow's or ensemble's parameters are stored: STORAGE_EXACT, STORAGE_BF16."""
        _call(_c.checkpoint_set_storage, self.handle, storage)


class Tensors(_Object):
    """Other programs' tensor files: safetensors, NPY, NPZ, IDX. New and empty; or by open, open_buffer, open_reader and
    of. Tensors are counted from 0, or named."""

    _noun, _info = "tensors", TensorsInfo

    def __init__(self, context: Optional[Context] = None):
        self._make(_c.tensors_create, _optional(context), retains=(context,))

    @classmethod
    def open(cls, path: Any, format: int = FORMAT_AUTO, context: Optional[Context] = None, **limits: int) -> Tensors:
        """From a file, which stays open. limits as Checkpoint.open."""
        return cls._new(_c.tensors_open_file, _optional(context), _path(path), format, _Config(_Limits, limits),
                        retains=(context,))

    @classmethod
    def open_buffer(cls, data: Any, format: int = FORMAT_AUTO, context: Optional[Context] = None,
                    **limits: int) -> Tensors:
        """From bytes, or a buffer that does not change: borrowed, and kept alive."""
        keep, address, size = _bytes(data)
        return cls._new(_c.tensors_open_buffer, _optional(context), address, size, format, _Config(_Limits, limits),
                        retains=(context,), own=(keep,))

    @classmethod
    def open_reader(cls, read: Callable[[int, int], Any], size: int, format: int = FORMAT_AUTO,
                    context: Optional[Context] = None, **limits: int) -> Tensors:
        """From read(offset, count) -> count bytes, of a file of size bytes."""
        callback = _reader(read)
        return cls._new(_c.tensors_open_callback, _optional(context), callback, None, size, format,
                        _Config(_Limits, limits), retains=(context,), own=(callback,))

    @classmethod
    def of(cls, flow: Flow) -> Tensors:
        """A flow as tensors with PyTorch's names."""
        return cls._new(_c.tensors_from_flow, flow.handle, copies=(flow,))

    def flow(self, dim: Optional[int] = None, *, scale: Optional[ArrayLike] = None, offset: Optional[ArrayLike] = None,
             **options: Any) -> Flow:
        """The flow of such tensors. dim and options (kind, degree, cond_dim, item_shape) say what the shapes of a plain
        state dict cannot."""
        config = None if dim is None else _flow_config(dim, scale, offset, options)
        return Flow._new(_c.tensors_get_flow, self.handle, config, copies=(self,))

    def add(self, name: str, value: ArrayLike, dtype: Optional[str] = None) -> None:
        """One tensor more, copied. dtype as in the header; None: that of an array or buffer, float32 for lists. For
        bf16 (and f16 without NumPy) value is their bits in uint16."""
        if np is not None:
            if isinstance(value, (bytes, bytearray, memoryview, array)):
                value = memoryview(value)
            value = np.asarray(value) if hasattr(value, "dtype") or isinstance(value, memoryview) else value
            kind = value.dtype.char if isinstance(value, np.ndarray) else None
        else:
            kind = memoryview(value).format if isinstance(value, (bytes, bytearray, memoryview, array)) else None
        if dtype is None:
            kind = {"l": "q", "L": "Q"}.get(kind, kind) if array("l").itemsize == 8 else kind
            names = {code: known for known, code in _CODES.items() if known not in ("bf16", "f16")}
            dtype = "f32" if kind is None else "f16" if kind == "e" else names.get(kind)
            if dtype is None:
                raise TypeError(f"{name}: no tensors of type {kind!r}")
        if dtype not in _CODES:
            raise ValueError(f"{name}: dtype {dtype!r}, expected one of {', '.join(_CODES)}")
        value = _input(name, value, _CODES[dtype])
        shape = (ctypes.c_int64 * max(value.ndim, 1))(*value.shape)
        _call(_c.tensors_add, self.handle, _text(name), _text(dtype), value.ndim, shape, _address(value))

    @property
    def texts(self) -> MutableMapping:
        """Texts by name, as safetensors' __metadata__."""
        return _Mapping(lambda key: _string(_c.tensors_get_text, self.handle, _text(key)),
                        lambda key, value: _call(_c.tensors_set_text, self.handle, _text(key),
                                                 None if value is None else _text(value)),
                        lambda: [_string(_c.tensors_text_at, self.handle, i, key=True) for i in range(self.info.texts)])

    def __len__(self) -> int:
        return self.info.count

    def __contains__(self, name: str) -> bool:
        return self._find(name) >= 0

    def _find(self, name: str) -> int:
        i = ctypes.c_int64()
        _call(_c.tensors_find, self.handle, _text(name), byref(i))
        return i.value

    def _number(self, which: Any) -> int:
        if not isinstance(which, str):
            return which
        i = self._find(which)
        if i < 0:
            raise KeyError(which)
        return i

    def names(self) -> list[str]:
        return [self.tensor(i).name for i in range(len(self))]

    def tensor(self, which: Any) -> TensorInfo:
        return _tensor(_c.tensors_get, self, self._number(which))

    def read(self, which: Any) -> Array:
        """A tensor in its own type; bf16 (and f16 without NumPy) as its bits in uint16."""
        i = self._number(which)
        info = self.tensor(i)
        out = _empty(info.shape, _CODES[info.dtype])
        _call(_c.tensors_read, self.handle, i, _address(out), info.raw_bytes)
        return out

    def read_f32(self, which: Any) -> Array:
        """A tensor as float32."""
        i = self._number(which)
        out = _empty(self.tensor(i).shape)
        _call(_c.tensors_read_f32, self.handle, i, _address(out), _count(out.shape))
        return out

    def write(self, path: Any, format: int = FORMAT_SAFETENSORS) -> None:
        """To a file, whole or not at all: FORMAT_SAFETENSORS, _NPY, _NPZ, _NPZ_DEFLATED."""
        _call(_c.tensors_write_file, self.handle, _path(path), format)

    def write_to(self, write: Callable[[memoryview], Any], format: int = FORMAT_SAFETENSORS) -> None:
        """Through write(data), such as a file's write; data may not be kept beyond the call."""
        _call(_c.tensors_write_callback, self.handle, _writer(write), None, format)

    def to_buffer(self, format: int = FORMAT_SAFETENSORS) -> bytearray:
        return _whole(_c.tensors_write_buffer, self, format)
