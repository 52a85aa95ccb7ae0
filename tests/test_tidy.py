"""The rules of style that a regular expression can check, over every tracked file.

A line that must break one carries `tidy: <why>` in a comment, or under one.
"""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SELF = Path(__file__).relative_to(ROOT).as_posix()


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def offending(pattern: str, suffixes: tuple[str, ...], *under: str) -> list[str]:
    """`file:line: text` of every line that matches and does not say why it may."""
    found = []
    rule = re.compile(pattern)
    for path in tracked():
        name = path.relative_to(ROOT).as_posix()
        if name == SELF or not name.endswith(suffixes) or (under and not name.startswith(under)):
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, (before, line) in enumerate(zip(["", *lines], lines, strict=False), start=1):
            if rule.search(line) and "tidy: " not in before + line:
                found.append(f"{name}:{number}: {line.strip()}")
    return found


def source_of_core(lines: list[str]) -> list[str]:
    """Without the files that hold nothing but tests."""
    return [line for line in lines if not re.search(r"/(tests|vectors)\.rs:", line)]


CODE = (".rs", ".py", ".pyi", ".toml", ".sh", "Makefile", ".ci/run")
TEXT = (*CODE, ".md", ".txt", ".in")


def test_nothing_is_left_for_later() -> None:
    assert offending(r"\b(TODO|FIXME|XXX|HACK)\b|\b(todo|unimplemented|dbg)!", CODE) == []


def test_no_machine_is_named() -> None:
    hosts = r"pypi\.org|pythonhosted|crates\.io/|index-url|extra-index|find-links\b(?! )"
    assert offending(rf"(?<![\w.])/(work|root|opt|home)/|{hosts}", TEXT, "rust", "python") == []
    assert offending(hosts, (".txt", ".in"), "requirements") == []


def test_rooms_say_what_happens_in_them() -> None:
    vague = {"helper", "helpers", "util", "utils", "common", "misc", "handler", "handlers", "base"}
    names = [path.stem for path in tracked() if path.suffix in {".rs", ".py"}]
    assert vague & set(names) == set()


def test_files_are_one_idea() -> None:
    """At 500 lines ask what the second idea is; here the asking ends."""
    long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in tracked()
        if path.suffix in {".rs", ".py"}
        and "tests" not in path.relative_to(ROOT).parts
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > 650
    }
    assert long == {}


def test_core_asks_for_nothing() -> None:
    """No clock, I/O, randomness, logging or thread in the core; its tests may read vectors."""
    asks = r"std::(time|fs|net|thread|env|process)\b|\brand\b|println!|\blog::|tracing|pyo3"
    assert source_of_core(offending(asks, (".rs",), "rust/mm-core/src")) == []


def test_missing_is_not_zero() -> None:
    """No neutral default stands in for something that a decision reads."""
    zero = r"unwrap_or\(0(\.0)?\)|unwrap_or_default\(\)"
    assert source_of_core(offending(zero, (".rs",), "rust/mm-core/src")) == []
    assert offending(r"\.get\([^()]+, 0(\.0)?\)", (".py",), "python") == []


def test_errors_are_caught_broadly_only_at_the_edges() -> None:
    broad = offending(r"except (Exception|BaseException)\b|except:", (".py",), "python")
    edges = ("python/mm/cli.py", "python/mm/session.py")
    assert [line for line in broad if not line.startswith(edges)] == []
