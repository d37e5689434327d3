#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A second reader of .bzd files, written from docs/checkpoint-format.md alone, with Python's standard library alone.

bzd_reader.py FILE prints one JSON object: version, kind, tensors (with the SHA-256 of their raw bytes), key-values,
ancillary sections, content id. A file that breaks the page's rules: exit 1 and one line on stderr.
As a module: read(bytes) gives a File or raises Refused.
"""
import hashlib
import json
import re
import struct
import sys
import zlib

BLOCK = 262144
DTYPES = {1: ("f32", 4), 2: ("f64", 8), 3: ("bf16", 2), 4: ("i32", 4), 5: ("i64", 8), 6: ("u8", 1)}
ROLES = {1: "parameter", 2: "ema", 3: "moment1", 4: "moment2", 5: "buffer", 6: "paths"}
KINDS = {1: "flow", 2: "ensemble", 3: "trainer", 4: "paths"}
NAME = re.compile(rb"[\x21-\x7e]{1,255}")
REQUIRED = (b"STRS", b"TENS", b"BLKS", b"META", b"STAT")
LIMITS = {"file": 64 << 30, "raw": 64 << 30, "index": 64 << 20, "tensors": 65536, "values": 65536, "ancillary": 64}


class Refused(Exception):
    pass


def need(condition, why, *values):
    if not condition:
        raise Refused(why % values if values else why)


class Tensor:
    # size: raw bytes, in dtype; stored_size: the same in the stored dtype, of which blocks are made
    __slots__ = ("name", "dtype", "stored", "role", "shape", "first", "blocks", "size", "stored_size", "crc", "data")


class Value:
    __slots__ = ("key", "type", "flags", "raw")

    def decoded(self):
        if self.type == 1:
            return struct.unpack("<q", self.raw)[0]
        if self.type == 2:
            return struct.unpack("<Q", self.raw)[0]
        if self.type == 3:
            return struct.unpack("<d", self.raw)[0]
        return self.raw.decode("utf-8") if self.type == 4 else self.raw.hex()


class File:
    __slots__ = ("version", "tensors", "meta", "stat", "ancillary")

    def kind(self):
        for value in self.meta:
            if value.key == b"kind":
                return KINDS.get(value.decoded())
        return None

    def content_id(self):
        digest = hashlib.sha256()
        for t in self.tensors:
            digest.update(struct.pack("<I", len(t.name)) + t.name)
            digest.update(struct.pack("<3I%dQQ" % len(t.shape), t.role, t.dtype, len(t.shape), *t.shape, t.size))
            digest.update(t.data)
        for number, section in ((1, self.stat), (0, self.meta)):
            for v in section:
                if v.flags & 1:
                    digest.update(struct.pack("<2I", number, len(v.key)) + v.key)
                    digest.update(struct.pack("<2I", v.type, len(v.raw)) + v.raw)
        return digest.hexdigest()


def checked_frame(data, limits):
    """Header and trailer; the bytes of the index, its place, and what the trailer says of the tensors."""
    size = len(data)
    need(size >= 128, "%d bytes hold no header and trailer", size)
    header, trailer = data[:64], data[-64:]
    need(header[:8] == b"\x89BZD\r\n\x1a\n", "no .bzd file")
    need(zlib.crc32(header[:60]) == struct.unpack_from("<I", header, 60)[0], "header checksum")
    major, minor, flags = struct.unpack_from("<HHI", header, 8)
    need(major == 1, "major version %d", major)
    need(flags == 0 and not any(header[16:60]), "reserved bytes of the header")
    need(size <= limits["file"], "file of %d bytes", size)
    need(trailer[:8] == b"BZDTAIL1", "no trailer")
    need(zlib.crc32(trailer[:60]) == struct.unpack_from("<I", trailer, 60)[0], "trailer checksum")
    length, start, index_size, crc, tensors, raw = struct.unpack_from("<QQQIIQ", trailer, 8)
    need(not any(trailer[48:60]), "reserved bytes of the trailer")
    need(length == size, "the trailer says %d bytes, not %d", length, size)
    need(start >= 64 and start + index_size == size - 64, "index at %d, %d bytes", start, index_size)
    need(index_size <= limits["index"] and tensors <= limits["tensors"], "index limits")
    need(raw <= limits["raw"] and raw <= 2064 * (size + 64), "%d raw bytes", raw)
    index = data[start:start + index_size]
    need(zlib.crc32(index) == crc, "index checksum")
    return (major, minor), index, start, tensors, raw


def sections(index, limits):
    """{name: payload} of the five required sections, and a list of the ancillary ones."""
    required, ancillary, at = {}, [], 0
    while at < len(index):
        need(len(index) - at >= 16, "section header cut off")
        name, flags, size = struct.unpack_from("<4sIQ", index, at)
        at += 16
        need(size <= len(index) - at, "section of %d bytes", size)
        payload = index[at:at + size]
        at += size
        need(re.fullmatch(rb"[A-Za-z]{4}", name), "section name %r", name)
        need(flags == 0, "flags of section %r", name)
        if len(required) < len(REQUIRED):
            need(name == REQUIRED[len(required)], "section %r out of order", name)
            required[name] = payload
        else:
            need(name[:1].islower(), "critical section %r", name)
            need(not ancillary or ancillary[-1][0] < name, "section %r out of order", name)
            ancillary.append((name, payload))
    need(len(required) == len(REQUIRED) and len(ancillary) <= limits["ancillary"], "number of sections")
    return required, ancillary


def tensor_records(records, names, count, raw):
    need(len(records) == 128 * count, "TENS of %d bytes", len(records))
    tensors, name_at, block_at, total, previous = [], 0, 0, 0, None
    for i in range(count):
        record = records[128 * i:128 * (i + 1)]
        t = Tensor()
        at, length, t.dtype, t.stored, t.role, ndim = struct.unpack_from("<IIHHHH", record, 0)
        dims = struct.unpack_from("<8Q", record, 16)
        t.first, t.blocks, t.size, t.crc = struct.unpack_from("<QQQI", record, 80)
        need(at == name_at and 1 <= length <= 255 and at + length <= len(names), "name of tensor %d", i)
        t.name = names[at:at + length]
        name_at += length
        need(NAME.fullmatch(t.name), "name of tensor %d", i)
        need(t.dtype in DTYPES and t.role in ROLES, "type or role of tensor %d", i)
        need(t.stored == t.dtype or (t.stored, t.dtype, t.role) == (3, 1, 1), "stored type of tensor %d", i)
        need(previous is None or previous < (t.name, t.role), "tensor %d out of order", i)
        previous = (t.name, t.role)
        need(ndim <= 8 and not any(dims[ndim:]), "dimensions of tensor %d", i)
        t.shape = dims[:ndim]
        count_of = 1
        for dim in t.shape:
            need(dim >= 1, "dimensions of tensor %d", i)
            count_of *= dim
        t.stored_size = count_of * DTYPES[t.stored][1]
        need(t.size == count_of * DTYPES[t.dtype][1], "raw bytes of tensor %d", i)
        need(t.first == block_at and t.blocks == -(-t.stored_size // BLOCK), "blocks of tensor %d", i)
        block_at += t.blocks
        total += t.size
        need(not any(record[108:]), "reserved bytes of tensor %d", i)
        tensors.append(t)
    need(name_at == len(names), "STRS of %d bytes", len(names))
    need(total == raw, "%d raw bytes, the trailer says %d", total, raw)
    return tensors, block_at


def plane_count(dtype):
    return {1: 4, 3: 2, 4: 4}.get(dtype, 1)


def block_records(records, tensors, count):
    """For each tensor its blocks as (raw length, checksum, plane fields)."""
    need(len(records) == 32 * count, "BLKS of %d bytes", len(records))
    blocks, stored = [], 0
    for t in tensors:
        planes, mine = plane_count(t.stored), []
        for b in range(t.blocks):
            raw, crc, *fields, zero = struct.unpack_from("<IIIIIIQ", records, 32 * (t.first + b))
            need(raw == min(BLOCK, t.stored_size - b * BLOCK), "raw length of block %d", t.first + b)
            need(zero == 0 and not any(fields[planes:]), "reserved bytes of block %d", t.first + b)
            for field in fields[:planes]:
                length, deflated = field & 0x7FFFFFFF, field >> 31
                need(length < raw // planes if deflated else length == raw // planes, "plane of block %d", t.first + b)
                stored += length
            mine.append((raw, crc, fields[:planes]))
        blocks.append(mine)
    return blocks, stored


def key_values(payload):
    values, at = [], 0
    while at < len(payload):
        need(len(payload) - at >= 8, "key-value cut off")
        v = Value()
        key_size, v.type, v.flags, size = struct.unpack_from("<HBBI", payload, at)
        at += 8
        need(key_size + size <= len(payload) - at, "key-value cut off")
        v.key = payload[at:at + key_size]
        v.raw = payload[at + key_size:at + key_size + size]
        at += key_size + size
        need(NAME.fullmatch(v.key), "key %r", v.key)
        need(1 <= v.type <= 5 and v.flags <= 1, "type or flags of %r", v.key)
        need(v.type > 3 or size == 8, "length of %r", v.key)
        if v.type == 4:
            need(b"\0" not in v.raw, "NUL in %r", v.key)
            try:
                v.raw.decode("utf-8")
            except UnicodeDecodeError:
                raise Refused("%r is no UTF-8" % v.key) from None
        need(not values or values[-1].key < v.key, "key %r out of order", v.key)
        values.append(v)
    return values


def inflate(stored, size):
    stream = zlib.decompressobj()
    try:
        out = stream.decompress(stored, size + 1)
    except zlib.error as error:
        raise Refused("deflated plane: %s" % error) from None
    need(len(out) == size and stream.eof and not stream.unused_data and not stream.unconsumed_tail,
         "deflated plane is not of %d bytes", size)
    return out


def decode(raw_size, fields, stored):
    planes, at = [], 0
    for field in fields:
        length = field & 0x7FFFFFFF
        piece = stored[at:at + length]
        at += length
        planes.append(inflate(piece, raw_size // len(fields)) if field >> 31 else piece)
    if len(planes) == 1:
        return planes[0]
    out = bytearray(raw_size)
    for p, plane in enumerate(planes):
        out[p::len(planes)] = plane
    if len(planes) == 4:
        words = struct.unpack("<%dI" % (raw_size // 4), out)
        out = struct.pack("<%dI" % len(words), *((w >> 1 | (w & 1) << 31) for w in words))
    return bytes(out)


def read(data, limits=LIMITS):
    """Everything in a file, checked in the order of the page."""
    out = File()
    out.version, index, start, count, raw = checked_frame(data, limits)
    required, out.ancillary = sections(index, limits)
    out.tensors, block_count = tensor_records(required[b"TENS"], required[b"STRS"], count, raw)
    blocks, stored = block_records(required[b"BLKS"], out.tensors, block_count)
    need(64 + stored == start, "%d stored bytes before the index at %d", stored, start)
    out.meta, out.stat = key_values(required[b"META"]), key_values(required[b"STAT"])
    need(len(out.meta) + len(out.stat) <= limits["values"], "number of key-values")
    need(not out.stat or all(t.stored == t.dtype for t in out.tensors), "a stored type beside a trainer's state")
    at = 64
    for t, mine in zip(out.tensors, blocks):
        pieces = []
        for raw_size, crc, fields in mine:
            length = sum(field & 0x7FFFFFFF for field in fields)
            piece = data[at:at + length]
            at += length
            need(zlib.crc32(piece) == crc, "block checksum in %r", t.name)
            pieces.append(decode(raw_size, fields, piece))
        t.data = b"".join(pieces)
        need(zlib.crc32(t.data) == t.crc, "checksum of %r", t.name)
        if t.stored != t.dtype:  # bfloat16: the upper half of each float32
            t.data = b"".join(b"\0\0" + t.data[i:i + 2] for i in range(0, len(t.data), 2))
    return out


def report(f):
    def texts(section):
        return {v.key.decode("ascii"): v.decoded() for v in section}

    return {
        "version": "%d.%d" % f.version,
        "kind": f.kind(),
        "content_id": f.content_id(),
        "tensors": [{"name": t.name.decode("ascii"), "role": ROLES[t.role], "dtype": DTYPES[t.dtype][0],
                     "shape": list(t.shape), "stored_dtype": DTYPES[t.stored][0],
                     "raw_bytes": t.size, "sha256": hashlib.sha256(t.data).hexdigest()}
                    for t in f.tensors],
        "metadata": texts(f.meta),
        "state": texts(f.stat),
        "ancillary": [{"name": name.decode("ascii"), "bytes": len(payload)} for name, payload in f.ancillary],
    }


def main(arguments):
    if len(arguments) != 2:
        raise SystemExit("usage: bzd_reader.py FILE")
    with open(arguments[1], "rb") as stream:
        data = stream.read()
    try:
        print(json.dumps(report(read(data))))
    except Refused as error:
        raise SystemExit("bzd_reader.py: %s: %s" % (arguments[1], error)) from None


if __name__ == "__main__":
    main(sys.argv)
