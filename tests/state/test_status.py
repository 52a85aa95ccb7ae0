"""`mm status` and `mm kill`: what a running maker answers, and what is left when none runs."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from maker_lives import COIN, Life, World
from mm import keeper, status
from mm.answers import answer_on
from mm.cli import run
from mm.control_socket import ControlSocket, NobodyAnswersError, ask_running
from mm.errors import StateError
from mm.ledger import Books
from mm.sorting import Inboxes
from mm.state import StateDir
from mm.store import FILE, Store
from mm.watchdog.directory import Doing, Status, WatchdogDir

Json = Any  # whatever JSON holds


@asynccontextmanager
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Life]:
    """A maker on the account that the commands look at, with its socket."""
    monkeypatch.setenv("MM_STATE_DIR", str(tmp_path))
    life = Life(World.begin(3), tmp_path)
    await life.start()
    async with ControlSocket(life.state.path) as control:
        answer_on(control, life.keepers, Inboxes({COIN: life.inbox}), life.clock)
        await life.live(100)
        yield life


async def said(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and output of a command that runs beside the maker."""
    code = await asyncio.to_thread(run, list(words))
    return code, capsys.readouterr().out


async def test_a_running_maker_says_how_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path, monkeypatch) as life:
        code, text = await said("status", "--json", capsys=capsys)
        assert code == 0
        found = json.loads(text)
        assert (found["answers"], found["session"], found["kill"]) == (True, life.session_id, None)
        stands, shown = found["standing"], life.engine.snapshot()
        assert stands["orders"]["bids"] + stands["orders"]["asks"] == len(shown["orders"]) > 0
        assert float(stands["position"]) * 1e5 == pytest.approx(shown["position"])
        assert stands["limit"]["binding"]
        assert (stands["mode"], stands["cycle"]) == (shown["mode"], shown["cycle"])
        assert stands["phase"] == shown["phase"]
        assert float(stands["equity_usd"]) * 1e6 == pytest.approx(shown["account_value"])
        assert found["day"]["fills"] == len(life.books.tids()) > 0
        code, text = await said("status", capsys=capsys)
        assert code == 0
        assert "paper/default: running, pid " in text
        assert "bound by" in text
        assert f"Mode         {shown['mode']}" in text
    life.state.close()


async def test_the_last_known_is_shown_when_none_runs_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path, monkeypatch) as life:
        alive = json.loads((await said("status", "--json", capsys=capsys))[1])
    assert run(["status", "--json"]) == 1
    held = json.loads(capsys.readouterr().out)
    assert (held["answers"], held["pid"]) == (False, alive["pid"])
    assert held["standing"] == alive["standing"]
    assert run(["status"]) == 1
    assert "which does not answer: starting, ending or hung" in capsys.readouterr().out
    life.state.close()
    assert run(["status", "--json"]) == 1
    gone = json.loads(capsys.readouterr().out)
    assert (gone["pid"], gone["standing"]) == (None, alive["standing"])
    assert 0 <= gone["age_s"] < 60
    assert run(["status"]) == 1
    text = capsys.readouterr().out
    assert "paper/default: no maker runs" in text
    assert "Watchdog     none has run" in text
    assert f"s ago, of session {life.session_id}" in text


@pytest.mark.parametrize(
    ("doing", "why", "position", "shown"),
    [
        ("done", "flat", 0, "done (flat), position 0 BTC"),
        ("done", "goodbye", 530, "done (goodbye), the maker ended by itself"),
        ("working", "dead", -1000, "working (dead), position -0.01 BTC"),
        ("watching", "", None, "watching, position not asked for yet"),
    ],
)
async def test_after_a_makers_death_the_watchdog_is_named_and_its_orders_are_not_live(
    doing: Doing,
    why: str,
    position: int | None,
    shown: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with running(tmp_path, monkeypatch) as life:
        watchdog = WatchdogDir(life.state.path)
        watchdog.make()
        positions = None if position is None else {COIN: position}
        watchdog.write_status(Status(9, 1, doing, why, life.session_id, positions, 4))
        alive = json.loads((await said("status", "--json", capsys=capsys))[1])
        assert alive["orders_live"] is True
        assert alive["watchdog"]["doing"] == doing
    run(["status"])
    assert "not certain, its maker does not answer" in capsys.readouterr().out
    life.state.close()
    with watchdog.held():
        assert run(["status"]) == 1
        text = capsys.readouterr().out
        assert f"Watchdog     {shown}, session {life.session_id}\n" in text
        for name in ("Bids", "Asks", "Position"):
            (line,) = (line for line in text.splitlines() if line.split()[0] == name)
            assert line.endswith("then: not live, no maker runs")
        run(["status", "--json"])
        dead = json.loads(capsys.readouterr().out)
        assert dead["orders_live"] is False
        assert (dead["watchdog"]["why"], dead["watchdog"]["positions_lots"]) == (why, positions)
    run(["status"])
    assert ("lives no more" in capsys.readouterr().out) == (doing != "done")


async def test_a_manual_kill_is_on_the_disk_when_the_command_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running(tmp_path, monkeypatch) as life:
        command = asyncio.create_task(said("kill", "--why", "fat finger", capsys=capsys))
        while not command.done():
            await life.live(1)
            await asyncio.sleep(0)
        code, text = command.result()
        assert code == 0
        assert "killed: manual (fat finger) at " in text
        # Another process, which knows nothing of this one's memory.
        with sqlite3.connect(life.state.store.path) as db:
            assert db.execute("SELECT reason, detail FROM kill").fetchall() == [
                ("manual", "fat finger")
            ]
        db.close()
        code, text = await said("status", capsys=capsys)
        assert code == 4
        assert "KILLED       manual (fat finger)" in text
        assert "(killed: manual)" in text
        assert "none: killed" in text
    life.state.close()
    assert run(["status", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["kill"]["reason"] == "manual"
    run(["unlock", "--by", "ann"])
    capsys.readouterr()
    assert run(["status"]) == 1


def test_nobody_is_there_to_be_killed_or_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MM_STATE_DIR", str(tmp_path))
    with pytest.raises(NobodyAnswersError, match="no maker runs for"):
        run(["kill"])
    assert run(["status"]) == 1
    assert capsys.readouterr().out == "paper/default: no maker runs\n"
    assert list(tmp_path.iterdir()) == [], "asking makes nothing"


async def test_a_why_that_is_no_reason_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch) as life:
        for why in (7, "x" * 1000):
            with pytest.raises(StateError, match=r"why was .*, expected at most 500 characters"):
                await asyncio.to_thread(ask_running, life.state.path, {"ask": "kill", "why": why})
        assert life.keeper.killed is None
    life.state.close()


async def test_a_kill_that_the_disk_does_not_take_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, monkeypatch) as life:
        store = life.state.store
        with monkeypatch.context() as broken:

            def full(_record: object) -> None:
                raise StateError("disk full")

            broken.setattr(store, "latch_kill", full)
            life.session._handle(life.manual_kill())
            assert life.keeper.killed is not None, "the kill goes on whatever the disk does"
        assert store.kill_record() is None
        life.keeper.save()
        assert store.kill_record() == life.keeper.killed
    life.state.close()


async def test_the_log_beside_the_database_is_kept_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeper, "BEAT_S", 0.001)
    monkeypatch.setattr(keeper, "CHECKPOINT_BEATS", 2)
    async with running(tmp_path, monkeypatch) as life:
        tids = life.books.tids()
        assert tids
        beats = asyncio.create_task(life.keepers.run())
        await asyncio.sleep(0.5)
        beats.cancel()
        # The file alone, without its log: what was in the log has been moved into it.
        copy = tmp_path / "copy"
        copy.mkdir()
        (copy / FILE).write_bytes(life.state.store.path.read_bytes())
        with closing(Store.open(copy, "paper", "default")) as alone:
            assert Books(alone, "BTC", 5, 1).tids() == tids
    life.state.close()


def test_the_state_of_a_damaged_database_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MM_STATE_DIR", str(tmp_path))
    with StateDir.open("paper", "default") as state:
        path = state.store.path
    path.write_bytes(b"garbage" * 100)
    with pytest.raises(StateError, match="damaged"):
        status.find("paper", "default")
