"""Mutation testing of the risk core with one build: a function's mutants are arms of its body.

`cargo mutants --list` names the mutants; a copy of the tree gets them all, and `MM_MUTANT=<id>`
chooses one when a test starts. So a mutant costs running the tests and no build. docs/mutation.md.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORK = ROOT / "target" / "mutants"
TREE = WORK / "tree"
CORE = "rust/mm-core/src/"
CHOICE = """
/// The mutant that the environment chooses; 0 is none.
pub fn chosen_mutant() -> u32 {
    static CHOSEN: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *CHOSEN.get_or_init(|| std::env::var("MM_MUTANT").map_or(0, |id| id.parse().expect("an id")))
}
"""
# No shrinking, no files of failures, the same cases each time.
QUIET = {
    "PROPTEST_MAX_SHRINK_ITERS": "0",
    "PROPTEST_DISABLE_FAILURE_PERSISTENCE": "true",
    "PROPTEST_RNG_SEED": "1",
    "RUST_BACKTRACE": "0",
}
BUILD = {
    "CARGO_PROFILE_DEV_DEBUG": "0",
    "CARGO_PROFILE_DEV_OPT_LEVEL": "1",
    "RUSTFLAGS": "--cap-lints=allow",
    "CARGO_TARGET_DIR": str(WORK / "build"),
}
TIMEOUT_FACTOR, TIMEOUT_MIN_S = 6.0, 20.0

Place = tuple[int, int]
# Of a file's mutants that a test program ran, how many it caught, and how many it ran.
Counts = collections.defaultdict[tuple[str, str], tuple[int, int]]


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """One change of one function; places are lines and columns from 1, the end excluded."""

    id: int
    name: str
    file: str
    genre: str
    replacement: str
    start: Place
    end: Place
    function: tuple[Place, Place] | None
    returns: str

    @property
    def module(self) -> str:
        return self.file.removeprefix(CORE)


@dataclasses.dataclass(slots=True)
class Program:
    """One test program, the folder that it runs in, and how long it may take."""

    name: str
    path: Path
    cwd: Path
    is_first: bool
    cases: int
    limit_s: float = 600.0


def place(of: dict[str, int]) -> Place:
    return of["line"], of["column"]


def listed(pattern: str) -> list[Mutant]:
    """Every mutant that cargo-mutants lists and whose name matches; ids from 1 in its order."""
    out = subprocess.run(
        ["cargo", "mutants", "--list", "--json", "--package", "mm-core"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = []
    for number, item in enumerate(json.loads(out), start=1):
        function = item.get("function")
        mutant = Mutant(
            id=number,
            name=item["name"].removeprefix(CORE),
            file=item["file"],
            genre=item["genre"],
            replacement=item["replacement"],
            start=place(item["span"]["start"]),
            end=place(item["span"]["end"]),
            function=function
            and (place(function["span"]["start"]), place(function["span"]["end"])),
            returns=function["return_type"] if function else "",
        )
        if re.search(pattern, mutant.name):
            found.append(mutant)
    return found


def is_switchable(mutant: Mutant) -> bool:
    """Constants have no body to switch in; the arms of an `impl Trait` would differ in type."""
    return mutant.function is not None and "impl " not in mutant.returns


class Source:
    """One file's text, addressed by line and column."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.starts = [0]
        for line in text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def at(self, where: Place) -> int:
        return self.starts[where[0] - 1] + where[1] - 1

    def changed(self, mutant: Mutant, body: tuple[int, int]) -> str:
        start, end = self.at(mutant.start), self.at(mutant.end)
        return self.text[body[0] : start] + mutant.replacement + " " + self.text[end : body[1]]


def switched(text: str, mutants: Iterable[Mutant]) -> str:
    """The file with every function's body a choice between itself and its mutants."""
    source = Source(text)
    functions: dict[tuple[Place, Place], list[Mutant]] = collections.defaultdict(list)
    for mutant in mutants:
        assert mutant.function is not None
        functions[mutant.function].append(mutant)
    for (start, end), arms in sorted(functions.items(), reverse=True):
        values = [m for m in arms if m.genre == "FnValue"]
        if values:
            body = source.at(values[0].start), source.at(values[0].end)
        else:
            head = re.compile(r"\{[ ]*\n").search(text, source.at(start))
            assert head is not None, arms[0].name
            body = head.end(), source.at(end) - 1
        choices = "".join(
            f"\n/*mutant {m.id}*/ {m.id} => {{\n{source.changed(m, body)}\n}}\n/*end*/"
            for m in arms
        )
        whole = text[body[0] : body[1]]
        text = (
            f"{text[: body[0]]}match crate::chosen_mutant() {{{choices}"
            f"\n_ => {{\n{whole}\n}}\n}}{text[body[1] :]}"
        )
    return text


def write_tree(mutants: list[Mutant]) -> None:
    """Renews the copied tree; files that stay the same keep their time, so that little is built."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
    told = subprocess.run(
        [*listing, "Cargo.toml", "Cargo.lock", "rust", "benches", "tests"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    names = [name for name in told if name and (ROOT / name).is_file()]
    by_file = collections.defaultdict(list)
    for mutant in mutants:
        by_file[mutant.file].append(mutant)
    for old in TREE.rglob("*.rs"):
        if old.relative_to(TREE).as_posix() not in names:
            old.unlink()
    for name in names:
        data = (ROOT / name).read_bytes()
        if name.startswith(CORE) and name.endswith(".rs"):
            text = data.decode()
            if name in by_file:
                text = switched(text, by_file[name])
            if name == CORE + "lib.rs":
                text += CHOICE
            data = text.replace("const fn ", "fn ").encode()
        target = TREE / name
        if not target.exists() or target.read_bytes() != data:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)


def broken(messages: str) -> tuple[set[int], list[str]]:
    """Ids of the mutants in which the compiler found an error, and every error outside of them."""
    ids: set[int] = set()
    elsewhere = []
    for line in messages.splitlines():
        if not line.startswith("{"):
            continue
        item = json.loads(line)
        if item.get("reason") != "compiler-message" or item["message"]["level"] != "error":
            continue
        hit = set()
        for span in item["message"]["spans"]:
            if span["is_primary"] and (TREE / span["file_name"]).exists():
                lines = (TREE / span["file_name"]).read_text().splitlines()
                for above in reversed(lines[: span["line_start"]]):
                    if above.startswith("/*mutant "):
                        hit.add(int(above.split()[1].removesuffix("*/")))
                        break
                    if above.startswith("/*end*/"):
                        break
        ids |= hit
        if not hit and item["message"]["spans"]:
            elsewhere.append(item["message"]["rendered"])
    return ids, elsewhere


def cargo(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["cargo", *args, "--message-format=json"],
        cwd=TREE,
        env=os.environ | BUILD,
        capture_output=True,
        text=True,
        check=False,
    )


def build(mutants: list[Mutant], packages: list[str], cases: int) -> tuple[set[int], list[Program]]:
    """The ids of mutants that do not compile, and the test programs with all the others."""
    unviable: set[int] = set()
    while True:
        write_tree([m for m in mutants if m.id not in unviable])
        done = cargo("check", "-p", "mm-core")
        if done.returncode == 0:
            break
        ids, elsewhere = broken(done.stdout)
        print(f"{len(ids)} mutants do not compile", flush=True)
        if not ids:
            sys.exit("".join(elsewhere) or done.stderr)
        unviable |= ids
    done = cargo("test", "--no-run", "--lib", "--tests", *(f"-p={name}" for name in packages))
    if done.returncode != 0:
        sys.exit(done.stderr)
    programs = []
    for line in done.stdout.splitlines():
        item = json.loads(line) if line.startswith("{") else {}
        if item.get("reason") == "compiler-artifact" and item.get("executable"):
            place = Path(item["manifest_path"]).parent
            first = place.name == "mm-core" and item["target"]["kind"] == ["lib"]
            name, path = item["target"]["name"], Path(item["executable"])
            programs.append(Program(name, path, place, first, cases))
    return unviable, programs


def run(program: Program, mutant: int) -> str:
    """`passed`, `failed` or `timeout`; the first test that fails ends it."""
    child = subprocess.Popen(
        [str(program.path), "--test-threads=1", "-q"],
        cwd=program.cwd,
        env=os.environ | QUIET | {"MM_MUTANT": str(mutant), "PROPTEST_CASES": str(program.cases)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert child.stdout is not None
    ends = time.monotonic() + max(TIMEOUT_MIN_S, program.limit_s)
    with child.stdout as told:
        while select.select([told], [], [], max(0.0, ends - time.monotonic()))[0]:
            said = os.read(told.fileno(), 4096)
            if not said:
                return "passed" if child.wait() == 0 else "failed"
            if b"F" in said:
                break
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    return "failed" if time.monotonic() < ends else "timeout"


def judge(mutant: Mutant, programs: list[Program], before: Counts) -> tuple[str, str]:
    """The verdict, and the test program that gave it; what catches most in this file runs first."""

    def likely_cost(program: Program) -> float:
        caught, ran = before[mutant.file, program.name]
        return program.limit_s * (ran + 4) / (caught + (3 if program.is_first else 1))

    for program in sorted(programs, key=likely_cost):
        outcome = run(program, mutant.id)
        caught, ran = before[mutant.file, program.name]
        before[mutant.file, program.name] = caught + (outcome != "passed"), ran + 1
        if outcome != "passed":
            return ("caught" if outcome == "failed" else "timeout"), program.name
    return "missed", ""


def calibrate(programs: list[Program]) -> None:
    """Without a mutant all must pass; what that takes gives the time that a mutant may take."""
    for program in programs:
        began = time.monotonic()
        if run(program, 0) != "passed":
            sys.exit(f"{program.name} fails without a mutant")
        took = time.monotonic() - began
        program.limit_s = TIMEOUT_FACTOR * took
        print(f"{program.name}: {took:.1f} s", flush=True)


def table(results: dict[str, tuple[str, str]]) -> str:
    """Counts by module; the score is caught and timed out over all that could be built."""
    verdicts = ["caught", "timeout", "missed", "unviable", "unswitchable"]
    counts: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for name, (verdict, _) in results.items():
        for module in (name.split(":")[0], "all"):
            counts[module][verdict] += 1
    lines = ["| module | " + " | ".join(verdicts) + " | score |", "| --- |" + " ---: |" * 6]
    for module in sorted(counts, key=lambda name: (name == "all", name)):
        of = counts[module]
        seen = of["caught"] + of["timeout"]
        score = f"{seen / (seen + of['missed']):.1%}" if seen + of["missed"] else ""
        cells = [module, *(str(of[verdict]) for verdict in verdicts), score]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="regular expression over the names of mutants")
    parser.add_argument("--first", action="append", default=[], help="names to begin with, in turn")
    parser.add_argument("--shard", default="0/1", help="k/n: every n-th mutant from the k-th")
    parser.add_argument("--package", action="append", help="whose tests must notice (mm-core)")
    parser.add_argument("--iterate", action="store_true", help="leave out those caught before")
    parser.add_argument("--cases", type=int, default=64, help="of each property (64)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    kept = WORK / "results.json"
    results: dict[str, tuple[str, str]] = {}
    if args.iterate and kept.exists():
        results = {name: (one, by) for name, (one, by) in json.loads(kept.read_text()).items()}
    part, parts = map(int, args.shard.split("/"))
    mutants = listed(args.only)
    names = {mutant.name for mutant in mutants}
    results = {name: verdict for name, verdict in results.items() if name in names}
    results |= {m.name: ("unswitchable", "") for m in mutants if not is_switchable(m)}
    chosen = [m for m in mutants if is_switchable(m) and m.id % parts == part]
    if args.iterate:
        chosen = [m for m in chosen if results.get(m.name, ("missed", ""))[0] == "missed"]
    print(f"{len(chosen)} of {len(mutants)} mutants", flush=True)
    unviable, programs = build(chosen, args.package or ["mm-core"], args.cases)
    results |= {m.name: ("unviable", "") for m in chosen if m.id in unviable}
    calibrate(programs)
    left = [m for m in chosen if m.id not in unviable]
    random.Random(1).shuffle(left)  # what is cut short is a fair sample
    left.sort(key=lambda mutant: [not re.search(first, mutant.name) for first in args.first])
    before: Counts = collections.defaultdict(lambda: (0, 0))
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        verdicts = {pool.submit(judge, mutant, programs, before): mutant for mutant in left}
        for number, done in enumerate(concurrent.futures.as_completed(verdicts), start=1):
            mutant = verdicts[done]
            results[mutant.name] = done.result()
            if results[mutant.name][0] != "caught":
                print(f"{number}/{len(left)} {results[mutant.name][0]} {mutant.name}", flush=True)
            if number % 20 == 0 or number == len(left):
                kept.write_text(json.dumps(results, indent=1))
    print(table(results))


if __name__ == "__main__":
    main()
