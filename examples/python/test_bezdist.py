# SPDX-License-Identifier: MIT
"""Tests of the Python module: python3 test_bezdist.py, with BEZDIST_LIBRARY naming the library. BEZDIST_TEST_NUMPY=0
makes `import numpy` fail."""
import ctypes
import gc
import glob
import io
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import traceback
import types
import unittest
import weakref
from array import array

if os.environ.get("BEZDIST_TEST_NUMPY") == "0":
    sys.modules["numpy"] = None
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import bezdist
from bezdist import _arrays, _library

np = _arrays.np
c = _library._c
INCLUDE = os.environ.get("BEZDIST_INCLUDE", os.path.join(HERE, "..", "..", "include"))
called, ran = set(), set()


class Counted:
    """A function of the library that notes that it was called."""

    def __init__(self, name, function):
        self.name, self.function, self.__name__ = name, function, function.__name__

    def __call__(self, *args):
        called.add(self.name)
        return self.function(*args)


for function_name, library_function in list(vars(c).items()):
    setattr(c, function_name, Counted(function_name, library_function))


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        ran.add(cls.__name__)

    def same(self, a, b):
        self.assertEqual(a.tolist(), b.tolist())

    def near(self, a, b, within=1e-5):
        a, b = _flat(a), _flat(b)
        self.assertEqual(len(a), len(b))
        self.assertLessEqual(max((abs(p - q) for p, q in zip(a, b)), default=0), within)


def _flat(a):
    a = a.tolist() if hasattr(a, "tolist") else a
    return [n for item in a for n in _flat(item)] if isinstance(a, (list, tuple)) else [a]


def data(n=200, dim=2, **options):
    return bezdist.Data(bezdist.noise(n, dim, seed=3), **options)


def small(dim=2, **options):
    return bezdist.Flow(dim, **{"width": 16, "layers": 1, "time_features": 4, **options})


def trainer(steps=60, **options):
    return bezdist.Trainer(small(), bezdist.Source.data(data()), **{"steps": steps, "batch": 16, **options})


def to_one(x, t, cond, out):
    """Velocities 1 - x, with NumPy and without."""
    if np is not None:
        return 1 - x
    return [[1 - x[i, j] for j in range(x.shape[1])] for i in range(x.shape[0])]


def teacher(function=to_one, **options):
    return bezdist.Flow.from_function(function, 2, **options)


def distilling(function=to_one, degree=2, **options):
    return bezdist.Source.ensemble(bezdist.Ensemble([teacher(function)]), bezdist.Fitter(degree, nodes=9), steps=8,
                                   **options)


class Mine(Exception):
    pass


def fails(*args):
    raise Mine("raised by a callback")


def read(path, mode="r"):
    with open(path, mode) as file:
        return file.read()


def headers():
    paths = sorted(glob.glob(os.path.join(INCLUDE, "bezdist", "*.h")))
    if not paths:
        raise unittest.SkipTest(f"no headers in {INCLUDE}")
    return re.sub(r"/\*.*?\*/", "", "\n".join(map(read, paths)), flags=re.S)


LETTERS = {"int32_t": "i", "uint32_t": "I", "int64_t": "q", "uint64_t": "Q", "size_t": "z", "double": "d", "void": "v",
           "bzd_status": "i"}


def letter(kind):
    kind = re.sub(r"\s+", " ", kind).strip()
    return "s" if kind == "const char *" else "p" if kind.endswith(("*", "_fn")) else LETTERS[kind]


def parameters(text):
    return "" if text.strip() == "void" else "".join(
        letter(re.match(r"(.*?[ *])\w+$", one.strip(), re.S)[1]) for one in text.split(","))


class TestHeaders(Case):
    """What is bound is what the headers declare: names, types, order, numbers."""

    def test_functions(self):
        declared = {}
        for result, name, arguments in re.findall(r"^BZD_API\s+([\w ]+?[ *]+)bzd_(\w+)\(([^;]*)\);", headers(), re.M):
            kind = "e" if result.strip() == "bzd_status" else letter(result)
            declared[name] = kind, parameters(arguments)
        bound = {name: (kind, arguments) for name, kind, arguments in
                 ((word + ":").split(":")[:3] for word in _library._FUNCTIONS.split())}
        self.assertGreater(len(declared), 100)
        self.assertEqual(declared, bound)
        self.assertEqual(set(declared), set(vars(c)))

    def test_callbacks(self):
        found = re.findall(r"typedef ([\w ]+\*?) ?\(\*bzd_(\w+)\)\((.*?)\);", headers(), re.S)
        declared = {name: (letter(result), parameters(arguments)) for result, name, arguments in found}
        bound = {name: (kind, arguments) for name, kind, arguments in
                 (word.split(":") for word in _library._CALLBACKS.split())}
        self.assertEqual(declared, bound)
        self.assertEqual(set(declared), set(bezdist.CALLBACKS))

    def test_structs(self):
        declared = {}
        for noun, body in re.findall(r"typedef struct bzd_(\w+) \{(.*?)\} bzd_\1;", headers(), re.S):
            fields = []
            for field in filter(None, (re.sub(r"\s+", " ", one).strip() for one in body.split(";"))):
                kind, name, count = re.match(r"(.*?[ *])(\w+)(?:\[(\d+)\])?$", field).groups()
                kind = _library._TYPES[letter(kind)]
                fields.append((name, kind * int(count) if count else kind))
            declared[noun] = fields
        self.assertGreater(len(declared), 20)
        self.assertEqual(declared, {noun: record._fields_ for noun, record in _library._RECORDS.items()})

    def test_constants(self):
        lines = re.findall(r"^#define BZD_(\w+) (\S+)", headers(), re.M)
        declared = {name: int(value.strip("()"), 0) for name, value in lines if name != "API"}
        self.assertGreater(len(declared), 80)
        self.assertEqual(declared, {name: getattr(bezdist, name, None) for name in declared})
        ours = {name for name in dir(bezdist) if name.isupper() and name != "CALLBACKS"}
        self.assertEqual(ours, set(declared))

    def test_layout_is_checked(self):
        """At import the sizes are compared: a struct that is shorter in the library, or longer in one no newer."""
        def library(version=c.version(), **sizes):
            functions = {noun + "_size": (lambda n: lambda: n)(sizes.get(noun, ctypes.sizeof(record)))
                         for noun, record in _library._RECORDS.items()}
            return types.SimpleNamespace(version=lambda: version, **functions)
        size = ctypes.sizeof(bezdist.FlowInfo)
        _library._check_layout(c)
        _library._check_layout(library())
        _library._check_layout(library(version=c.version() + 256, flow_info=size + 8))
        for other in (library(flow_info=size - 8), library(flow_info=size + 8)):
            with self.assertRaisesRegex(ImportError, f"bzd_flow_info has .* and {size} in this module"):
                _library._check_layout(other)
        with self.assertRaisesRegex(ImportError, "version 1.0"):
            _library._check_layout(library(version=1 << 16))

    def test_missing_library(self):
        environment = dict(os.environ, BEZDIST_LIBRARY=os.path.join(HERE, "none.so"), PYTHONPATH=HERE)
        done = subprocess.run([sys.executable, "-B", "-c", "import bezdist"], env=environment, capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "ImportError: libbezdist cannot be loaded.*none.so.*BEZDIST_LIBRARY")


class TestLibrary(Case):
    def test_version(self):
        self.assertEqual(bezdist.version_string(), ".".join(str(n) for n in bezdist.version()))
        self.assertIn("libbezdist", bezdist.build_info())

    def test_numbers(self):
        both = bezdist.noise(4, 3, seed=5, stream=bezdist.STREAM_NOISE, first=7)
        self.assertEqual(tuple(both.shape), (4, 3))
        self.assertEqual(both.tolist()[1:], bezdist.noise(3, 3, 5, bezdist.STREAM_NOISE, 8).tolist())
        self.assertTrue(all(0 < u < 1 for u in _flat(bezdist.uniform(50, 2))))
        self.assertEqual(len(bezdist.noise(0, 3).tolist()), 0)

    def test_range_of_whole_numbers(self):
        """ctypes would cut them off."""
        for options in ({"seed": -1}, {"seed": 1 << 64}, {"first": 1 << 63}, {"stream": 1 << 32}):
            with self.assertRaisesRegex(ValueError, "out of range"):
                bezdist.noise(1, 1, **options)
        for options in ({"seed": -1}, {"layers": 1 << 32}, {"width": 1 << 63}, {"item_shape": (1 << 64, 2)}):
            with self.assertRaisesRegex(ValueError, "out of range"):
                small(**options)
        with self.assertRaises(TypeError):
            bezdist.noise(1, 2.5)
        with self.assertRaises(TypeError):
            small(layers=1.5)

    def test_errors(self):
        with self.assertRaises(bezdist.BezdistError) as caught:
            small(layers=99)
        error = caught.exception
        self.assertEqual((error.status, error.name), (bezdist.E_ARGUMENT, "BZD_E_ARGUMENT"))
        self.assertIn("layers", error.text)
        self.assertEqual(str(error), f"{error.text} (BZD_E_ARGUMENT)")
        self.assertIsInstance(error, ValueError)
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((type(again), again.status, again.text), (type(error), error.status, error.text))

    def test_kinds_of_errors(self):
        with self.assertRaises(OSError) as caught:
            bezdist.Flow.load("no such file.bzd")
        self.assertEqual(caught.exception.name, "BZD_E_IO")
        with self.assertRaises(bezdist.BezdistError) as caught:
            bezdist.Checkpoint.open_buffer(b"something else" * 10)
        self.assertEqual(caught.exception.status, bezdist.E_FORMAT)
        rows = bezdist.noise(9, 2)
        rows[3, 1] = float("nan")
        with self.assertRaises(ArithmeticError) as caught:
            bezdist.Data(rows)
        self.assertRegex(caught.exception.text, "row 3")

    def test_unknown_options(self):
        with self.assertRaisesRegex(TypeError, "no option 'widht'; there are kind, .*width"):
            small(widht=3)
        for derived in ("struct_size", "item_ndim", "scale"):
            with self.assertRaises(TypeError):
                bezdist.Trainer(small(), bezdist.Source.data(data()), **{derived: 1})

    def test_text_with_nul(self):
        flow = small()
        for call in (lambda: flow.save("a\0b"), lambda: flow.metadata.update({"k": "a\0b"}),
                     lambda: flow.metadata["a\0b"]):
            with self.assertRaisesRegex(ValueError, "NUL"):
                call()


class TestArrays(Case):
    def test_in(self):
        flow = small()
        x, want = bezdist.noise(3, 2), None
        want = flow.velocity(x, 0.25)
        given = [x.tolist(), memoryview(array("f", _flat(x))).cast("B").cast("f", (3, 2)),
                 memoryview(array("d", _flat(x))).cast("B").cast("d", (3, 2)),
                 memoryview(bytes(array("f", _flat(x)))).cast("f", (3, 2)), tuple(map(tuple, x.tolist()))]
        if np is not None:
            self.same(flow.velocity(x, np.float32(0.25)), want)
            self.same(flow.velocity(x, np.array(0.25)), want)
            given += [x.astype(np.float64), np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2], x.astype(">f4")]
        for other in given:
            self.same(flow.velocity(other, [0.25] * 3), want)

    def test_shape(self):
        flow = small()
        for x, t in (([[1, 2, 3]], 0.5), ([1, 2], 0.5), ([[1, 2]], [0.5, 0.5]), ([[[1, 2]]], 0.5)):
            with self.assertRaisesRegex(ValueError, r"^[xt]: shape \(.*expected \("):
                flow.velocity(x, t)
        with self.assertRaises(ValueError):
            flow.velocity([[1, 2], [3]], 0.5)
        with self.assertRaisesRegex(ValueError, "scale"):
            small(scale=[1, 2, 3], offset=[0, 0, 0])

    def test_kind(self):
        flow = small()
        for x in ([["a", "b"]], [[1j, 2]], [[None, 1]], "ab", [[b"a", b"b"]]):
            with self.assertRaises((TypeError, ValueError)):
                flow.velocity(x, 0.5)
        for labels in ([0.5, 1], [1 << 40, 1]):
            with self.assertRaises((TypeError, ValueError)):
                bezdist.Data([[1, 2], [3, 4]], labels=labels, classes=3)

    def test_no_rows(self):
        self.assertEqual(len(small().velocity([], []).tolist()), 0)
        self.assertEqual(len(small().sample(0).tolist()), 0)

    def test_out(self):
        flow = small()
        want = flow.sample(4, seed=2)
        out = np.zeros((4, 2), "f") if np is not None else memoryview(bytearray(32)).cast("f", (4, 2))
        self.assertIs(flow.sample(4, seed=2, out=out), out)
        self.same(out, want)
        wrong = [memoryview(bytes(32)).cast("f", (4, 2)), memoryview(bytearray(64)).cast("d", (4, 2))]
        if np is not None:
            wrong += [np.zeros((4, 4), "f")[:, ::2], np.zeros((4, 2))]
        for other in wrong:
            with self.assertRaises(TypeError):
                flow.sample(4, out=other)
        for other in (memoryview(bytearray(24)).cast("f", (3, 2)), memoryview(bytearray(32)).cast("f")):
            with self.assertRaises(ValueError):
                flow.sample(4, out=other)

    def test_in_place(self):
        """x0 and out may be one array."""
        x = bezdist.noise(4, 2)
        want = small().sample(x0=x)
        small().sample(x0=x, out=x)
        self.same(x, want)

    def test_no_copy(self):
        own = bezdist.noise(4, 2)
        self.assertIs(_arrays._input("x", own, "f", (None, 2)), own)
        buffer = array("f", range(8))
        taken = _arrays._input("x", memoryview(buffer).cast("B").cast("f", (4, 2)), "f", (None, 2))
        self.assertEqual(_arrays._address(taken), buffer.buffer_info()[0])


class TestData(Case):
    def test_rows(self):
        rows = bezdist.noise(5, 3)
        with bezdist.Data(rows) as d:
            self.assertEqual((d.info.n, d.dim, d.info.item), (5, 3, (3,)))
            self.same(d.rows()[0], rows)
            self.same(d.rows(3, 2)[0], _arrays._input("x", rows.tolist()[3:], "f"))
        with self.assertRaises(ValueError):
            bezdist.Data([1, 2, 3])

    def test_bytes_labels_items(self):
        pixels = memoryview(bytearray(range(24))).cast("B", (4, 1, 2, 3))
        d = bezdist.Data(pixels, labels=[0, 1, 2, 1], classes=3)
        self.assertEqual((d.dim, d.info.dtype, d.info.item, d.info.cond_dim), (6, bezdist.DTYPE_U8, (1, 2, 3), 3))
        x, cond = d.rows(1, 1)
        self.near(x, [n / 127.5 - 1 for n in range(6, 12)], 1e-6)
        self.assertEqual(_flat(cond), [0, 1, 0])
        scale, offset = d.affine
        self.near(scale, [127.5] * 6)
        self.near(offset, [127.5] * 6)

    def test_cond_and_scaling(self):
        d = bezdist.Data([[2, 4], [6, 8]], cond=[[1, 2, 3], [4, 5, 6]], normalise=bezdist.NORMALISE_GIVEN, scale=[2, 4],
                         offset=[2, 0])
        self.assertEqual(d.rows()[0].tolist(), [[0, 1], [2, 2]])
        self.assertEqual(d.rows()[1].tolist(), [[1, 2, 3], [4, 5, 6]])

    def test_borrowed(self):
        rows = memoryview(array("f", [float(i) for i in range(8)])).cast("B").cast("f", (4, 2))
        d = bezdist.Data(rows, copy=False)
        rows[0, 0] = 5  # (not allowed; shows whose memory it is)
        self.assertEqual(d.rows(0, 1)[0].tolist(), [[5, 1]])
        for other in ([[1.0, 2.0]], memoryview(array("d", [1, 2])).cast("B").cast("d", (1, 2))):
            with self.assertRaisesRegex(ValueError, "borrowed"):
                bezdist.Data(other, copy=False)

    def test_borrowed_memory_lives(self):
        """As long as a trainer needs it, though nothing else in Python holds it."""
        class Rows(ctypes.Array):
            _type_, _length_ = ctypes.c_float * 2, 64
        rows = Rows()
        rows[7][0] = 1
        alive = weakref.ref(rows)
        source = bezdist.Source.data(bezdist.Data(rows, copy=False))
        t = bezdist.Trainer(small(), source, steps=5, batch=8)
        del rows, source
        gc.collect()
        self.assertIsNotNone(alive())
        t.run()
        flow = t.flow()
        del t
        gc.collect()
        self.assertIsNone(alive(), "a snapshot does not need it")
        flow.sample(1)

    @unittest.skipIf(np is None, "NumPy")
    def test_strided_rows(self):
        wide = np.arange(40, dtype="f").reshape(5, 8)
        for view in (wide[:, 2:5], wide[::2], wide[:, ::2], wide[::-1], wide.T):
            np.testing.assert_array_equal(bezdist.Data(view).rows()[0], view)
        borrowed = bezdist.Data(wide[:, 2:5], copy=False)
        wide[1, 2] = 100
        self.assertEqual(borrowed.rows(1, 1)[0][0, 0], 100)
        with self.assertRaisesRegex(ValueError, "borrowed"):
            bezdist.Data(wide[:, ::2], copy=False)
        np.testing.assert_array_equal(bezdist.Data(wide.astype(int)).rows()[0], wide)


class TestFlow(Case):
    def test_sample(self):
        flow, result = small(), bezdist.SampleResult()
        x = flow.sample(6, seed=4, solver=bezdist.SOLVER_HEUN, steps=3, result=result)
        self.assertEqual((tuple(x.shape), result.solver, result.nfe_max), ((6, 2), bezdist.SOLVER_HEUN, 6))
        noise = bezdist.noise(6, 2, seed=4, stream=bezdist.STREAM_NOISE)
        self.same(flow.sample(x0=noise, solver=bezdist.SOLVER_HEUN, steps=3), x)
        self.same(flow.sample(x0=noise, solver=bezdist.SOLVER_HEUN, grid=[0, 1 / 3, 2 / 3, 1]), flow.sample(
            x0=noise, solver=bezdist.SOLVER_HEUN, grid=[0, 1 / 3, 2 / 3, 1]))
        with self.assertRaisesRegex(TypeError, "how many"):
            flow.sample()

    def test_trajectory(self):
        x0 = bezdist.noise(3, 2)
        states = teacher().trajectory([0, 0.5, 1], x0=x0, rtol=1e-6, atol=1e-6)
        self.assertEqual(tuple(states.shape), (3, 3, 2))
        for x, row in zip(x0.tolist(), states.tolist()):
            for time_, state in zip((0, 0.5, 1), row):
                self.near(state, [1 + (v - 1) * 2.718281828 ** -time_ for v in x], 1e-4)

    def test_conditions(self):
        flow = small(cond_dim=3)
        cond = [[1, 0, 0], [0, 1, 0]]
        x = flow.sample(cond=cond, guidance=2, solver=bezdist.SOLVER_EULER, steps=2)
        self.assertEqual(tuple(x.shape), (2, 2))
        seen = []

        def function(x, t, cond, out):
            seen.append(cond.tolist())
            return to_one(x, t, cond, out)
        teacher(function, cond_dim=3).velocity([[1, 2], [3, 4]], 0.5, cond)
        self.assertEqual(seen, [[[1, 0, 0], [0, 1, 0]]])

    def test_curve_and_students(self):
        student = small().student(bezdist.FLOW_CONTROL, 3)
        self.assertEqual((student.info.kind, student.info.degree), (bezdist.FLOW_CONTROL, 3))
        curve = student.curve([[1, 2]], 0)
        self.assertEqual(tuple(curve.shape), (1, 4, 2))
        self.assertEqual(curve.tolist()[0][0], [1, 2])
        grid, error = student.choose_grid(steps=2, candidates=4, rows=16)
        self.assertEqual((len(grid), grid[0], grid[2]), (3, 0, 1))
        self.assertGreaterEqual(error, 0)
        with self.assertRaises(ValueError):
            student.choose_grid(steps=1 << 20)

    def test_metadata(self):
        meta = small().metadata
        self.assertEqual(dict(meta), {})
        meta["b"], meta["a"] = "zwei \N{SNOWMAN}", ""
        self.assertEqual(list(meta.items()), [("a", ""), ("b", "zwei \N{SNOWMAN}")])
        self.assertEqual((len(meta), "b" in meta, "c" in meta, meta.get("c")), (2, True, False, None))
        del meta["a"]
        self.assertEqual(list(meta), ["b"])
        with self.assertRaises(KeyError):
            del meta["a"]
        with self.assertRaises(TypeError):
            meta["x"] = None

    def test_parameters(self):
        a, b = small(seed=1), small(seed=2)
        self.assertNotEqual(a.sample(2).tolist(), b.sample(2).tolist())
        b.parameters = a.parameters
        self.same(a.sample(2), b.sample(2))
        self.assertGreater(b.set_precision(bezdist.PRECISION_BFLOAT16), 0)
        self.assertEqual(b.set_precision(bezdist.PRECISION_FLOAT32), 0)
        with self.assertRaises(ValueError):
            b.parameters = [1, 2]

    def test_affine_and_item(self):
        flow = small(6, scale=[2] * 6, offset=[1] * 6, item_shape=(1, 2, 3))
        self.assertEqual([_flat(part) for part in flow.affine], [[2] * 6, [1] * 6])
        self.assertEqual(flow.info.item, (1, 2, 3))
        self.assertEqual([flow.info.skip, small(6, skip=1).info.skip], [0, 1])
        model = flow.sample(1)
        self.near(flow.sample(1, units=bezdist.UNITS_DATA), [2 * v + 1 for v in _flat(model)])

    def test_metrics(self):
        found = teacher().metrics(rows=16, steps=4, paths=distilling(), real=data(8))
        self.assertGreater(found.chord2, 0)
        self.assertLess(found.drift, 0.1)
        self.assertIn("straightness=", repr(found))


class TestEnsemble(Case):
    def test_fixed(self):
        def zero(x, t, cond, out):
            return [[0, 0]] * x.shape[0]
        ensemble = bezdist.Ensemble([teacher(), teacher(zero)], rule=bezdist.RULE_FIXED, fixed=[3, 1], guidance=[1, 1])
        self.near(ensemble.weights(0.5), [0.75, 0.25])
        v, w = ensemble.velocity_and_weights([[1, 2], [3, 5]], 0.5)
        self.same(ensemble.velocity([[1, 2], [3, 5]], 0.5), v)
        self.near(v, [0, -0.75, -1.5, -3])
        self.near(w, [0.75, 0.25] * 2)
        self.near([ensemble.effective([[1, 2]], [0.1])], [1.6])
        self.assertEqual((ensemble.info.count, ensemble.dim, ensemble.cond_dim), (2, 2, 0))
        self.near(ensemble.member(1).velocity([[4, 4]], 0), [0, 0])
        self.same(ensemble.sample(3), ensemble.trajectory([0, 1], 3)[:, 1] if np is not None else ensemble.sample(3))
        self.assertEqual(tuple(ensemble.trajectory([0, 1], 3).shape), (3, 2, 2))

    def test_own_weights(self):
        shapes = []

        def first(x, t, v, out):
            shapes.append((tuple(x.shape), tuple(t.shape), tuple(v.shape), tuple(out.shape)))
            for i in range(out.shape[0]):
                out[i, 0], out[i, 1] = 1, 0
        ensemble = bezdist.Ensemble([teacher(), small()], weights=first)
        self.near(ensemble.velocity([[3, 0]], 0), [-2, 1])
        self.assertEqual(shapes, [((1, 2), (1,), (2, 1, 2), (1, 2))])
        with self.assertRaises(Mine):
            bezdist.Ensemble([teacher(), small()], weights=fails).velocity([[3, 0]], 0)

    def test_validation(self):
        source = bezdist.Source.data(data())
        ensemble = bezdist.Ensemble([small(seed=1), small(seed=2)], rule=bezdist.RULE_ERROR, validation=source,
                                    validation_count=16)
        self.near([sum(_flat(ensemble.weights(0)))], [1])


class TestSources(Case):
    def test_fitter(self):
        fitter = bezdist.Fitter(2, times=[0, 0.25, 0.5, 1], weights=[1, 1, 2, 1], ridge=0)
        self.assertEqual((fitter.info.nodes, fitter.times.tolist()), (4, [0, 0.25, 0.5, 1]))
        paths, residual = fitter.fit([[[t * t] for t in (0, 0.25, 0.5, 1)]])
        self.near(paths, [0, 0, 1])
        self.near(residual, [0])
        with self.assertRaises(ValueError):
            fitter.fit([[[1], [2]]])

    def test_data_and_transport(self):
        for source in (bezdist.Source.data(data(), data(50), seed=1), bezdist.Source.transport(data(), 8)):
            paths, cond, span = source.paths(5, 3)
            self.assertEqual((tuple(paths.shape), tuple(span.shape)), ((3, 2, 2), (3, 2)))
            self.assertEqual(span.tolist(), [[0, 1]] * 3)
            self.assertEqual(source.info.degree, 1)

    def test_ensemble(self):
        source = distilling(bend=1)
        paths = source.paths(0, 4)[0]
        for path in paths.tolist():  # x' = 1 - x
            self.near(path[2], [1 + (v - 1) * 0.36788 for v in path[0]], 1e-3)
        guided = bezdist.Source.ensemble(bezdist.Ensemble([teacher()]), bezdist.Fitter(2), guides=[teacher()],
                                         guide=bezdist.GUIDE_CONTROL, guide_times=[0.5], start=data(), real=data(),
                                         visitor=None, rho=0)
        self.assertEqual(tuple(guided.paths(0, 2)[0].shape), (2, 3, 2))
        with self.assertRaisesRegex(ValueError, "guides: 2 flows, expected 1"):
            bezdist.Source.ensemble(bezdist.Ensemble([teacher()]), bezdist.Fitter(2), guides=[teacher(), teacher()])

    def test_drawn_conditions(self):
        ensemble = bezdist.Ensemble([teacher(cond_dim=1)])
        source = bezdist.Source.ensemble(ensemble, bezdist.Fitter(1), cond=[[5]])
        self.assertEqual(source.paths(0, 2)[1].tolist(), [[5], [5]])

    def test_own_paths(self):
        def line(index, paths, cond, span):
            for row in range(index.shape[0]):
                for j in range(2):
                    paths[row, 0, j], paths[row, 1, j] = index[row], -index[row]
                cond[row, 0] = 7
                span[row, 0], span[row, 1] = 0.25, 0.75
        source = bezdist.Source.function(line, 1, 2, cond_dim=1)
        paths, cond, span = source.paths(3, 2)
        self.assertEqual(paths.tolist(), [[[3, 3], [-3, -3]], [[4, 4], [-4, -4]]])
        self.assertEqual((_flat(cond), span.tolist()), ([7, 7], [[0.25, 0.75]] * 2))
        returned = bezdist.Source.function(lambda index, paths, cond, span: [[[1], [2]]] * index.shape[0], 1, 1)
        self.assertEqual(returned.paths(0, 2)[0].tolist(), [[[1], [2]]] * 2)
        with self.assertRaises(Mine):
            bezdist.Source.function(fails, 1, 2).paths(0, 1)
        with self.assertRaises(ValueError):
            bezdist.Source.function(lambda *args: [[1]], 1, 2).paths(0, 1)

    def test_pool(self):
        steps = []
        pool = distilling().pool(64, progress=lambda p: steps.append((p.phase, p.step)))
        self.assertEqual((pool.info.count, pool.info.kind), (64, bezdist.SOURCE_POOL))
        self.assertEqual(steps[-1], (bezdist.PHASE_GENERATE, 64))
        with self.assertRaises(bezdist.Cancelled):
            distilling().pool(64, progress=lambda p: True)


class TestTrainer(Case):
    def ids(self, t):
        return bezdist.Checkpoint.of(t).content_id()

    def test_progress(self):
        t = trainer(45)
        seen = list(t.progress(every=20))
        self.assertEqual([(p.step, p.of, p.phase) for p in seen], [(20, 45, 1), (40, 45, 1), (45, 45, 1)])
        self.assertGreater(seen[0].smooth_loss, 0)
        self.assertEqual(list(t.progress()), [])
        whole = trainer(45)
        whole.run()
        self.assertEqual(self.ids(whole), self.ids(t))

    def test_leaving_the_loop(self):
        t, whole = trainer(), trainer()
        for p in t.progress(every=7):
            if p.step >= 20:
                break
        self.assertEqual(t.info.step, 21)
        self.assertEqual([p.step for p in t.progress(every=10, count=15)], [31, 36])
        for p in t.progress():
            pass
        whole.run()
        self.assertEqual(self.ids(whole), self.ids(t))
        with self.assertRaises(ValueError):
            next(t.progress(every=0))

    def test_stops(self):
        t, whole = trainer(), trainer()
        with self.assertRaises(bezdist.Cancelled):
            t.run(progress=lambda p: p.step == 10)
        self.assertEqual(t.info.step, 10)

        def fail(p):
            if p.step == 20:
                fails()
        with self.assertRaises(Mine):
            t.run(progress=fail)
        self.assertEqual(t.info.step, 20)
        t.cancel()
        with self.assertRaises(bezdist.Cancelled):
            t.run()
        t.run()
        whole.run()
        self.assertEqual(self.ids(whole), self.ids(t))

    def test_kept_progress(self):
        """A Progress is the caller's own."""
        seen = []
        trainer(5).run(progress=seen.append)
        self.assertEqual([p.step for p in seen], [1, 2, 3, 4, 5])

    def test_aim_and_options(self):
        student = small(kind=bezdist.FLOW_CONTROL)
        t = bezdist.Trainer(student, distilling(), aim=4, steps=10, batch=8, grid_steps=2)
        entries = bezdist.Checkpoint.of(t).entries()
        self.assertEqual((entries["trainer.at_grid"], entries["trainer.grid_steps"]), ("0.5", "2"))

    def test_evaluate_and_set_source(self):
        t = trainer()
        t.run(10)
        self.assertEqual(t.evaluate(32), t.evaluate(32, first=0, source=None, which=bezdist.WEIGHTS_AUTO))
        self.assertNotEqual(t.evaluate(32), t.evaluate(32, which=bezdist.WEIGHTS_RAW))
        t.set_source(distilling())
        t.run(2)
        self.assertEqual(t.info.step, 12)

    def test_one_call_at_a_time(self):
        t = trainer()
        with self.assertRaisesRegex(RuntimeError, "in a call already"):
            t.run(progress=lambda p: t.info)
        t.run(1)

    def test_looking_by_many(self):
        """Not beside a run, but beside each other (shared-read)."""
        t, errors = trainer(), []

        def look():
            try:
                for _ in range(200):
                    t.flow(), t.info, bezdist.Checkpoint.of(t)
            except RuntimeError as error:
                errors.append(error)
        threads = [threading.Thread(target=look) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        t.run(1)

    def test_cancel_from_a_thread(self):
        t = trainer(1 << 30)
        timer = threading.Timer(0.05, t.cancel)
        timer.start()
        with self.assertRaises(bezdist.Cancelled):
            t.run()
        timer.join()

    def test_close_during_a_run(self):
        """The call that runs keeps the trainer."""
        t = trainer(1 << 30)
        errors = []

        def run():
            try:
                t.run()
            except bezdist.Cancelled as error:
                errors.append(error)
        thread = threading.Thread(target=run)
        thread.start()
        time.sleep(0.05)
        handle = t.handle
        t.close()
        c.trainer_cancel(handle)
        thread.join()
        self.assertEqual(len(errors), 1)
        with self.assertRaisesRegex(ValueError, "closed"):
            t.run()


def interrupt(after=0.1):
    """A thread that, once started, sends Ctrl-C: to be started within the block that expects it."""
    return threading.Timer(after, os.kill, (os.getpid(), signal.SIGINT))


class TestCtrlC(Case):
    def test_training(self):
        """Stopped twice, a trainer is where an undisturbed one is after as many steps."""
        t, whole = trainer(1 << 30), trainer(1 << 30)
        timer = interrupt()
        with self.assertRaises(KeyboardInterrupt):
            timer.start()
            t.run()
        timer.join()
        step = t.info.step
        timer = interrupt(0.05)
        with self.assertRaises(KeyboardInterrupt):
            timer.start()
            for p in t.progress(every=1 << 20):
                pass
        timer.join()
        self.assertTrue(0 < step < t.info.step)
        whole.run(t.info.step + 10)
        t.run(10)
        self.assertEqual(bezdist.Checkpoint.of(whole).content_id(), bezdist.Checkpoint.of(t).content_id())
        self.assertIs(signal.getsignal(signal.SIGINT), signal.default_int_handler)

    def test_python_teacher(self):
        """Python would raise on entry of the callback, where it is lost; ten times, to meet any moment."""
        source = distilling()
        for after in range(1, 11):
            timer = interrupt(after / 200)
            with self.assertRaises(KeyboardInterrupt):
                timer.start()
                source.pool(1 << 20)
            timer.join()

    def test_inside_the_callers_code(self):
        def forever(x, t, cond, out):
            while True:
                pass
        timer = interrupt()
        with self.assertRaises(KeyboardInterrupt):
            timer.start()
            teacher(forever).sample(1)
        timer.join()

    def test_inside_a_call_of_a_callback(self):
        def nested(x, t, cond, out):
            distilling().pool(1 << 20)
        timer = interrupt()
        with self.assertRaises(KeyboardInterrupt):
            timer.start()
            teacher(nested).sample(1)
        timer.join()

    def test_own_handler(self):
        """A handler that does not raise runs after the call, which has stopped."""
        seen = []
        before = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
        try:
            timer = interrupt()
            with self.assertRaises(bezdist.Cancelled):
                timer.start()
                trainer(1 << 30).run()
            timer.join()
        finally:
            signal.signal(signal.SIGINT, before)
        self.assertEqual(seen, [signal.SIGINT])


class TestCallbacks(Case):
    def test_exception_is_the_same_object(self):
        mine = Mine("it")

        def function(x, t, cond, out):
            raise mine
        for call in (lambda f: f.sample(2), lambda f: f.velocity([[1, 2]], 0), lambda f: f.trajectory([0, 1], 2),
                     lambda f: f.metrics(rows=4, steps=2)):
            with self.assertRaises(Mine) as caught:
                call(teacher(function))
            self.assertIs(caught.exception, mine)
        try:
            teacher(function).sample(1)
        except Mine as error:
            self.assertEqual(traceback.extract_tb(error.__traceback__)[-1].name, "function")

    def test_through_layers(self):
        """A teacher's exception comes out of the trainer; the trainer goes on."""
        broken = []

        def function(x, t, cond, out):
            if broken:
                raise broken[0]
            return to_one(x, t, cond, out)
        t = bezdist.Trainer(small(), distilling(function), steps=20, batch=8)
        t.run(5)
        for error in (Mine(), SystemExit(3), GeneratorExit()):
            broken[:] = [error]
            with self.assertRaises(type(error)):
                t.run()
            self.assertEqual(t.info.step, 5)
        broken.clear()
        t.run()

    def test_forgotten_result(self):
        with self.assertRaises(bezdist.NotFinite):
            teacher(lambda *args: None).sample(1)

    def test_wrong_result(self):
        for wrong in ([[1, 2, 3]], [[1j, 2]], "no"):
            with self.assertRaises((ValueError, TypeError)):
                teacher(lambda *args: wrong).velocity([[1, 2]], 0)
        with self.assertRaises(TypeError):
            bezdist.Flow.from_function(5, 2)

    def test_out(self):
        def fill(x, t, cond, out):
            for i in range(out.shape[0]):
                out[i, 0], out[i, 1] = 3, t[i]
        self.assertEqual(teacher(fill).velocity([[1, 2]], 0.5).tolist(), [[3, 0.5]])

    def test_inputs_are_read_only(self):
        def write(x, t, cond, out):
            x[0, 0] = 1
        with self.assertRaises((TypeError, ValueError)):
            teacher(write).velocity([[1, 2]], 0.5)

    @unittest.skipIf(np is None, "NumPy")
    def test_views(self):
        """Arrays of a callback are the library's memory, not copies."""
        at = []

        @bezdist.CALLBACKS["velocity_fn"]
        def plain(user, n, dim, x, t, cond_dim, cond, v):
            at.append(x)
            ctypes.memset(v, 0, n * dim * 4)
            return 0

        def view(x, t, cond, out):
            at.append(x.__array_interface__["data"][0])
            self.assertFalse(x.flags.owndata or x.flags.writeable)
            self.assertEqual((x.dtype, out.dtype, out.flags.writeable), (np.float32, np.float32, True))
            out[:] = 0
        x = bezdist.noise(4, 2)
        teacher(plain).velocity(x, 0)
        teacher(view).velocity(x, 0)
        self.assertEqual(at, [x.__array_interface__["data"][0]] * 2)

    def test_nested_call(self):
        """A failure inside a callback that handles it does not leave it."""
        def function(x, t, cond, out):
            with self.assertRaises(Mine):
                teacher(fails).sample(1)
            return to_one(x, t, cond, out)
        teacher(function).sample(1)

    def test_progress_of_sampling(self):
        seen = []
        small().sample(3, progress=lambda p: seen.append((p.phase, p.step)))
        self.assertEqual(seen[-1], (bezdist.PHASE_SAMPLE, 3))
        with self.assertRaises(Mine):
            small().sample(3, progress=fails)

    def test_log(self):
        lines = []
        with bezdist.Context(log=lambda level, text: lines.append((level, text))) as context:
            rows = bezdist.Data([[1.0, 2.0]] * 20, context=context)
            rate = bezdist.Trainer(small(context=context), bezdist.Source.data(rows), steps=40, batch=4, rate=1, clip=0,
                                   divergence=bezdist.DIVERGENCE_SKIP, divergence_limit=2)
            rate.set_source(bezdist.Source.function(lambda index, paths, cond, span: paths, 1, 2))  # NaN
            with self.assertRaises(bezdist.BezdistError):
                rate.run()
        self.assertTrue(lines and lines[0][0] == bezdist.LOG_WARNING and isinstance(lines[0][1], str), lines)
        with bezdist.Context(log=fails) as context:
            nothing = bezdist.Source.function(lambda index, paths, cond, span: paths, 1, 2)
            t = bezdist.Trainer(small(context=context), nothing, steps=4, batch=4, divergence=bezdist.DIVERGENCE_SKIP)
            with self.assertRaises(Mine):
                t.run(1)

    def test_parallel_for(self):
        want = small(32, width=64).sample(300, steps=2, solver=bezdist.SOLVER_EULER)
        loops = []

        def threads(n, task):
            loops.append(n)
            workers = [threading.Thread(target=lambda k=k: [task(i) for i in range(k, n, 4)]) for k in range(4)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()

        def half(n, task):
            for i in reversed(range(n // 2)):
                task(i)
                task(i)
            loops.append(n)

        def broken(n, task):
            task(0)
            fails()
        for function in (threads, half):
            with bezdist.Context(4, parallel_for=function) as context:
                self.same(small(32, width=64, context=context).sample(300, steps=2, solver=bezdist.SOLVER_EULER), want)
        self.assertTrue(loops and max(loops) > 1)
        with bezdist.Context(4, parallel_for=broken) as context:
            flow = small(32, width=64, context=context)
            with self.assertRaises(Mine):
                flow.sample(300, steps=2, solver=bezdist.SOLVER_EULER)

    def test_allocator(self):
        libc = ctypes.CDLL(None)
        libc.aligned_alloc.restype, libc.aligned_alloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t] * 2
        libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
        live = {}

        def alloc(size, align):
            address = libc.aligned_alloc(align, -(-size // align) * align)
            live[address] = size
            return address

        def free(address, size, align):
            self.assertEqual(live.pop(address), size)
            libc.free(address)
        context = bezdist.Context(alloc=alloc, free=free)
        flow = small(context=context)
        context.close()
        del context
        gc.collect()
        self.assertGreater(len(live), 1)
        self.same(flow.sample(3), small().sample(3))
        flow.close()
        self.assertEqual(live, {})
        for refuse, error in ((lambda size, align: None, MemoryError), (fails, Mine)):
            with self.assertRaises(error):
                bezdist.Context(alloc=refuse, free=free)

    def test_c_function(self):
        """A ctypes function of the right type is called without Python between."""
        prototype = bezdist.CALLBACKS["velocity_fn"]
        function = prototype(lambda user, n, dim, x, t, cond_dim, cond, v: 77)
        with self.assertRaisesRegex(bezdist.Cancelled, "77"):
            teacher(function).sample(1)

    def test_serialised(self):
        inside, most = [], []

        def slow(x, t, cond, out):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.001)
            inside.pop()
            return to_one(x, t, cond, out)
        flow = teacher(slow, serialise=True)
        threads = [threading.Thread(target=flow.sample, args=(2,), kwargs={"solver": bezdist.SOLVER_EULER, "steps": 5})
                   for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(max(most), 1)


class TestFiles(Case):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = os.path.join(folder.name, "m\N{LATIN SMALL LETTER O WITH DIAERESIS}del.bzd")

    def test_flow(self):
        flow = small()
        flow.metadata["made"] = "here"
        flow.save(self.path)
        for loaded in (bezdist.Flow.load(self.path), bezdist.Checkpoint.open(os.fsencode(self.path)).flow()):
            self.same(loaded.sample(3), flow.sample(3))
            self.assertEqual(dict(loaded.metadata), {"made": "here"})

    def test_ways(self):
        checkpoint = bezdist.Checkpoint.of(small())
        checkpoint.write(self.path)
        whole = read(self.path, "rb")
        taken, pieces = io.BytesIO(), []
        checkpoint.write_to(taken.write)
        checkpoint.write_to(lambda piece: pieces.append(bytes(piece)))
        self.assertEqual({taken.getvalue(), b"".join(pieces), bytes(checkpoint.to_buffer())}, {whole})
        kept = []
        checkpoint.write_to(lambda piece: kept.append(piece))
        with self.assertRaises(ValueError):  # released, not dangling
            bytes(kept[0])
        opened = [bezdist.Checkpoint.open(self.path, max_raw=1 << 20), bezdist.Checkpoint.open_buffer(whole),
                  bezdist.Checkpoint.open_buffer(bytearray(whole)), bezdist.Checkpoint.open_buffer(memoryview(whole)),
                  bezdist.Checkpoint.open_reader(lambda offset, size: whole[offset:offset + size], len(whole))]
        for other in opened:
            other.verify()
            self.assertEqual(other.content_id(), checkpoint.content_id())
        with self.assertRaises(bezdist.BezdistError) as caught:
            bezdist.Checkpoint.open_buffer(whole, max_raw=16)
        self.assertEqual(caught.exception.status, bezdist.E_LIMIT)

    def test_callbacks_that_fail(self):
        checkpoint = bezdist.Checkpoint.of(small())
        with self.assertRaises(Mine):
            checkpoint.write_to(fails)
        with self.assertRaisesRegex(OSError, "wrote 1 of"):
            checkpoint.write_to(lambda piece: 1)
        whole = bytes(checkpoint.to_buffer())
        with self.assertRaises(Mine):
            bezdist.Checkpoint.open_reader(fails, len(whole))
        with self.assertRaises(EOFError):
            bezdist.Checkpoint.open_reader(lambda offset, size: b"", len(whole))
        with self.assertRaises(TypeError):  # a count is not bytes
            bezdist.Checkpoint.open_reader(lambda offset, size: size, len(whole))
        with self.assertRaises(Mine):
            bezdist.Tensors.open_reader(fails, 1000)

    def test_borrowed_bytes_live(self):
        class Bytes(ctypes.Array):
            _type_, _length_ = ctypes.c_char, len(bezdist.Checkpoint.of(small()).to_buffer())
        whole = Bytes.from_buffer_copy(bezdist.Checkpoint.of(small()).to_buffer())
        alive = weakref.ref(whole)
        checkpoint = bezdist.Checkpoint.open_buffer(whole)
        del whole
        gc.collect()
        self.assertIsNotNone(alive())
        flow = checkpoint.flow()
        del checkpoint
        gc.collect()
        self.assertIsNone(alive())
        self.same(flow.sample(2), small().sample(2))
        resizable = bezdist.Checkpoint.of(small()).to_buffer()
        with bezdist.Checkpoint.open_buffer(resizable), self.assertRaises(BufferError):
            resizable.clear()

    def test_tensors_of_a_checkpoint(self):
        flow = small()
        checkpoint = bezdist.Checkpoint.of(flow)
        names = [checkpoint.tensor(i).name for i in range(len(checkpoint))]
        at = names.index(next(name for name in names if checkpoint.tensor(names.index(name)).shape == (16, 6)))
        info = checkpoint.tensor(at)
        self.assertEqual((info.dtype, info.role, info.raw_bytes), ("f32", bezdist.ROLE_PARAMETER, 384))
        weight = checkpoint.read(at)
        self.assertEqual(tuple(weight.shape), (16, 6))
        self.assertEqual(checkpoint.read_rows(at, 3, 2).tolist(), weight.tolist()[3:5])
        self.assertTrue(set(_flat(weight)) <= set(_flat(flow.parameters)))

    def test_changing(self):
        checkpoint = bezdist.Checkpoint.of(small())
        checkpoint.metadata["k"] = "v"
        checkpoint.sections["teSt"] = bytearray(b"mine")
        checkpoint.sections["tfSt"] = b""
        self.assertEqual(checkpoint.info.sections, 2)
        opened = bezdist.Checkpoint.open_buffer(checkpoint.to_buffer())
        self.assertEqual(dict(opened.metadata), {"k": "v"})
        self.assertEqual(dict(opened.sections), {"teSt": b"mine", "tfSt": b""})
        self.assertEqual(opened.entries()["user.k"], "v")
        del opened.sections["teSt"], opened.metadata["k"]
        self.assertEqual((list(opened.sections), list(opened.metadata)), (["tfSt"], []))
        before = opened.content_id()
        opened.set_storage(bezdist.STORAGE_BF16)
        self.assertNotEqual(opened.content_id(), before)
        self.assertIn("bf16", [opened.tensor(i).stored_dtype for i in range(len(opened))])

    def test_trainer(self):
        source = bezdist.Source.data(data())
        t = bezdist.Trainer(small(), source, steps=40, batch=16)
        t.run(20)
        bezdist.Checkpoint.of(t).write(self.path)
        t.run()
        resumed = bezdist.Checkpoint.open(self.path).trainer(source)
        self.assertEqual(resumed.info.step, 20)
        resumed.run()
        self.same(resumed.flow().sample(3), t.flow().sample(3))
        with self.assertRaises(TypeError):
            bezdist.Checkpoint.of(data())

    def test_ensemble_and_paths(self):
        ensemble = bezdist.Ensemble([small(seed=1), small(seed=2)])
        self.same(bezdist.Checkpoint.of(ensemble).ensemble().sample(2), ensemble.sample(2))
        base, steps = distilling(), []
        pool = base.pool(32)
        bezdist.Checkpoint.of_paths(base, 32, progress=lambda p: steps.append(p.step)).write(self.path)
        self.assertEqual(steps[-1], 32)
        self.assertEqual(bytes(bezdist.Checkpoint.of(pool).to_buffer()), read(self.path, "rb"))
        checkpoint = bezdist.Checkpoint.open(self.path)
        for source in (checkpoint.source(), checkpoint.stream()):
            self.same(source.paths(0, 32)[0], pool.paths(0, 32)[0])
        failing = bezdist.Checkpoint.of_paths(base, 32, progress=fails)
        del base
        gc.collect()
        with self.assertRaises(Mine):
            failing.write(self.path)

    def test_tensors(self):
        tensors = bezdist.Tensors()
        tensors.add("floats", [[1, 2, 3], [4, 5, 6]])
        tensors.add("bytes", bytearray(b"abc"))
        tensors.add("doubles", array("d", [1, 2]))
        tensors.add("longs", [1, -2], dtype="i64")
        tensors.add("bits", [0x3f80, 0x4000], dtype="bf16")
        tensors.add("flags", [True, False], dtype="bool")
        tensors.add("number", 5.0)
        tensors.add("none", array("f"))
        tensors.texts["about"] = "n\N{LATIN SMALL LETTER U WITH DIAERESIS}mbers"
        opened = bezdist.Tensors.open_buffer(tensors.to_buffer())
        self.assertEqual(dict(opened.texts), {"about": "n\N{LATIN SMALL LETTER U WITH DIAERESIS}mbers"})
        found = {name: (opened.tensor(name).dtype, opened.tensor(name).shape, opened.read(name).tolist())
                 for name in opened.names()}
        self.assertEqual(found, {
            "floats": ("f32", (2, 3), [[1, 2, 3], [4, 5, 6]]), "bytes": ("u8", (3,), [97, 98, 99]),
            "doubles": ("f64", (2,), [1, 2]), "longs": ("i64", (2,), [1, -2]), "bits": ("bf16", (2,), [0x3f80, 0x4000]),
            "flags": ("bool", (2,), [True, False]), "number": ("f32", (), 5), "none": ("f32", (0,), [])})
        self.assertEqual(opened.read_f32("bits").tolist(), [1, 2])
        self.assertEqual((len(opened), "floats" in opened, "other" in opened), (8, True, False))
        self.assertEqual(opened.info.format, bezdist.FORMAT_SAFETENSORS)
        with self.assertRaises(KeyError):
            opened.read("other")
        del opened.texts["about"]
        self.assertEqual(len(opened.texts), 0)
        for wrong in (lambda: tensors.add("x", [1], dtype="f8"), lambda: tensors.add("y", [1.5], dtype="i32"),
                      lambda: tensors.add("floats", [1])):
            with self.assertRaises((ValueError, TypeError)):
                wrong()

    def test_formats(self):
        tensors = bezdist.Tensors()
        tensors.add("arr_0", [[1, 2], [3, 4]])
        for format in (bezdist.FORMAT_SAFETENSORS, bezdist.FORMAT_NPY, bezdist.FORMAT_NPZ, bezdist.FORMAT_NPZ_DEFLATED):
            tensors.write(self.path, format)
            taken = io.BytesIO()
            tensors.write_to(taken.write, format)
            whole = read(self.path, "rb")
            self.assertEqual(whole, taken.getvalue())
            for opened in (bezdist.Tensors.open(self.path), bezdist.Tensors.open_reader(
                    lambda offset, size: whole[offset:offset + size], len(whole), max_raw=1 << 20)):
                self.assertEqual(opened.read(0).tolist(), [[1, 2], [3, 4]])
        if np is not None:
            tensors.write(self.path, bezdist.FORMAT_NPY)
            np.testing.assert_array_equal(np.load(self.path), [[1, 2], [3, 4]])

    @unittest.skipIf(np is None, "NumPy")
    def test_numpy_types(self):
        tensors = bezdist.Tensors()
        for kind in "? B b H h e I i f Q q d l L".split():
            tensors.add("t" + kind if kind.islower() else "T" + kind, np.arange(6).reshape(2, 3).T.astype(kind))
        for i in range(len(tensors)):
            want = np.arange(6).reshape(2, 3).T.astype(tensors.read(i).dtype)
            np.testing.assert_array_equal(tensors.read(i), want)
        with self.assertRaises(TypeError):
            tensors.add("complex", np.zeros(2, complex))

    def test_flow_in_tensors(self):
        flow = small()
        tensors = bezdist.Tensors.of(flow)
        self.same(tensors.flow().sample(3), flow.sample(3))
        del tensors.texts["bezdist"]
        self.same(tensors.flow(2, kind=bezdist.FLOW_VELOCITY).sample(3), flow.sample(3))
        with self.assertRaises(bezdist.BezdistError):
            tensors.flow()


class TestFunctions(Case):
    def test_compare(self):
        a, b = bezdist.noise(64, 2), bezdist.noise(64, 2, seed=1)
        found = bezdist.compare(a, b, which=bezdist.METRIC_SW2 | bezdist.METRIC_W2, directions=64)
        self.assertTrue(0 < found.sw2 <= found.w2 < 1)
        self.assertNotEqual(found.mmd, found.mmd)
        self.assertEqual(bezdist.compare(a, a, which=bezdist.METRIC_SW2).sw2, 0)

    def test_nearest(self):
        index, distance = bezdist.nearest([[0, 0], [9, 0]], [[5, 0], [1, 0], [8, 0]])
        self.assertEqual((index.tolist(), distance.tolist()), ([1, 2], [1, 1]))

    def test_paths(self):
        line, bent = [[[0, 0], [2, 0]]], [[[0, 0], [1, 2], [2, 0]]]
        self.assertEqual(bezdist.path_evaluate(bent, [0, 0.5, 1]).tolist(), [[[0, 0], [1, 1], [2, 0]]])
        self.assertEqual(bezdist.path_derivative(bent, [0, 1]).tolist(), [[[2, 4], [2, -4]]])
        self.near(bezdist.path_curvature(bent, [0.5]), [2])
        raised = bezdist.path_elevate(line, 2)
        self.assertEqual(raised.tolist(), [[[0, 0], [1, 0], [2, 0]]])
        low, error = bezdist.path_reduce(raised, 1)
        self.assertEqual((low.tolist(), _flat(error)), (line, [0]))
        left, right = bezdist.path_split(line, 0.25)
        self.assertEqual((left.tolist(), right.tolist()), ([[[0, 0], [0.5, 0]]], [[[0.5, 0], [2, 0]]]))
        straightness, arc, chord = bezdist.path_measure(line)
        self.near([straightness, arc, chord], [0, 2, 2])
        self.near(bezdist.path_distance(bent, raised), [(16 * 2 / 15 / 4) ** 0.5 * 2 / 2 ** 0.5 / 2 ** 0.5], 0.05)
        self.assertEqual(bezdist.path_distance(bent, bent).tolist(), [0])
        through = bezdist.path_from_waypoints([[0, 0]], [[[1, 1]]], [0.5], [[2, 0]])
        self.near(through, bent)
        x, u = bezdist.path_targets(line, [0.5])
        self.assertEqual((x.tolist(), u.tolist()), ([[1, 0]], [[[2, 0]]]))
        for wrong in ([[0, 0]], [[[0, 0]]], 1):
            with self.assertRaisesRegex(ValueError, r"paths: shape .*, expected \(n, degree \+ 1, dim\)"):
                bezdist.path_measure(wrong)


class TestLives(Case):
    def test_closing(self):
        flow = small()
        flow.close()
        flow.close()
        self.assertTrue(flow.closed)
        self.assertIn("closed", repr(flow))
        with self.assertRaisesRegex(ValueError, "this Flow is closed"):
            flow.sample(1)
        with self.assertRaises(ValueError):
            with flow:
                pass
        with self.assertRaises(ValueError):
            bezdist.Ensemble([flow])
        with small() as other:
            other.sample(1)
        self.assertTrue(other.closed)

    def test_any_order(self):
        context = bezdist.Context(2)
        d = data(context=context)
        source, flow = bezdist.Source.data(d), small(context=context)
        t = bezdist.Trainer(flow, source, steps=4, batch=8)
        for thing in (context, d, source, flow):
            thing.close()
        t.run()
        t.flow().sample(2)

    def test_no_copies(self):
        import copy
        for act in (pickle.dumps, copy.deepcopy):
            with self.assertRaisesRegex(TypeError, "cannot be copied or pickled"):
                act(small())

    def test_callbacks_live(self):
        """A trainer keeps the Python functions under it, though every other reference is gone; when the library has
        done with them, they go."""
        gone = []

        def function(x, t, cond, out):
            return to_one(x, t, cond, out)
        alive = weakref.ref(function)
        first, second = teacher(function), teacher(function)
        first.on_release(lambda: gone.append(("first", alive() is not None)))
        second.on_release(lambda: gone.append(("replaced", None)))
        second.on_release(lambda: gone.append(("second", alive() is not None)))
        t = bezdist.Trainer(small(), bezdist.Source.ensemble(bezdist.Ensemble([first]), bezdist.Fitter(1)), steps=4,
                            batch=4)
        member = bezdist.Ensemble([second]).member(0)
        del function, first, second
        gc.collect()
        t.run(2)
        member.sample(1)
        self.assertEqual(gone, [])
        t.set_source(bezdist.Source.data(data()))
        self.assertEqual(gone, [("first", True)])
        del member
        self.assertEqual(gone, [("first", True), ("second", True)])
        gc.collect()
        self.assertIsNone(alive())
        t.run()
        t.on_release(fails)
        t.on_release(None)
        t.close()

    def test_source_lives_after_an_error(self):
        """What a callback raises comes out of calls that have done their work."""
        def function(index, paths, cond, span):
            return [[[1, 1], [2, 2]]] * index.shape[0]
        first, second = (bezdist.Source.function(function, 1, 2) for _ in range(2))
        alive = weakref.ref(function)
        t = bezdist.Trainer(small(), first, steps=4, batch=4)
        first.on_release(fails)
        first.close()
        with self.assertRaises(Mine):
            t.set_source(second)
        second.close()
        del first, second, function
        gc.collect()
        self.assertIsNotNone(alive())
        t.run(2)

    def test_release_while_the_address_is_used_again(self):
        """Another thread may get the memory of an object before its on_release function has run."""
        said, blocks, again = [], {}, []

        def alloc(size, align):
            block = bytearray(size + align)
            at = ctypes.addressof(ctypes.c_char.from_buffer(block))
            at += -at % align
            blocks[at] = block
            return again.pop()[0] if again and again[-1][1:] == (size, align) else at

        def free(address, size, align):
            if address <= first_at < address + size and not said:
                said.append("freed")
                again.append((address, size, align))
                thread = threading.Thread(target=another)
                thread.start()
                thread.join()

        def another():
            second.append(small(context=context))
            second[0].on_release(lambda: said.append("second"))

        second = []
        context = bezdist.Context(alloc=alloc, free=free)
        first = small(context=context)
        first_at = first.handle._as_parameter_
        first.on_release(lambda: said.append("first"))
        first.close()
        self.assertEqual(second[0].handle._as_parameter_, first_at)
        self.assertEqual(said, ["freed", "first"])
        second[0].close()
        self.assertEqual(said, ["freed", "first", "second"])

    def test_cycles_are_collected(self):
        class Model:
            def __init__(self):
                self.flow = bezdist.Flow.from_function(self.velocity, 2)
                self.source = bezdist.Source.ensemble(bezdist.Ensemble([self.flow]), bezdist.Fitter(1))

            def velocity(self, x, t, cond, out):
                return to_one(x, t, cond, out)
        model = Model()
        model.source.paths(0, 2)
        alive = weakref.ref(model)
        del model
        gc.collect()
        self.assertIsNone(alive())

    def test_interpreter_exit(self):
        """With objects, callbacks, threads of the pool and a daemon thread in a call alive."""
        program = """if True:
            import sys, threading
            if %r: sys.modules["numpy"] = None
            import bezdist
            context = bezdist.Context(2, log=print)
            data = bezdist.Data(bezdist.noise(500, 32), context=context)
            source = bezdist.Source.data(data)
            trainer = bezdist.Trainer(bezdist.Flow(32, context=context), source, steps=1 << 30)
            trainer.run(3)
            class Model:
                def __init__(self):
                    self.flow = bezdist.Flow.from_function(self.velocity, 2)
                def velocity(self, x, t, cond, out):
                    return [[0, 0]] * x.shape[0]
            model = Model()
            model.flow.sample(3)
            started = threading.Event()
            threading.Thread(target=lambda: trainer.run(progress=lambda p: started.set()), daemon=True).start()
            started.wait()
        """ % (np is None)
        done = subprocess.run([sys.executable, "-B", "-c", program], env=dict(os.environ, PYTHONPATH=HERE),
                              capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_threads(self):
        """One flow, many threads: the rows of one."""
        flow = small()
        want = flow.sample(40, seed=1).tolist()
        found = {}

        def part(k):
            for _ in range(20):
                found[k] = flow.sample(10, seed=1, first_index=10 * k).tolist()
        threads = [threading.Thread(target=part, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual([row for k in range(4) for row in found[k]], want)

    def test_context(self):
        self.assertEqual(bezdist.Context(3).threads, 3)
        self.assertGreaterEqual(bezdist.Context(0).threads, 1)
        with self.assertRaises(bezdist.InvalidArgument):
            bezdist.Context(-1)


def resident():
    """Bytes of the process in memory."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def allocated():
    """Bytes that malloc has given out, the library's."""
    class Info(ctypes.Structure):
        _fields_ = [(f"field{i}", ctypes.c_size_t) for i in range(10)]
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallinfo2"):  # glibc 2.33
        return 0
    libc.mallinfo2.restype = Info
    return libc.mallinfo2().field7


class TestMemory(Case):
    def once(self):
        """A bit of everything, failures included."""
        with bezdist.Context(2, log=lambda level, text: None) as context:
            t = bezdist.Trainer(small(context=context), distilling(), steps=4, batch=8)
            for progress in t.progress(every=2):
                pass
            checkpoint = bezdist.Checkpoint.open_buffer(bezdist.Checkpoint.of(t).to_buffer())
            checkpoint.flow().sample(8)
            checkpoint.entries()
            bezdist.Tensors.open_buffer(bezdist.Tensors.of(t.flow()).to_buffer()).read(0)
        bezdist.Data(bezdist.noise(64, 2), copy=False).rows()
        for error, call in ((Mine, lambda: teacher(fails).sample(2)), (ValueError, lambda: small(layers=99)),
                            (TypeError, lambda: small(other=1)), (Mine, lambda: t.run(progress=fails) or fails())):
            try:
                call()
            except error:
                pass

    def test_does_not_grow(self):
        """Free lists and heaps settle slowly, and a leak grows in every window: so the least of three counts."""
        if not os.path.exists("/proc/self/statm"):
            self.skipTest("no /proc")
        rounds = int(os.environ.get("BEZDIST_TEST_ROUNDS", "25"))
        self.once()
        tracemalloc.start()
        seen = []
        for window in range(4):
            for _ in range(rounds):
                self.once()
            gc.collect()
            seen.append((tracemalloc.get_traced_memory()[0], allocated(), resident()))
        tracemalloc.stop()
        python, library, process = (min(b - a for a, b in zip(column, column[1:])) for column in zip(*seen))
        print(f"in {rounds} rounds: {python} bytes of Python, {library} of malloc, {process} of the process more")
        self.assertLess(python, 300 * rounds)
        self.assertLess(library, 400 * rounds)
        self.assertLess(seen[-1][2] - seen[0][2], 16 << 20)


class TestZEverything(Case):
    def test_every_function_was_called(self):
        """When all of this file ran."""
        classes = {name for name, thing in globals().items() if isinstance(thing, type) and issubclass(thing, Case)}
        missing = classes - ran - {"Case"}
        if missing:
            self.skipTest(f"{', '.join(sorted(missing))} did not run")
        self.assertEqual(set(vars(c)) - called, set())


if __name__ == "__main__":
    unittest.main()
