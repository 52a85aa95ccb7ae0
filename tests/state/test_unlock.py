"""`mm unlock` and the refusal of `mm run`, as a user meets them."""

import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest

from maker_process import state_dir
from mm.cli import run
from mm.errors import ConfigError, StateError
from mm.kill_record import KillRecord
from mm.state import StateDir

KILL = KillRecord(
    reason="drawdown",
    detail="",
    at_ns=1_767_225_600_000_000_000,
    coin="BTC",
    sz_decimals=5,
    position=0,
    equity=None,
    on_kill="flatten",
    session=7,
)


def latch() -> None:
    with StateDir.open("paper", "default") as state:
        state.store.latch_kill(KILL)


def started() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mm", "run", "--no-ui", "--json", "--duration", "1"]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_a_killed_account_refuses_to_run_with_exit_4_and_starts_nothing() -> None:
    latch()
    for _ in range(2):
        refused = started()
        assert refused.returncode == 4
        assert refused.stdout == ""
        assert refused.stderr == (
            "mm: stopped by drawdown at 2026-01-01T00:00:00Z, equity unknown, position 0 BTC:"
            " look into it, then `mm unlock`\n"
        )
    assert not (state_dir() / "runs").exists()
    assert not (state_dir() / "exchange.json").exists()


def test_unlock_shows_the_record_and_lifts_it_once(capsys: pytest.CaptureFixture[str]) -> None:
    latch()
    run(["unlock", "--by", "ann"])
    said = capsys.readouterr().out
    assert "killed: drawdown at 2026-01-01T00:00:00Z, equity unknown, position 0 BTC" in said
    assert "acknowledged by ann at " in said
    assert "no equity is saved: peak and opening stay unknown" in said
    assert said.endswith("mm run starts again\n")
    run(["unlock"])
    assert capsys.readouterr().out == "nothing to unlock: paper/default is not stopped\n"
    with StateDir.open("paper", "default") as state:
        last = state.store.last_kill()
        assert last is not None
        assert last.acknowledged_by == "ann"


def test_unlock_signs_with_the_login_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "operator")
    latch()
    run(["unlock"])
    assert "acknowledged by operator at" in capsys.readouterr().out


def test_unlock_by_a_user_without_a_name_signs_with_the_uid(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container that runs under a number: no entry, and nothing in the environment."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000)
    latch()
    run(["unlock"])
    assert "acknowledged by uid 4000000 at" in capsys.readouterr().out


def test_unlock_of_nothing_says_so_and_makes_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MM_STATE_DIR", str(tmp_path))
    run(["unlock"])
    assert capsys.readouterr().out == "nothing to unlock: paper/default has no state\n"
    run(["unlock", "--network", "testnet", "--account", "0xAB"])
    assert "testnet/0xab has no state" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_unlock_refuses_what_it_cannot_mean() -> None:
    latch()
    with pytest.raises(ConfigError, match="--asset was ETH, but the kill was of BTC"):
        run(["unlock", "--asset", "ETH"])
    with pytest.raises(ConfigError, match="--by was empty"):
        run(["unlock", "--by", " "])
    with pytest.raises(ConfigError, match="network mainnet: give --account"):
        run(["unlock", "--network", "mainnet"])
    with pytest.raises(ConfigError, match="--network was 'moon', expected one of paper"):
        run(["unlock", "--network", "moon"])
    with (
        StateDir.open("paper", "default"),
        pytest.raises(StateError, match="held by another mm"),
    ):
        run(["unlock"])
    assert started().returncode == 4


def test_a_damaged_database_refuses_to_start_and_nothing_is_lost() -> None:
    latch()
    path = state_dir() / "state.db"
    content = path.read_bytes()
    path.write_bytes(content[:100] + b"\xff" * 8000)
    broken = path.read_bytes()
    refused = started()
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith(f"mm: {path}: damaged (")
    assert path.read_bytes() == broken
    path.write_bytes(content)
    assert started().returncode == 4
