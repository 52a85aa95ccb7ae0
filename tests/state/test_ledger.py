"""The ledger that outlives sessions: once each, positions that follow, differences written down."""

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mm.errors import InvariantError
from mm.ledger import DAY_NS, Books
from mm.store import FILE, Store

Entry = dict[str, Any]
NOON = 20_000 * DAY_NS + DAY_NS // 2


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path, "paper", "default")
    yield opened
    opened.close()


def books(store: Store, session: int = 1, coin: str = "BTC") -> Books:
    return Books(store, coin, 5, session)


def fill(tid: int, sz: int, exch: int, *, away: bool = False) -> Entry:
    return {
        "kind": "fill",
        "exch": exch,
        "tid": tid,
        "oid": 9,
        "cloid": None,
        "side": "Bid" if sz > 0 else "Ask",
        "px": 1_000_000,
        "sz": abs(sz),
        "start_position": 0,
        "fee": 15,
        "taker": False,
        "before_anchor": away,
    }


def payment(kind: str, usd: int, exch: int, number: int = 0) -> Entry:
    return {"kind": kind, "exch": exch, "usd": usd, "id": number, "before_anchor": False}


def test_an_entry_is_kept_once_whoever_tells_it_again(store: Store) -> None:
    first = books(store)
    assert first.post([fill(1, 5, NOON), fill(2, -3, NOON)]) == 2
    assert books(store, session=2).post([fill(2, -3, NOON, away=True), fill(3, 1, NOON)]) == 1
    assert first.tids() == [1, 2, 3]
    eth = books(store, coin="ETH")
    assert eth.post([fill(1, 5, NOON)]) == 1, "trade ids are unique for one coin"
    transfer = payment("transfer", 7, NOON)
    assert first.post([transfer, transfer, payment("transfer", 7, NOON, number=1)]) == 2
    assert eth.post([transfer]) == 0, "a transfer belongs to the account"


def test_a_batch_is_kept_whole_or_not_at_all(store: Store) -> None:
    with pytest.raises(InvariantError, match="kind 'gift'"):
        books(store).post([fill(1, 5, NOON), payment("gift", 1, NOON)])
    broken = {**fill(2, 5, NOON), "fee": None}
    with pytest.raises(Exception, match="NOT NULL"):
        books(store).post([fill(1, 5, NOON), broken])
    assert books(store).tids() == []


def test_the_position_follows_from_opening_trades_and_corrections(store: Store) -> None:
    ledger = books(store)
    assert ledger.position(NOON) is None
    assert ledger.post([fill(1, 50, NOON - 1, away=True)]) == 1
    opened = ledger.reconcile(7, NOON)
    assert (opened.stored, opened.explained_by, opened.agrees) == (None, 0, True)
    assert ledger.position(NOON) == 7, "trades up to the opening are in it"
    ledger.post([fill(2, 5, NOON + 1), fill(3, -20, NOON + 2)])
    assert ledger.position(NOON + 1) == 12
    assert ledger.position(NOON + 2) == -8
    correction = {"kind": "correction", "exch": NOON + 3, "from": -8, "to": 4, "usd": 0}
    ledger.post([correction])
    ledger.post([fill(4, 1, NOON + 4)])
    assert ledger.position(NOON + 9) == 5


def test_trades_while_nobody_ran_explain_the_position_and_are_in_the_day(store: Store) -> None:
    before = books(store)
    before.reconcile(0, NOON)
    before.post([fill(1, 5, NOON + 1)])
    after = books(store, session=2)
    after.post([fill(1, 5, NOON + 1, away=True), fill(2, -9, NOON + 5, away=True)])
    with capture_logs() as said:
        found = after.reconcile(-4, NOON + 9)
    assert (found.stored, found.found, found.explained_by, found.agrees) == (-4, -4, 1, True)
    assert [line["event"] for line in said] == ["filled_while_away", "position_inherited"]
    day = after.day(20_000)
    assert (day.fills, day.away, day.fees, day.corrections) == (2, 1, 30, 0)
    assert day.notional == 14_000_000
    assert after.day(20_001).fills == 0


def test_a_position_that_no_trade_explains_is_corrected_and_told(store: Store) -> None:
    books(store).reconcile(0, NOON)
    after = books(store, session=2)
    with capture_logs() as said:
        found = after.reconcile(3, NOON + 9)
    assert not found.agrees
    assert [(line["event"], line["log_level"]) for line in said] == [
        ("position_corrected", "error"),
        ("position_inherited", "warning"),
    ]
    assert after.position(NOON + 9) == 3
    assert after.day(20_000).corrections == 1
    assert books(store, session=3).reconcile(3, NOON + 10).agrees


def test_payments_are_counted_in_their_day(store: Store) -> None:
    ledger = books(store)
    ledger.reconcile(0, NOON)
    ledger.post([payment("funding", -3, NOON + 1), payment("transfer", 100, NOON + 1)])
    ledger.post([payment("funding", -4, NOON + DAY_NS)])
    day = ledger.day(20_000)
    assert (day.funding, day.transfers, day.fills) == (-3, 100, 0)
    assert ledger.day(20_001).funding == -4


def left_by_a_kill(store: Store, to: Path) -> Store:
    """What a killed writer leaves: the files as they are now, whatever it was about to do."""
    to.mkdir()
    for file in store.path.parent.glob(f"{FILE}*"):
        # The shared-memory index dies with its processes.
        if not file.name.endswith("-shm"):
            (to / file.name).write_bytes(file.read_bytes())
    return Store.open(to, "paper", "default")


def test_a_killed_writer_loses_nothing_it_has_returned_from(store: Store, tmp_path: Path) -> None:
    dice = random.Random(5)
    ledger = books(store)
    ledger.reconcile(0, NOON)
    posted: list[int] = []
    for life in range(25):
        for _ in range(dice.randrange(1, 20)):
            tids = range(len(posted), len(posted) + dice.randrange(1, 4))
            ledger.post([fill(tid, 1, NOON + 1 + tid) for tid in tids])
            posted += tids
            if dice.random() < 0.2:
                store.checkpoint()
        again = left_by_a_kill(store, tmp_path / f"life-{life}")
        assert books(again).tids() == posted
        assert books(again).position(NOON + DAY_NS) == len(posted)
        again.close()


def test_a_torn_log_gives_back_whole_steps_and_no_more(store: Store, tmp_path: Path) -> None:
    """A host that died: the log beside the file ends anywhere. Steps are whole, or not there."""
    ledger = books(store)
    ledger.reconcile(0, NOON)
    store.checkpoint()
    steps = [[3 * step + part for part in range(3)] for step in range(30)]
    for step in steps:
        ledger.post([fill(tid, 1, NOON + 1 + tid) for tid in step])
    whole, beside = (store.path.with_name(name).read_bytes() for name in (FILE, f"{FILE}-wal"))
    dice, seen = random.Random(7), set()
    for number in range(25):
        torn = tmp_path / f"torn-{number}"
        torn.mkdir()
        (torn / FILE).write_bytes(whole)
        (torn / f"{FILE}-wal").write_bytes(beside[: dice.randrange(len(beside) + 1)])
        again = Store.open(torn, "paper", "default")
        tids = books(again).tids()
        again.close()
        assert len(tids) % 3 == 0
        assert tids == list(range(len(tids)))
        seen.add(len(tids))
    assert len(seen) > 5, "cuts fell in many places"


def test_a_writer_killed_within_a_step_leaves_none_of_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every statement of the write is a place to die: what is on disk then has all or nothing."""
    ledger = books(store)
    ledger.reconcile(0, NOON)
    deaths: list[tuple[str, list[int]]] = []

    def die(statement: str) -> None:
        again = left_by_a_kill(store, tmp_path / f"death-{len(deaths)}")
        deaths.append((statement.split(maxsplit=1)[0], books(again).tids()))
        again.close()

    quick = store._quick
    quick.set_trace_callback(die)
    ledger.post([fill(tid, 1, NOON + tid) for tid in (1, 2, 3)])
    quick.set_trace_callback(None)
    assert [word for word, _ in deaths] == ["BEGIN", "INSERT", "INSERT", "INSERT", "COMMIT"]
    assert all(tids == [] for _, tids in deaths)
    again = left_by_a_kill(store, tmp_path / "after")
    assert books(again).tids() == [1, 2, 3]
    again.close()


def test_a_second_process_reads_while_one_writes(store: Store) -> None:
    books(store).post([fill(1, 1, NOON)])
    with sqlite3.connect(store.path) as other:
        assert other.execute("SELECT count(*) FROM entry").fetchone() == (1,)
    other.close()
