# SPDX-License-Identifier: MIT
"""Data sets."""
from __future__ import annotations

import ctypes
from array import array
from collections.abc import Sequence
from typing import Any, Optional

from ._library import DataInfo, _DataConfig, _c
from ._constants import DTYPE_F32, DTYPE_U8, NORMALISE_AUTO
from ._calls import _call
from ._arrays import Array, ArrayLike, _address, _buffer, _count, _empty, _input, np
from ._objects import _Config, _Object, _optional
from ._context import Context


class Data(_Object):
    """Rows of real data (bzd_data_config).

    rows: [n, dim], or [n, ...] items of dim numbers in all: uint8, or float32 and what converts to it; NumPy rows may
    lie apart (a slice of columns). labels [n] of classes many become one-hot conditions; or cond [n, cond_dim].
    normalise: NORMALISE_; with NORMALISE_GIVEN model value = (data value - offset) / scale, each [dim].
    copy=False borrows rows, labels and cond, which must be of the right type already and must not change."""

    _noun, _info = "data", DataInfo

    def __init__(self, rows: ArrayLike, *, labels: Optional[ArrayLike] = None, classes: int = 0,
                 cond: Optional[ArrayLike] = None, normalise: int = NORMALISE_AUTO, scale: Optional[ArrayLike] = None,
                 offset: Optional[ArrayLike] = None, item_shape: Optional[Sequence[int]] = None, copy: bool = True,
                 context: Optional[Context] = None):
        given = (rows, labels, cond)
        stride = 0
        if np is not None:
            rows = np.asarray(rows)
            whole = "B" if rows.dtype == np.uint8 else "f"
            if rows.ndim == 2 and rows.dtype == whole and rows.shape[0] > 1 and rows.shape[1] > 0 and (
                    rows.shape[1] == 1 or rows.strides[1] == rows.itemsize) and (
                    rows.strides[0] >= rows.shape[1] * rows.itemsize and rows.strides[0] % rows.itemsize == 0):
                stride = rows.strides[0] // rows.itemsize
            shape = rows.shape
        else:
            rows = memoryview(rows) if isinstance(rows, (bytes, bytearray)) else rows
            whole = "B" if isinstance(rows, (memoryview, array)) and memoryview(rows).format == "B" else "f"
            rows = _buffer("rows", rows, whole)
            shape = rows.shape
        if len(shape) < 2:
            raise ValueError(f"rows: shape {tuple(shape)}, expected (n, dim)")
        if item_shape is None and len(shape) > 2:
            item_shape = shape[1:]
        dim = _count(shape[1:])
        if not stride:
            rows = _input("rows", rows, whole, shape)
        config = _Config(_DataConfig, {"classes": classes, "normalise": normalise, "item_shape": item_shape},
                         n=shape[0], dim=dim, row_stride=stride, copy=int(copy),
                         dtype=DTYPE_U8 if whole == "B" else DTYPE_F32)
        config.point("rows", _address(rows), rows)
        labels = config.array("labels", labels, "i", (shape[0],))
        cond = config.array("cond", cond, "f", (shape[0], None))
        config.array("scale", scale, "f", (dim,))
        config.array("offset", offset, "f", (dim,))
        if cond is not None:
            config.set(cond_dim=cond.shape[1])
        if not copy:
            for name, mine, theirs in zip(("rows", "labels", "cond"), (rows, labels, cond), given):
                if mine is not None and not _same(mine, theirs):
                    raise ValueError(f"{name}: cannot be borrowed as they are; use copy=True")
        self._make(_c.data_create, _optional(context), config, retains=(context,), own=() if copy else config.keep)

    @property
    def dim(self) -> int:
        return self.info.dim

    @property
    def affine(self) -> tuple[Array, Array]:
        """scale [dim] and offset [dim] of data value = scale * model value + offset."""
        return _affine(_c.data_get_affine, self)

    def rows(self, first: int = 0, n: Optional[int] = None) -> tuple[Array, Array]:
        """Rows first..first+n-1 in model units: x [n, dim] and cond [n, cond_dim]."""
        info = self.info
        n = info.n - first if n is None else n
        x, cond = _empty((n, info.dim)), _empty((n, info.cond_dim))
        _call(_c.data_get_rows, self.handle, first, n, _address(x), _address(cond))
        return x, cond


def _same(mine: Array, theirs: Any) -> bool:
    """Is mine the caller's memory? (A copy made here to compare cannot lie where mine does.)"""
    if np is not None:
        return _address(np.asarray(theirs)) == _address(mine)
    try:
        view = memoryview(theirs)
    except TypeError:
        return False
    return not view.readonly and ctypes.addressof(ctypes.c_char.from_buffer(view)) == _address(mine)


def _affine(function: Any, owner: Any) -> tuple[Array, Array]:
    scale, offset = _empty((owner.dim,)), _empty((owner.dim,))
    _call(function, owner.handle, _address(scale), _address(offset))
    return scale, offset
