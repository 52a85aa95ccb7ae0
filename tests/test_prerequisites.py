"""A machine that lacks something hears its name in one line, before anything is built."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = ("sh", "bash", "make", "find", "head", "mkdir", "touch", "grep", "sed", "uname", "env")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with the shell's own tools and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found, f"{name} is missing on this machine"
        (folder / name).symlink_to(found)
    return folder


def command(folder: Path, name: str, prints: str = "", status: int = 0) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\necho '{prints}'\nexit {status}\n")
    file.chmod(0o755)


def refusal(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        [ROOT / "requirements" / "prerequisites.sh", *arguments],
        env={"PATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) == (done.stderr == "")
    assert done.stderr.count("\n") <= 1
    return done.stderr.removeprefix("mm: missing prerequisite: ")


def test_no_python(tools: Path) -> None:
    assert refusal(tools, "python3").startswith("Python 3.11 or newer (no python3 on PATH")
    assert refusal(tools, "").startswith("Python 3.11 or newer (no python3 on PATH")


def test_old_python(tools: Path) -> None:
    command(tools, "python3", "Python 3.9.2", status=1)
    assert refusal(tools, "python3").startswith("Python 3.11 or newer (python3 is Python 3.9.2")


def test_no_cargo_old_rust_no_compiler(tools: Path) -> None:
    assert refusal(tools, sys.executable).startswith("Rust 1.85 or newer (no cargo")
    command(tools, "cargo")
    command(tools, "rustc", "rustc 1.63.0 (4b91a6ea7 2022-08-08)")
    assert refusal(tools, sys.executable).startswith("Rust 1.85 or newer (rustc is 1.63.0")
    command(tools, "rustc", "rustc 1.85.0 (4d91de4e4 2025-02-17)")
    assert refusal(tools, sys.executable).startswith("a C compiler (no cc on PATH")
    command(tools, "cc")
    assert refusal(tools, sys.executable) == ""


def test_make_stops_at_once_with_that_line(tools: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    for name in ("Makefile", "Cargo.toml", "Cargo.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, checkout)
    shutil.copytree(ROOT / "requirements", checkout / "requirements")
    (checkout / "rust").mkdir()
    done = subprocess.run(
        ["make", "run"],
        cwd=checkout,
        env={"PATH": str(tools), "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert len(said) == 1
    assert said[0].startswith("mm: missing prerequisite: Python 3.11 or newer")
    assert not (checkout / ".venv").exists()
