# SPDX-License-Identifier: MIT
"""libbezdist's tensor files against NumPy, PyTorch and safetensors: tensors_reference.py libbezdist.so [torch].

Run in a scratch folder. Every file that NumPy writes is read to the same numbers, every file we write is read by NumPy,
and where NumPy's bytes have one form ours are the same."""
import ctypes
import gzip
import io
import itertools
import json
import math
import struct
import sys

import numpy as np

library = ctypes.CDLL(sys.argv[1])
SAFETENSORS, NPY, NPZ, IDX, NPZ_DEFLATED = 1, 2, 3, 4, 5
NAMES = dict(zip("? u1 i1 u2 i2 f2 u4 i4 f4 u8 i8 f8".split(), "bool u8 i8 u16 i16 f16 u32 i32 f32 u64 i64 f64".split()))
checks = 0


class TensorInfo(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("role", ctypes.c_int32), ("name", ctypes.c_char_p),
                ("dtype", ctypes.c_char_p), ("ndim", ctypes.c_int32), ("reserved", ctypes.c_int32),
                ("shape", ctypes.c_int64 * 8), ("raw_bytes", ctypes.c_uint64), ("stored_bytes", ctypes.c_uint64),
                ("stored_dtype", ctypes.c_char_p)]


class FlowConfig(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_uint32), ("kind", ctypes.c_int32), ("degree", ctypes.c_int32),
                ("layers", ctypes.c_int32), ("dim", ctypes.c_int64), ("cond_dim", ctypes.c_int64),
                ("width", ctypes.c_int64), ("time_features", ctypes.c_int32), ("item_ndim", ctypes.c_int32),
                ("item_shape", ctypes.c_int64 * 4), ("seed", ctypes.c_uint64), ("scale", ctypes.c_void_p),
                ("offset", ctypes.c_void_p)]


def text_of_failure():
    text = ctypes.create_string_buffer(512)
    library.bzd_last_error(text, ctypes.c_size_t(512))
    return text.value.decode(errors="replace")


def ok(status):
    if status != 0:
        raise RuntimeError("status %d: %s" % (status, text_of_failure()))


def same(ours, theirs, what):
    global checks
    checks += 1
    if isinstance(theirs, np.ndarray):
        theirs = np.ascontiguousarray(theirs.astype(theirs.dtype.newbyteorder("<"))).reshape(theirs.shape)
        good = ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()
    else:
        good = ours == theirs
    if not good:
        raise AssertionError("%s: %r, expected %r" % (what, ours, theirs))


def open_bytes(data, kind=0):
    handle = ctypes.c_void_p()
    status = library.bzd_tensors_open_buffer(None, data, ctypes.c_size_t(len(data)), ctypes.c_int32(kind), None,
                                             ctypes.byref(handle))
    if status:
        raise ValueError(text_of_failure())
    return handle


def read(data, kind=0):
    handle, found = open_bytes(data, kind), {}
    for i in itertools.count():
        info = TensorInfo(struct_size=ctypes.sizeof(TensorInfo))
        if library.bzd_tensors_get(handle, ctypes.c_int64(i), ctypes.byref(info)):
            break
        dtype = np.dtype({name: numpy for numpy, name in NAMES.items()}[info.dtype.decode()])
        array = np.empty(info.shape[:info.ndim], dtype)
        ok(library.bzd_tensors_read(handle, ctypes.c_int64(i), ctypes.c_void_p(array.ctypes.data),
                                    ctypes.c_size_t(array.nbytes)))
        found[info.name.decode()] = array
    library.bzd_tensors_destroy(handle)
    return found


def build(arrays, texts=()):
    handle = ctypes.c_void_p()
    ok(library.bzd_tensors_create(None, ctypes.byref(handle)))
    for name, array in arrays.items():
        array = np.ascontiguousarray(array).reshape(array.shape)
        ok(library.bzd_tensors_add(handle, name.encode(), NAMES[array.dtype.str[1:].replace("b1", "?")].encode(),
                                   ctypes.c_int32(array.ndim), (ctypes.c_int64 * 8)(*array.shape),
                                   ctypes.c_void_p(array.ctypes.data)))
    for key, value in dict(texts).items():
        ok(library.bzd_tensors_set_text(handle, key.encode(), value.encode()))
    return handle


def written(handle, kind):
    size = ctypes.c_size_t()
    ok(library.bzd_tensors_write_buffer(handle, None, ctypes.c_size_t(0), ctypes.byref(size), ctypes.c_int32(kind)))
    out = ctypes.create_string_buffer(size.value)
    ok(library.bzd_tensors_write_buffer(handle, out, size, ctypes.byref(size), ctypes.c_int32(kind)))
    return out.raw


def write(arrays, kind, texts=()):
    handle = build(arrays, texts)
    data = written(handle, kind)
    library.bzd_tensors_destroy(handle)
    return data


def arrays_of_all_kinds():
    rng = np.random.default_rng(3)
    for code in NAMES:
        for shape in ((), (1,), (7,), (0,), (3, 0, 2), (2, 3), (3, 4, 5), (1, 2, 1, 2, 1, 2, 1, 2)):
            raw = rng.integers(0, 256, size=shape + (np.dtype(code).itemsize,), dtype=np.uint8)
            yield (raw[..., 0] > 99) if code == "?" else np.ascontiguousarray(raw).view(code).reshape(shape)


def check_numpy():
    for array in arrays_of_all_kinds():
        what = "%s %s" % (array.dtype, array.shape)
        plain = io.BytesIO()
        np.save(plain, array)
        if tuple(map(int, np.__version__.split(".")[:2])) >= (1, 24):  # older ones leave no room for growth
            same(write({"x": array}, NPY), plain.getvalue(), "bytes of numpy.save, " + what)
        for order, big, version in itertools.product("CF", (False, True), ((1, 0), (2, 0), (3, 0))):
            file = io.BytesIO()
            given = np.asarray(array.astype(array.dtype.newbyteorder(">")) if big else array, order=order)
            np.lib.format.write_array(file, given, version=version)
            same(read(file.getvalue())["arr_0"], array, "%s, order %s, %s" % (what, order, version))
    several = {"a.b/../c": np.arange(6.0).reshape(2, 3).T, "\u00e9": np.array(True), "none": np.zeros((0, 4), "<u2"),
               "big": np.arange(100000, dtype=">i4").reshape(100, 1000), "halves": np.float16([1, 0.1, np.inf, -0.0])}
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, *[several["big"]], **{key: value for key, value in several.items() if key != "big"})
        found = read(file.getvalue())
        same(sorted(found), sorted(["arr_0" if key == "big" else key for key in several]), "names of " + save.__name__)
        for key, value in several.items():
            same(found["arr_0" if key == "big" else key], value, save.__name__ + " " + key)
    for kind in (NPZ, NPZ_DEFLATED):
        loaded = np.load(io.BytesIO(write({key: value.astype(value.dtype.newbyteorder("<"))
                                           for key, value in several.items()}, kind)), allow_pickle=False)
        same(sorted(loaded.files), sorted(several), "names in NPZ")
        for key, value in several.items():
            same(loaded[key], value, "NPZ " + key)
        assert loaded.zip.testzip() is None
    for refused in (np.array([None, 1]), np.array(["a"]), np.array([b"a"]), np.zeros(2, "<c8"),
                    np.zeros(2, [("a", "<f4")]), np.zeros(1, "M8[s]"), np.zeros(1, "<f16")):
        file = io.BytesIO()
        np.save(file, refused)
        try:
            read(file.getvalue())
        except ValueError as error:
            same("not read" in str(error), True, str(error))
        else:
            raise AssertionError("%s was read" % refused.dtype)


def check_idx():
    for code, numpy_code in ((8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")):
        array = np.arange(24).reshape(2, 3, 4).astype(numpy_code)
        data = struct.pack(">BBBB3I", 0, 0, code, 3, 2, 3, 4) + array.tobytes()
        same(read(data)["arr_0"], array, "IDX %d" % code)
        same(read(gzip.compress(data))["arr_0"], array, "IDX.gz %d" % code)


def check_safetensors():
    """By the format's own words: header by json, bytes by NumPy; and by the reference where it is installed."""
    arrays = {"x%d" % i: array for i, array in enumerate(arrays_of_all_kinds())}
    texts = {"format": "pt", "quote\"\\\n\u00e9\U0001f600\x01": "\u2028"}
    data = write(arrays, SAFETENSORS, texts)
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    same(length % 8, 0, "padding")
    same(header.pop("__metadata__"), texts, "texts")
    same(sorted(header), sorted(arrays), "names")
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        dtype = {"BOOL": "?"}.get(entry["dtype"]) or entry["dtype"].lower()[0] + str(int(entry["dtype"][1:]) // 8)
        same(np.frombuffer(data[8 + length + begin:8 + length + end], dtype).reshape(entry["shape"]), arrays[name], name)
    found = read(data)
    for name, array in arrays.items():
        same(found[name], array, name)
    try:
        from safetensors.numpy import load, save
    except ImportError:
        print("without the safetensors package")
        return
    theirs = load(data)
    for name, array in arrays.items():
        same(theirs[name], array, "safetensors " + name)
    same(read(save(arrays))["x3"], arrays["x3"], "from safetensors")
    same(write(arrays, SAFETENSORS), save(arrays), "bytes of safetensors")


def check_torch():
    """A PyTorch module of the same layout: its state dict as a flow gives the same velocities, and the other way."""
    import torch
    dim, cond_dim, width, layers, features = 6, 3, 40, 3, 10
    torch.manual_seed(4)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            sizes = [dim + cond_dim + 1 + features] + [width] * layers + [dim]
            self.layers = torch.nn.ModuleList(torch.nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
            self.register_buffer("frequencies", torch.arange(1, features // 2 + 1, dtype=torch.float32) * (math.pi / 4))

        def forward(self, x, t, cond):
            angles = t[:, None] * self.frequencies
            y = torch.cat([x, cond, torch.ones_like(t[:, None]), torch.sin(angles), torch.cos(angles)], 1)
            for layer in self.layers[:-1]:
                y = torch.nn.functional.silu(layer(y))
            return self.layers[-1](y)

    net = Net()
    x, t, cond = torch.randn(50, dim), torch.rand(50), torch.randn(50, cond_dim)
    with torch.no_grad():
        expected = net(x, t, cond).numpy()

    def velocity(flow):
        v = np.empty((50, dim), np.float32)
        given = [np.ascontiguousarray(a.numpy()) for a in (x, t, cond)]
        ok(library.bzd_flow_velocity(flow, ctypes.c_int64(50), *[ctypes.c_void_p(a.ctypes.data) for a in given],
                                     ctypes.c_double(1.0), ctypes.c_void_p(v.ctypes.data)))
        return v

    state = {key: value.numpy() for key, value in net.state_dict().items()}
    config, flow = FlowConfig(), ctypes.c_void_p()
    ok(library.bzd_flow_config_init(ctypes.byref(config), ctypes.c_size_t(ctypes.sizeof(config))))
    config.dim, config.cond_dim = dim, cond_dim
    handle = open_bytes(write(state, SAFETENSORS))
    ok(library.bzd_tensors_get_flow(handle, ctypes.byref(config), ctypes.byref(flow)))
    error = np.abs(velocity(flow) - expected).max()
    print("largest difference to PyTorch's outputs: %.2g" % error)
    assert 0 <= error <= 1e-6 and np.abs(expected).max() > 0.1
    out = ctypes.c_void_p()
    ok(library.bzd_tensors_from_flow(flow, ctypes.byref(out)))
    back = read(written(out, SAFETENSORS))
    for key in state:
        same(back[key], state[key], key)
    net.load_state_dict({key: torch.from_numpy(back[key]) for key in state})
    library.bzd_tensors_destroy(out)
    library.bzd_tensors_destroy(handle)
    library.bzd_flow_destroy(flow)


if len(sys.argv) > 2:
    check_torch()
else:
    check_numpy()
    check_idx()
    check_safetensors()
print("%d checks" % checks)
