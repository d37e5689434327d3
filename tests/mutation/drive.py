# SPDX-License-Identifier: MIT
"""Compiles every mutant, runs the tests before it until one fails, and keeps a row for each in a CSV file, which another
call goes on with. See run.sh."""

import argparse
import collections
import csv
import hashlib
import json
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import battery
import mutants

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIRST = "read write container decode codec planes deflate crc sha256 change bytes buffer io element names flate stream".split()
COLUMNS = "file function line column operator original changed nth text verdict by how seconds".split()
Key = collections.namedtuple("Key", "file function operator original changed nth text")
DONE = ("killed", "survived", "same code", "does not compile")


def key_of(row):
    get = row.get if isinstance(row, dict) else lambda name: getattr(row, name)
    return Key(*(str(get(name)) for name in Key._fields))


class Equivalents:
    """Lines of: file | function | operator | original -> changed | text of the line | reason; * stands for anything. With
    #2 after changed: only the third such place of the line."""

    def __init__(self, path):
        self.rules = []
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line.strip() and not line.startswith("#"):
                parts = [part.strip() for part in line.split(" | ")]
                if len(parts) < 6 or not parts[-1]:
                    sys.exit(f"{path}:{number}: file | function | operator | original -> changed | text | reason")
                parts[4:-1] = [" | ".join(parts[4:-1])]  # a text may have a bar of its own
                if not re.search(r" #\d$", parts[3]):
                    parts[3] += " #*"
                self.rules.append([re.compile(re.escape(part).replace(r"\*", ".*"), re.S) for part in parts[:5]])

    def has(self, key):
        values = (key.file, key.function, key.operator, " ".join(f"{key.original} -> {key.changed} #{key.nth}".split()), key.text)
        return any(all(part.fullmatch(value) for part, value in zip(rule, values)) for rule in self.rules)


class Compiler:
    """One file of lib/store as an object and as the library the tests take first."""

    def __init__(self, build, work):
        self.work = work
        entries = json.loads((build / "compile_commands.json").read_text())
        self.commands = {}
        for entry in entries:
            path = pathlib.Path(entry["file"])
            if path.parent.name == "store":
                words = [w for w in shlex.split(entry["command"])]
                self.commands[path.name] = words[:words.index("-o")]

    def object(self, file, content):
        source, out = self.work / file, self.work / "mutant.o"
        source.write_text(content)
        words = self.commands[file] + ["-w", "-ftrivial-auto-var-init=pattern", "-o", str(out), "-c", str(source)]
        done = subprocess.run(words, cwd=self.work, capture_output=True)
        return out.read_bytes() if done.returncode == 0 else None

    def link(self):
        flags = [w for w in next(iter(self.commands.values())) if w.startswith("-fsanitize")]
        words = ["cc", "-shared", *flags, "-o", str(self.work / "libmutant.so"), str(self.work / "mutant.o")]
        subprocess.run(words, cwd=self.work, check=True)


def read_rows(path):
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {key_of(row): row for row in csv.DictReader(file)}


def write_rows(path, rows):
    fresh = path.with_suffix(".new")
    with fresh.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    fresh.replace(path)


def wanted(arguments):
    files = [f.removesuffix(".c").split("/")[-1] + ".c" for f in arguments.file or FIRST]
    headers = [p.read_text() for folder in ("lib/*/*.h", "include/bezdist/*.h") for p in sorted(ROOT.glob(folder))]
    types = mutants.named_types(headers)
    found = [m for f in files for m in mutants.mutants_of(ROOT / "lib/store" / f, f, types)]
    if arguments.sample:
        # by what they are, so that a change elsewhere does not draw others
        drawn = lambda m: hashlib.sha256("\0".join((str(arguments.seed), *key_of(m))).encode()).digest()
        found = sorted(found, key=drawn)[:arguments.sample]
    return files, found


def report(found, rows, equivalents):
    """The table of docs/testing.md."""
    tables = collections.defaultdict(collections.Counter)
    for mutant in found:
        key = key_of(mutant)
        row = rows.get(key)
        verdict = row["verdict"] if row else "not run"
        if verdict in ("survived", "quick", "not run") and equivalents.has(key):
            verdict = "equivalent"
        elif verdict == "killed" and equivalents.has(key):
            print(f"listed as equivalent, but killed: {key}")
        elif verdict == "killed" and row["how"] == "timeout":
            tables[mutant.file]["timeout"] += 1
        for name in (mutant.file, "all"):
            tables[name][verdict] += 1
        if row and verdict == "killed" and row["how"] == "timeout":
            tables["all"]["timeout"] += 1
    print("| file | mutants | killed | of these by timeout | equivalent | survived | rate |\n|---|---|---|---|---|---|---|")
    for name, t in sorted(tables.items(), key=lambda pair: (pair[0] == "all", pair[0])):
        survived = t["survived"] + t["quick"]
        count = t["killed"] + survived
        rate = f"{100 * t['killed'] / count:.1f} %" if count else "-"
        print(f"| {name} | {count + t['equivalent']} | {t['killed']} | {t['timeout']} | {t['equivalent']} | {survived} | {rate} |")
    t = tables["all"]
    print(f"Not counted: {t['same code']} with the machine code of the original, {t['does not compile']} that do not "
          f"compile. Not run: {t['not run']}; passed the quick programs, the others not run: {t['quick']}.")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/mutation")
    parser.add_argument("--sample", type=int, help="so many of the mutants, drawn by the seed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", type=float, metavar="S", help="only programs that take at most S seconds")
    parser.add_argument("--slow", type=float, metavar="S", help="only programs that take more, after --quick with the same number")
    parser.add_argument("--again", action="store_true", help="those that survived anew: the tests have become better")
    parser.add_argument("--report", action="store_true", help="print the table and the survivors, run nothing")
    parser.add_argument("--minutes", type=float, default=1e9)
    parser.add_argument("file", nargs="*")
    arguments = parser.parse_args()
    files, found = wanted(arguments)
    rows_path = arguments.build / "mutants.csv"
    rows = read_rows(rows_path)
    equivalents = Equivalents(pathlib.Path(__file__).with_name("equivalent.txt"))
    if not arguments.report:
        for number in (signal.SIGINT, signal.SIGTERM):  # in the background they may be ignored
            signal.signal(number, signal.default_int_handler)
        try:
            work_on(arguments, files, found, rows, rows_path, equivalents)
        finally:
            write_rows(rows_path, rows.values())
    report(found, rows, equivalents)
    for mutant in found:
        row = rows.get(key_of(mutant))
        if row and row["verdict"] in ("survived", "quick") and not equivalents.has(key_of(mutant)):
            print(f"{row['verdict']}: lib/store/{mutant.file}:{mutant.line}:{mutant.column}: {mutant.function}: {mutant.operator}: "
                  f"{mutant.original} -> {mutant.changed}\n    {mutant.text}")


def measured(arguments, room):
    """The programs, each run once with nothing mutated; it must pass. What has not been built anew since is not run."""
    programs, kept = [], arguments.build / "measured.json"
    known = json.loads(kept.read_text()) if kept.exists() else {}
    for kind in ("plain", "asan"):
        folder = arguments.build / kind
        for line in (folder / "programs.txt").read_text().splitlines():
            program = battery.Program(line, folder, kind == "asan")
            if kind == "asan" and program.name in ("api_damage", "api_attacks", "api_failing", "api_host_state", "api_memory",
                                                   "faults_kill", "faults_leftovers", "faults_power_loss", "faults_write_faults"):
                continue  # long, and without sanitizers there
            built = max((folder / f).stat().st_mtime for f in (program.name, "libbezdist_open.so"))
            if known.get(program.label, [0])[0] != built:
                start = time.monotonic()
                how = battery.run(program, folder / "original", room)
                if how:
                    sys.exit(f"{program.label}: {how} with nothing mutated")
                known[program.label] = [built, time.monotonic() - start, battery.run.cpu]
                print(f"{program.label}: {battery.run.cpu:.2f} s", file=sys.stderr)
                kept.write_text(json.dumps(known))
            program.wall, program.cpu = known[program.label][1:]
            if program.cpu <= (arguments.quick or 1e9) and program.cpu > (arguments.slow or 0):
                programs.append(program)
    return programs


def work_on(arguments, files, found, rows, rows_path, equivalents):
    work = pathlib.Path(tempfile.mkdtemp(prefix="bezdist-mutation-", dir="/dev/shm" if pathlib.Path("/dev/shm").is_dir() else None))
    try:
        programs = measured(arguments, work / "room")
        history = {}
        for row in rows.values():
            if row["verdict"] == "killed":
                counts = history.setdefault((row["file"], row["by"]), [0, 0])
                counts[0] += 1
                counts[1] += 1
        plain = [p for p in programs if not p.sanitized]
        sanitized = [p for p in programs if p.sanitized]
        (work / "plain").mkdir()
        (work / "asan").mkdir()
        judges = [(Compiler(arguments.build / "plain", work / "plain"), battery.Battery(plain, history))]
        if sanitized:
            judges.append((Compiler(arguments.build / "asan", work / "asan"), battery.Battery(sanitized, history)))
        contents = {f: (ROOT / "lib/store" / f).read_text() for f in files}
        originals = {f: judges[0][0].object(f, contents[f]) for f in files}
        done = ("killed", "survived", "same code", "does not compile") + (("quick",) if arguments.quick else ())
        todo = []
        for m in found:
            row = rows.get(key_of(m))
            if equivalents.has(key_of(m)):
                continue
            if not row or row["verdict"] not in done or (arguments.again and row["verdict"] in ("survived", "quick")):
                todo.append(m)
        for file in sorted({m.file for m in todo}):
            control(file, contents[file], judges, work / "room")
        verdicts = {}  # by object: what is the same code is judged once
        start = saved = time.monotonic()
        for number, m in enumerate(todo):
            if time.monotonic() - start > 60 * arguments.minutes:
                break
            began = time.monotonic()
            verdict, by, how = judge(m, contents[m.file], originals[m.file], judges, verdicts, work / "room")
            if verdict == "survived" and arguments.quick:
                verdict = "quick"
            now = time.monotonic()
            row = dict(m._asdict(), verdict=verdict, by=by, how=how, seconds=f"{now - began:.2f}")
            rows[key_of(m)] = {name: row[name] for name in COLUMNS}
            if now - saved > 20:
                write_rows(rows_path, rows.values())
                saved = now
            if number % 20 == 19 or number + 1 == len(todo):
                spent = now - start
                print(f"{number + 1} of {len(todo)}, {spent / 60:.1f} min, {spent / (number + 1) * (len(todo) - number - 1) / 60:.1f} min to go;"
                      f" {dict(collections.Counter(r['verdict'] for r in rows.values()))}", file=sys.stderr, flush=True)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def control(file, content, judges, room):
    """The original in the mutant's place must pass: what fails then would pass for a kill."""
    for compiler, tests in judges:
        compiler.object(file, content)
        compiler.link()
        program = tests.quickest(file)
        how = battery.run(program, compiler.work, room)
        if how:
            sys.exit(f"{file}: {program.label}: {how} with nothing mutated in the mutant's place")


def judge(mutant, content, original, judges, verdicts, room):
    changed = content[:mutant.start] + mutant.changed + content[mutant.end:]
    code = judges[0][0].object(mutant.file, changed)
    if code is None:
        return "does not compile", "", ""
    if code == original:
        return "same code", "", ""
    if code not in verdicts:
        verdicts[code] = ("survived", "", "")
        for i, (compiler, tests) in enumerate(judges):
            if i > 0:
                compiler.object(mutant.file, changed)
            compiler.link()
            killer = tests.judge(mutant.file, compiler.work, room)
            if killer:
                verdicts[code] = ("killed", *killer)
                break
    return verdicts[code]


if __name__ == "__main__":
    main()
