# SPDX-License-Identifier: MIT
"""The test programs before one mutant: in what order, under which limits, and how one ended."""

import math
import os
import pathlib
import resource
import select
import shutil
import signal
import subprocess
import time

MEMORY, FILE_SIZE = 4 << 30, 256 << 20
STORE = {"read", "write", "container", "decode", "codec", "planes", "deflate", "crc", "sha256", "change"}
TENSORS = {"names", "flate", "stream", "buffer", "npy", "npz", "zip", "zip_write", "json", "safetensors", "idx", "tensors"}
BOTH = {"bytes", "element", "codec", "io"}  # codec: CRC-32
ON_STORES = set("""unit_blocks unit_index unit_change unit_codec unit_container unit_deflate unit_ensemble_store unit_sha256 unit_element
    unit_trainer_store api_checkpoint api_checkpoint_change api_golden fuzz_block fuzz_index fuzz_io fuzz_load
    fuzz_load_repaired fuzz_round_trip api_attacks api_damage api_stream api_memory""".split())
ON_TENSORS = set("""unit_stream unit_element unit_idx unit_npy unit_npz unit_safetensors unit_codec api_tensors fuzz_idx fuzz_io fuzz_npy
    fuzz_npz fuzz_round_trip fuzz_safetensors""".split())
ON_FILES = set("unit_io unit_index faults_kill faults_leftovers faults_power_loss faults_write_faults api_checkpoint api_tensors".split())
ON_ALL = {"api_arguments", "api_failing", "api_host_state", "fuzz_memory"}


def fits(program, file):
    """Whether a program looks at what the file is for."""
    stem = file.removesuffix(".c")
    if stem == "io":
        return program in ON_FILES | ON_ALL | {"fuzz_io"}
    return (program in ON_ALL or (stem in STORE | BOTH and program in ON_STORES)
            or (stem in TENSORS | BOTH and program in ON_TENSORS)
            or (stem == "write" and program.startswith("faults_")))


class Program:
    def __init__(self, line, folder, sanitized):
        self.name, *arguments = line.split()
        self.command = [str(folder / self.name), *arguments]
        self.sanitized = sanitized
        self.cpu = self.wall = 0.0
        self.label = self.name + (" (sanitizers)" if sanitized else "")


def limit(program):
    if not program.sanitized:  # its shadow alone takes terabytes of addresses
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds = math.ceil(2 * program.cpu + 1) if program.cpu else 300
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))


def run(program, libraries, room):
    """None when it passes; else how it did not. Whoever it started is gone afterwards."""
    shutil.rmtree(room, ignore_errors=True)
    room.mkdir(parents=True)
    environment = dict(os.environ, LD_LIBRARY_PATH=str(libraries), LC_ALL="C",
                       ASAN_OPTIONS="hard_rss_limit_mb=2048:detect_leaks=1:detect_odr_violation=0", UBSAN_OPTIONS="print_stacktrace=0")
    start, used = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    most = 6 * program.wall + 10 if program.wall else 600
    process = subprocess.Popen(program.command, cwd=room, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=lambda: limit(program))
    seen, failed, late = b"", False, False
    while not failed and not late:
        left = most - (time.monotonic() - start)
        if left <= 0:
            late = True
        elif select.select([process.stdout], [], [], min(left, 0.2))[0]:
            part = os.read(process.stdout.fileno(), 65536)
            if not part:
                break
            seen = (seen + part)[-65536:]
            failed = b"[  FAILED  ]" in seen
        elif process.poll() is not None:
            break  # somebody it started holds the pipe
    if not failed and not late:
        try:
            process.wait(max(0.1, most - (time.monotonic() - start)))
        except subprocess.TimeoutExpired:
            late = True
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()
    process.stdout.close()
    pathlib.Path(f"/tmp/bezdist-stream-{process.pid}.bzd").unlink(missing_ok=True)  # of a test that was stopped
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    run.cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    if failed:
        line = seen[seen.index(b"[  FAILED  ]"):].split(b"\n")[0].decode("ascii", "replace")
        return "failed " + line.removeprefix("[  FAILED  ]").strip()
    if late or process.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return "timeout"
    if process.returncode < 0:
        return "signal " + signal.Signals(-process.returncode).name
    return f"exit {process.returncode}" if process.returncode else None


class Battery:
    """Those that killed most a second in this file come first."""

    def __init__(self, programs, history):
        self.programs = programs
        self.history = history  # (file, program) -> [runs, kills]

    def order(self, file):
        def worth(program):
            runs, kills = self.history.get((file, program.label), (0, 0))
            related = file.removesuffix(".c") in program.name
            return -(kills + (1 if related else 0.2)) / (runs + 1) / (program.wall + 0.02)

        return sorted((p for p in self.programs if fits(p.name, file)), key=worth)

    def quickest(self, file):
        return min((p for p in self.programs if fits(p.name, file)), key=lambda p: p.wall)

    def judge(self, file, libraries, room):
        """(program, how) of the first that does not pass, or None."""
        for program in self.order(file):
            how = run(program, libraries, room)
            counts = self.history.setdefault((file, program.label), [0, 0])
            counts[0] += 1
            if how:
                counts[1] += 1
                return program.label, how
        return None
