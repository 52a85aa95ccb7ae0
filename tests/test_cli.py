"""The command line: fast help, one line and the right exit code for every kind of error."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

import mm as mm_package
from mm import cli
from mm.config import example_toml
from mm.errors import CheckFailed, ConfigError, InvariantError, MmError, RiskStop, VenueError
from mm.exits import Exit, exit_of


def mm(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mm", *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def quickest(command: list[str], times: int = 5) -> float:
    took = []
    for _ in range(times):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        took.append(time.perf_counter() - start)
    return min(took)


def test_help_costs_a_few_interpreter_starts() -> None:
    # 104 ms against 14 ms when it was written; one of pydantic adds 10 starts.
    bare = quickest([sys.executable, "-c", "pass"])
    helped = quickest([sys.executable, "-m", "mm", "--help"])
    assert helped < 14 * bare, f"mm --help took {helped:.3f} s, an empty interpreter {bare:.3f} s"


def test_help_imports_no_command() -> None:
    source = (
        "import sys, mm.cli\n"
        "mm.cli.run(['--help'])\n"
        "heavy = {'pydantic', 'aiohttp', 'numpy', 'structlog', 'mm._core', 'rich.console'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_help_lists_every_command() -> None:
    done = mm()
    assert done.returncode == 0
    for name in cli.COMMANDS:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_has_help(name: str) -> None:
    done = mm(name, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: mm {name} ")


def test_version() -> None:
    done = mm("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("mm ")


@pytest.mark.parametrize(
    "arguments", [("confg",), ("config", "check"), ("config", "show", "--colour"), ("--colour",)]
)
def test_wrong_usage_is_one_line_and_exit_2(arguments: tuple[str, ...]) -> None:
    done = mm(*arguments)
    assert done.returncode == Exit.USAGE
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("mm: ")


def test_faulty_file_is_named_and_exit_2(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[limits]\nmax_position = 1\n")
    done = mm("config", "check", str(file))
    assert done.returncode == Exit.USAGE
    assert f"mm: {file}: [limits] max_position = 1: unknown key" in done.stderr


def test_config_init_writes_the_example_and_never_over_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mm.toml"
    assert mm("config", "init", str(file)).returncode == 0
    assert file.read_text() == example_toml()
    file.write_text("mine")
    assert mm("config", "init", str(file)).returncode == Exit.USAGE
    assert file.read_text() == "mine"
    assert mm("config", "init", "--force", str(file)).returncode == 0


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CheckFailed("x"), 1),
        (ConfigError("x"), 2),
        (FileNotFoundError("x"), 2),
        (VenueError("x"), 3),
        (ConnectionRefusedError("x"), 3),
        (RiskStop("x"), 4),
        (InvariantError("x"), 5),
        (ZeroDivisionError("x"), 5),
        (KeyboardInterrupt(), 130),
    ],
)
def test_exit_codes(error: BaseException, code: int) -> None:
    assert exit_of(error) == code


def test_a_path_that_cannot_be_used_comes_first_in_its_error(tmp_path: Path) -> None:
    file = tmp_path / "no" / "mm.toml"
    done = mm("config", "init", str(file))
    assert done.returncode == Exit.USAGE
    assert done.stderr == f"mm: {file}: No such file or directory\n"


def test_a_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m mm config show | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_error_of_ours_has_a_code_of_its_own_choosing() -> None:
    def all_kinds(kind: type[MmError]) -> list[type[MmError]]:
        return [kind, *(k for sub in kind.__subclasses__() for k in all_kinds(sub))]

    undecided = [
        kind
        for kind in all_kinds(MmError)
        if kind is not MmError
        and not issubclass(kind, InvariantError)
        and exit_of(kind("x")) is Exit.INVARIANT
    ]
    assert undecided == []


def test_everything_the_package_offers_is_there() -> None:
    assert {"Engine", "derive_limits", "size_ladder", "reduce_only_filter"} <= set(
        mm_package.__all__
    )
    for name in mm_package.__all__:
        assert getattr(mm_package, name).__doc__, name
