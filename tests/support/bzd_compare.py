#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The second reader against the library's program: bzd_compare.py BEZDIST FILE...

For every file both say the same of version, kind, tensors, key-values, sections and content id; of damaged copies (cut,
bytes changed; seeds are fixed) both refuse each.
"""
import json
import os
import random
import subprocess
import sys
import tempfile

import bzd_reader

CHANGES, CUTS, BY_PROGRAM = 400, 100, 3  # of a file; damaged copies that the program is given too


def inspect(program, *arguments):
    return subprocess.run([program, "inspect", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)


def text_of(value):
    return ("%.17g" % value) if isinstance(value, float) else str(value)


def compare(program, path):
    with open(path, "rb") as stream:
        data = stream.read()
    mine = bzd_reader.report(bzd_reader.read(data))
    run = inspect(program, "--json", "--verify", path)
    assert run.returncode == 0, run.stderr
    theirs = json.loads(run.stdout)
    for key in ("version", "kind", "content_id"):
        assert mine[key] == theirs[key], (path, key, mine[key], theirs[key])
    assert len(mine["tensors"]) == len(theirs["tensors"]), path
    for a, b in zip(mine["tensors"], theirs["tensors"]):
        b.setdefault("stored_dtype", b["dtype"])
        for key in ("name", "role", "dtype", "shape", "raw_bytes", "stored_dtype"):
            assert a[key] == b[key], (path, a["name"], key, a[key], b[key])
    values = {**mine["metadata"], **mine["state"]}
    assert values.keys() == theirs["metadata"].keys(), (path, values.keys() ^ theirs["metadata"].keys())
    for key, value in values.items():
        if isinstance(value, (int, str)) and not key.startswith("trainer."):
            assert text_of(value) == theirs["metadata"][key], (path, key, value, theirs["metadata"][key])
    assert {s["name"]: s["bytes"] for s in mine["ancillary"]} == theirs.get("sections", {}), path
    return data


def refused(data):
    try:
        bzd_reader.read(data)
    except bzd_reader.Refused:
        return True
    return False


def damage(program, data, draw, folder):
    for i in range(CHANGES + CUTS):
        copy = bytearray(data)
        if i < CHANGES:
            copy[draw.randrange(len(copy))] ^= draw.randrange(1, 256)
        else:
            del copy[draw.randrange(len(copy)):]
        assert refused(bytes(copy)), "damaged copy %d is read" % i
        if i % ((CHANGES + CUTS) // BY_PROGRAM) == 0:
            path = os.path.join(folder, "damaged.bzd")
            with open(path, "wb") as stream:
                stream.write(copy)
            run = inspect(program, "--verify", path)
            assert run.returncode == 1 and run.stderr.startswith("bezdist: "), (i, run.returncode, run.stderr)


def main(program, *paths):
    draw = random.Random(7)
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            damage(program, compare(program, path), draw, folder)
    print("%d files read alike, %d damaged copies refused" % (len(paths), len(paths) * (CHANGES + CUTS)))


main(*sys.argv[1:])
