"""What a start asks the exchange for, page by page, and writes down."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from mm._core import Instrument
from mm.errors import VenueError
from mm.hyperliquid.account import Account
from mm.ledger import DAY_NS, Books
from mm.restart import OVERLAP_NS, reconcile
from mm.store import Store

Json = dict[str, Any]
BTC = Instrument("BTC", 0, 5, 40)
DAY = 20_000
NOON_MS = (DAY * DAY_NS + DAY_NS // 2) // 10**6
USER = "0x" + "ab" * 20


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path, "paper", "default")
    yield opened
    opened.close()


def fill(tid: int, at_ms: int, *, coin: str = "BTC", sz: str = "0.001") -> Json:
    return {
        "coin": coin,
        "px": "90000.0",
        "sz": sz,
        "side": "B",
        "time": at_ms,
        "startPosition": "0.0",
        "dir": "Open Long",
        "closedPnl": "0.0",
        "hash": "0x" + "0" * 64,
        "oid": tid,
        "crossed": False,
        "fee": "0.0135",
        "tid": tid,
        "feeToken": "USDC",
    }


def funding(at_ms: int, usdc: str) -> Json:
    delta = {"type": "funding", "coin": "BTC", "usdc": usdc, "szi": "1.0", "fundingRate": "0.00001"}
    return {"time": at_ms, "hash": "0x" + "0" * 64, "delta": {**delta, "nSamples": None}}


def deposit(at_ms: int, usdc: str, number: int = 0) -> Json:
    delta = {"type": "deposit", "usdc": usdc}
    return {"time": at_ms, "hash": f"0x{number:064x}", "delta": delta}


class Lists:
    """The exchange's lists, a few rows at a time."""

    user = USER

    def __init__(self, page: int, **rows: list[Json]) -> None:
        self._page, self._rows = page, rows
        self.asked: list[Json] = []

    async def info(self, query: Mapping[str, Any], *, urgent: bool = False) -> bytes:
        assert query["user"] == USER
        self.asked.append(dict(query))
        span = range(query["startTime"], query["endTime"] + 1)
        rows = [row for row in self._rows.get(query["type"], []) if row["time"] in span]
        return json.dumps(rows[: self._page]).encode()


async def taken_up(store: Store, lists: Lists, session: int, lots: int, at_ms: int) -> Books:
    books = Books(store, "BTC", 5, session)
    anchor = json.dumps({"time": at_ms}).encode()
    result = await reconcile(cast("Account", lists), books, BTC, anchor, lots)
    assert result.agrees
    return books


async def test_everything_since_is_entered_page_by_page_and_once(store: Store) -> None:
    first = Lists(3)
    await taken_up(store, first, 1, 0, NOON_MS)
    assert first.asked == [], "a ledger that begins has nothing to fill up"
    rows = {
        # Three in one millisecond, where a page ends within.
        "userFillsByTime": [fill(tid, NOON_MS + 1 + tid // 3 * 10) for tid in range(20)]
        + [fill(99, NOON_MS + 500, coin="ETH")],
        "userFunding": [funding(NOON_MS + hour, "-0.5") for hour in range(1, 5)],
        "userNonFundingLedgerUpdates": [deposit(NOON_MS + 7, "100.0"), deposit(NOON_MS + 9, "1.0")],
    }
    for session, end_ms in ((2, NOON_MS + 1000), (3, NOON_MS + 2000)):
        books = await taken_up(store, Lists(4, **rows), session, 2_000, end_ms)
        assert books.tids() == list(range(20))
        day = books.day(DAY)
        assert (day.fills, day.away) == (20, 20)
        assert (day.funding, day.transfers) == (-2_000_000, 101_000_000)
        assert day.fees == 20 * 13_500


async def test_it_asks_from_shortly_before_its_newest_entry_to_the_anchor(store: Store) -> None:
    await taken_up(store, Lists(9), 1, 0, NOON_MS)
    later = Lists(9, userFillsByTime=[fill(1, NOON_MS + 50), fill(2, NOON_MS + 101)])
    books = await taken_up(store, later, 2, 100, NOON_MS + 100)
    assert books.tids() == [1], "what comes after the anchor is the engine's to tell"
    assert {query["startTime"] for query in later.asked[:1]} == {NOON_MS - OVERLAP_NS // 10**6}
    assert {query["endTime"] for query in later.asked} == {NOON_MS + 100}


async def test_a_list_that_does_not_end_is_an_error(store: Store) -> None:
    await taken_up(store, Lists(9), 1, 0, NOON_MS)

    class Endless(Lists):
        async def info(self, query: Mapping[str, Any], *, urgent: bool = False) -> bytes:
            return json.dumps([fill(query["startTime"], query["startTime"] + 1)]).encode()

    with pytest.raises(VenueError, match="userFillsByTime did not end after 50 pages"):
        await taken_up(store, Endless(1), 2, 0, NOON_MS + 100)
