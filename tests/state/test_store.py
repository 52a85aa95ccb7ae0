"""The database: promises kept, damage named, nothing given twice."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm._core import check_budget
from mm.acknowledgement import NewPeak
from mm.errors import RiskStop, StateError
from mm.exits import exit_of
from mm.kill_record import KillRecord
from mm.startup import refuse_while_killed
from mm.state import StateDir
from mm.store import FILE, SCHEMA, Counter, Store

KILL = KillRecord(
    reason="daily_loss",
    detail="",
    at_ns=1_767_225_600_000_000_000,
    coin="BTC",
    sz_decimals=5,
    position=-123,
    equity=9_512_340_000,
    on_kill="flatten",
    session=7,
)


_opened: list[Store] = []


@pytest.fixture(autouse=True)
def _close_in_the_end() -> Iterator[None]:
    """A store that a test leaves open stands for one whose process was killed."""
    yield
    while _opened:
        _opened.pop().close()


def open_store(path: Path) -> Store:
    _opened.append(Store.open(path, "paper", "default"))
    return _opened[-1]


def test_a_kill_is_on_the_disk_and_stands_until_it_is_acknowledged(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.kill_record() is None
    assert store.latch_kill(KILL) == KILL
    assert store.latch_kill(replace(KILL, reason="manual")) == KILL, "the first one stands"
    again = open_store(tmp_path)  # the first is never closed, as after kill -9
    assert again.kill_record() == KILL
    acknowledged = again.acknowledge("ann")
    assert acknowledged is not None
    assert acknowledged.record.acknowledged_by == "ann"
    assert again.acknowledge("bob") is None
    assert again.kill_record() is None
    assert again.last_kill() == acknowledged.record
    assert store.latch_kill(replace(KILL, reason="manual")).reason == "manual"


BUDGET = {
    "day": 20_454, "opening": 9_800, "peak": 10_000, "equity": 9_100,
    "transfers": 40, "at": 7,
}  # fmt: skip


def test_an_acknowledged_drawdown_takes_the_saved_equity_for_the_peak(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.save_budget(json.dumps(BUDGET))
    store.latch_kill(replace(KILL, reason="drawdown"))
    acknowledged = store.acknowledge("ann")
    assert acknowledged is not None
    assert acknowledged.peak == NewPeak(old=10_000, new=9_100)
    again = open_store(tmp_path)  # the first is never closed, as after kill -9
    kept = again.budget()
    assert kept is not None
    assert json.loads(kept) == {**BUDGET, "peak": 9_100}
    check_budget(kept.encode())
    found = again.read("new_peak/1")
    assert found is not None
    at = acknowledged.record.acknowledged_at
    assert json.loads(found[0]) == {"by": "ann", "at": at, "old": 10_000, "new": 9_100}


def test_no_other_kill_changes_the_peak_and_a_missing_equity_is_not_zero(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.latch_kill(replace(KILL, reason="drawdown"))
    acknowledged = store.acknowledge("ann")
    assert acknowledged is not None
    assert acknowledged.peak is None
    assert store.budget() is None
    store.save_budget(json.dumps(BUDGET))
    for reason in ("daily_loss", "manual"):
        store.latch_kill(replace(KILL, reason=reason))
        acknowledged = store.acknowledge("ann")
        assert acknowledged is not None
        assert acknowledged.peak is None
        assert json.loads(store.budget() or "") == BUDGET


def test_a_damaged_budget_keeps_the_latch(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.save_budget(json.dumps(BUDGET))
    store.latch_kill(replace(KILL, reason="drawdown"))
    with closing(sqlite3.connect(store.path)) as db, db:
        db.execute("UPDATE record SET digest = 'x' WHERE name = 'budget'")
    with pytest.raises(StateError, match="the checksum of record budget does not match"):
        store.acknowledge("ann")
    assert store.kill_record() is not None


def test_a_latched_kill_refuses_the_start_in_one_line(tmp_path: Path) -> None:
    with StateDir.open("paper", "default", tmp_path) as state:
        refuse_while_killed(state)
        state.store.latch_kill(KILL)
    with StateDir.open("paper", "default", tmp_path) as state:
        with pytest.raises(RiskStop) as refused:
            refuse_while_killed(state)
        assert exit_of(refused.value) == 4
        assert str(refused.value) == (
            "stopped by daily_loss at 2026-01-01T00:00:00Z, equity 9512.34 USDC,"
            " position -0.00123 BTC: look into it, then `mm unlock`"
        )
        state.store.acknowledge("ann")
        refuse_while_killed(state)


def test_a_record_is_made_of_what_the_engine_shows() -> None:
    kill = {"reason": "manual", "at": 5, "equity": None, "position": 3, "on_kill": "hold"}
    record = KillRecord.of_snapshot(kill, "ETH", 4, 9, detail="fat finger")
    assert record.words() == (
        "manual (fat finger) at 1970-01-01T00:00:00Z, equity unknown, position 0.0003 ETH"
    )


def test_small_records_come_back_with_their_age_and_damage_is_seen(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert store.budget() is None
    store.save_budget('{"day": 1}')
    store.save_budget('{"day": 2}')
    assert open_store(tmp_path).budget() == '{"day": 2}'
    found = store.read("budget")
    assert found is not None
    assert 0 <= found[1] < 60
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("UPDATE record SET body = '{\"day\": 3}'")
    db.close()
    with pytest.raises(StateError, match=r"state\.db: damaged \(the checksum of record budget"):
        store.budget()


def test_what_is_damaged_newer_or_of_others_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"garbage" * 1000)
    with pytest.raises(StateError, match=rf"{path}: damaged .* move state\.db\* away"):
        open_store(tmp_path)
    assert path.read_bytes() == b"garbage" * 1000
    path.unlink()
    open_store(tmp_path).close()
    with pytest.raises(StateError, match="the state of paper/default, not of paper/other"):
        Store.open(tmp_path, "paper", "other")
    with sqlite3.connect(path) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    db.close()
    before = path.read_bytes()
    with pytest.raises(StateError, match=r"written by a newer mm \(schema 2, this one knows 1\)"):
        open_store(tmp_path)
    assert path.read_bytes() == before


def test_another_programs_database_is_not_taken_over(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("CREATE TABLE songs (title TEXT)")
    db.close()
    with pytest.raises(StateError, match="a database, but not of mm"):
        open_store(tmp_path)


def test_a_page_that_was_overwritten_is_found_at_the_next_start(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for number in range(2_000):
        store.reserve((f"name-{number}", number))
    store.close()
    path = tmp_path / FILE
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    path.write_bytes(content)
    with pytest.raises(StateError, match="damaged"):
        open_store(tmp_path)
    assert path.read_bytes() == content


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    open_store(tmp_path).save_budget("{}")
    for file in tmp_path.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file.name


@settings(deadline=None, max_examples=30)
@given(lives=st.lists(st.lists(st.integers(0, 5_000), max_size=8), max_size=5))
def test_prop_counter_gives_no_number_twice(
    tmp_path_factory: pytest.TempPathFactory, lives: list[list[int]]
) -> None:
    path = tmp_path_factory.mktemp("counter")
    given_out: list[int] = []
    for life in lives:  # a life ends without a word, as in kill -9
        counter = Counter(open_store(path), "nonce", block=100)
        given_out += [counter.next(at_least) for at_least in life]
    assert given_out == sorted(set(given_out))


def test_counter_is_durable_before_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(tmp_path)
    counter = Counter(store, "nonce")
    assert counter.next(5) == 5
    assert open_store(tmp_path).reserved("nonce") == 1005
    assert [counter.next() for _ in range(999)][-1] == 1004
    assert store.reserved("nonce") == 1005

    def full_disk(*_reserved: tuple[str, int]) -> None:
        raise StateError("disk full")

    monkeypatch.setattr(store, "reserve", full_disk)
    with pytest.raises(StateError, match="disk full"):
        counter.next()
