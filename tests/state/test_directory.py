"""State: one holder, numbers never twice, records whole or not at all."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mm.errors import StateError
from mm.state import StateDir, coin_dir, holder, state_root


def test_root_is_where_the_environment_says() -> None:
    assert state_root({"MM_STATE_DIR": "/a", "XDG_STATE_HOME": "/b"}) == Path("/a")
    assert state_root({"XDG_STATE_HOME": "/b"}) == Path("/b/mm")
    assert state_root({}) == Path.home() / ".local" / "state" / "mm"


def test_second_process_is_refused_with_the_pid(tmp_path: Path) -> None:
    with StateDir.open("paper", "default", tmp_path):
        source = (
            "import pathlib, sys; from mm.state import StateDir;"
            "StateDir.open('paper', 'default', pathlib.Path(sys.argv[1]))"
        )
        second = subprocess.run(
            [sys.executable, "-c", source, tmp_path], capture_output=True, text=True, check=False
        )
        assert second.returncode != 0
        assert f"paper/default is held by another mm, pid {os.getpid()}" in second.stderr
        StateDir.open("paper", "other", tmp_path).close()
    StateDir.open("paper", "default", tmp_path).close()


def test_killed_holder_lets_go(tmp_path: Path) -> None:
    source = (
        "import pathlib, signal, sys; from mm.state import StateDir;"
        "held = StateDir.open('paper', 'default', pathlib.Path(sys.argv[1]));"
        "print('held', flush=True); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", source, tmp_path], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StateError, match=f"pid {holder.pid}"):
            StateDir.open("paper", "default", tmp_path)
        holder.send_signal(signal.SIGKILL)
    StateDir.open("paper", "default", tmp_path).close()


def test_account_is_one_folder_whatever_its_case(tmp_path: Path) -> None:
    with StateDir.open("mainnet", "0xAbC", tmp_path) as held:
        assert held.path == tmp_path / "mainnet" / "0xabc"
    for wrong in ("", "..", "a/b", ".hidden"):
        with pytest.raises(StateError, match="cannot name a state directory"):
            StateDir.open("paper", wrong, tmp_path)


def test_counters_of_earlier_versions_go_on_where_they_were(tmp_path: Path) -> None:
    with StateDir.open("paper", "default", tmp_path) as held:
        (held.path / "counter-nonce-0xabc").write_text("12000")
        (held.path / "counter-session").write_text("500")
        assert held.counter("nonce-0xabc").next(3) == 12_000
        assert held.new_session(7) == 500
        assert list(held.path.glob("counter-*")) == []
    with StateDir.open("paper", "default", tmp_path) as held:
        assert held.counter("nonce-0xabc").next(3) == 13_000
        (held.path / "counter-nonce-0xabc").write_text("12x")
    with (
        StateDir.open("paper", "default", tmp_path) as held,
        pytest.raises(StateError, match="counter-nonce-0xabc: expected a whole number"),
    ):
        held.counter("nonce-0xabc")


def test_who_holds_the_state_is_seen_without_holding_it(tmp_path: Path) -> None:
    assert holder(tmp_path / "paper" / "default") is None
    with StateDir.open("paper", "default", tmp_path) as held:
        assert holder(held.path) == os.getpid()
    assert holder(held.path) is None


def test_sessions_rise_when_the_clock_goes_back(tmp_path: Path) -> None:
    with StateDir.open("paper", "default", tmp_path) as held:
        assert [held.new_session(now_ms) for now_ms in (1_000, 900, 900, 5_000)] == [
            1_000,
            1_001,
            1_002,
            5_000,
        ]


def test_records_come_back_and_broken_ones_are_named(tmp_path: Path) -> None:
    with StateDir.open("paper", "default", tmp_path) as held:
        assert held.read("exchange") is None
        held.write("exchange", {"port": 4001})
        assert held.read("exchange") == {"port": 4001}
        assert sorted(entry.name for entry in held.path.iterdir()) == ["exchange.json", "lock"]
        for broken in ("{", "[]"):
            (held.path / "exchange.json").write_text(broken)
            with pytest.raises(
                StateError, match=r"exchange\.json: damaged \(expected a JSON"
            ) as told:
                held.read("exchange")
            assert "Move it away: the next run makes its own" in str(told.value)


def test_records_are_their_owners_alone(tmp_path: Path) -> None:
    with StateDir.open("paper", "default", tmp_path) as held:
        (held.path / ".wallet.json.new").touch(mode=0o644)
        held.write("wallet", {"secret": "x"})
        assert (held.path / "wallet.json").stat().st_mode & 0o777 == 0o600
        assert held.path.stat().st_mode & 0o777 == 0o700


def test_new_exchange_archives_the_old_state_but_not_its_runs(tmp_path: Path) -> None:
    with StateDir.open("paper", "default", tmp_path) as held:
        assert not held.adopt_instance("one")
        held.write("day", {"equity": "10000"})
        held.store.save_budget("{}")
        run = held.new_run("BTC", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        assert held.adopt_instance("one")
        assert held.read("day") == {"equity": "10000"}
        assert not held.adopt_instance("two")
        assert held.read("day") is None
        assert held.store.budget() is None
        assert run.is_dir()
        (archived,) = (held.path / "archive").iterdir()
        assert sorted(entry.name for entry in archived.iterdir()) == [
            "day.json",
            "instance.json",
            "state.db",
        ]


def test_runs_have_directories_of_their_own(tmp_path: Path) -> None:
    start = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    with StateDir.open("paper", "default", tmp_path) as held:
        wanted = (["BTC"], ["BTC"], ["xyz:GOLD"], ["BTC", "ETH"])
        runs = [held.new_run(coins, start) for coins in wanted]
        assert [run.name.removeprefix("20260102T030405Z-") for run in runs] == [
            "BTC", "BTC-2", "xyz-GOLD", "BTC-ETH",
        ]  # fmt: skip
        assert coin_dir(runs[0], "BTC", alone=True) == runs[0]
        assert coin_dir(runs[3], "xyz:GOLD", alone=False) == runs[3] / "xyz-GOLD"
        assert (runs[3] / "xyz-GOLD").is_dir()
