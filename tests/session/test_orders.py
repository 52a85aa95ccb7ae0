"""Orders and fills of the account, in the venue's own words, and what becomes of them."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from engine_desk import CALM, USER, EngineDesk, tiered
from mm._core import ConfigError, Engine, EventError
from mm.config import engine_config_json, load
from mm.hyperliquid.account import Account, cancel_all

Json = Any  # whatever JSON holds

EARLIER = f"0x{0:016x}{7:016x}"
BY_HAND: Json = {"oid": 60, "cloid": None}
BY_ANOTHER: Json = {"oid": 61, "cloid": "0x" + "ab" * 16}


def row(oid: int, cloid: str | None) -> Json:
    """A resting bid far below, as `frontendOpenOrders` shows it."""
    return {
        "coin": "BTC", "side": "B", "limitPx": "90000.0", "sz": "0.001", "oid": oid,
        "timestamp": 1, "origSz": "0.001", "reduceOnly": False, "cloid": cloid,
    }  # fmt: skip


def fill(desk: EngineDesk, tid: int, start: float, **more: Json) -> Json:
    """A buy of 0.0001."""
    return {
        "coin": "BTC", "px": "99990.0", "sz": "0.0001", "side": "B",
        "time": 1_700_000_000_000 + int(desk.now_s * 1000), "startPosition": f"{start:.4f}",
        "dir": "Open Long", "closedPnl": "0.0", "hash": "0x0", "oid": 9, "crossed": False,
        "fee": "0.0015", "feeToken": "USDC", "tid": tid, "cloid": None, **more,
    }  # fmt: skip


def told(desk: EngineDesk, fills: list[Json], *, snapshot: bool = False) -> None:
    """A `userFills` frame."""
    desk.frame("userFills", {"isSnapshot": snapshot, "user": USER, "fills": fills})


def test_a_stranger_s_fill_is_alarmed_counted_and_entered() -> None:
    desk = EngineDesk().open()
    desk.engine.take_entries()
    desk.alarms.clear()
    told(desk, [fill(desk, 1, 0.0), fill(desk, 2, 0.0001, dir="Settlement")])
    entries = desk.engine.take_entries()
    assert [(entry["kind"], entry["owner"]) for entry in entries] == [
        ("fill", "stranger"),
        ("settlement", "exchange"),
    ]
    assert entries[0]["sz"] == 10
    assert entries[0]["fee"] == 1500
    assert [alarm["alarm"] for _, alarm in desk.alarms] == [
        "unknown_fill",
        "forced_fill",
    ]
    assert desk.snapshot()["position"] == 20
    assert desk.snapshot()["counts"]["stranger_fills"] == 1


def test_old_fills_of_a_snapshot_move_nothing_and_are_kept_for_the_ledger() -> None:
    desk = EngineDesk()
    old = [fill(desk, n, 0.0001 * n, time=1_600_000_000_000 + n) for n in range(30)]
    told(desk, old[::-1], snapshot=True)
    desk.open()
    told(desk, old[::-1], snapshot=True)
    entries = desk.engine.take_entries()
    assert [entry["tid"] for entry in entries] == list(range(30))
    assert all(entry["before_anchor"] for entry in entries)
    assert desk.snapshot()["position"] == 0


def test_equal_deposits_of_one_millisecond_both_count() -> None:
    desk = EngineDesk().open()
    now_ms = 1_700_000_000_000 + int(desk.now_s * 1000)
    rows = [
        {"time": now_ms, "hash": f"0x{n:064x}", "delta": {"type": "deposit", "usdc": "100.0"}}
        for n in (1, 2)
    ]
    data = {"user": USER, "nonFundingLedgerUpdates": rows}
    desk.frame("userNonFundingLedgerUpdates", data)
    desk.frame("userNonFundingLedgerUpdates", data | {"isSnapshot": True})
    moved = [entry for entry in desk.engine.take_entries() if entry["kind"] == "transfer"]
    assert [entry["usd"] for entry in moved] == [100_000_000] * 2
    desk.after(0.5)
    desk.account(desk.equity + 200.0)
    assert desk.snapshot()["pnl"]["total"] == 0
    assert desk.snapshot()["drawdown"] == 0.0


def test_orders_of_nobody_are_told_and_left_alone() -> None:
    desk = EngineDesk().open()
    before = desk.snapshot()["pending"][0]
    rows = [row(**BY_HAND), row(**BY_ANOTHER)]
    sent = desk.info("frontendOpenOrders", rows)
    assert not [action for action in sent if action["kind"] == "cancel"]
    alarms = [a for _, a in desk.alarms if a["alarm"] == "foreign_order"]
    assert [alarm["order"]["oid"] for alarm in alarms] == [60, 61]
    snapshot = desk.snapshot()
    assert [order["oid"] for order in snapshot["foreign"]] == [60, 61]
    assert snapshot["pending"][0] == before + 200


def test_an_order_s_fate_needs_the_order_asked_about() -> None:
    desk = EngineDesk().open()
    with pytest.raises(EventError, match="without the cloid"):
        desk.engine.on_info(1, "orderStatus", b'{"status":"unknownOid"}')
    with pytest.raises(EventError, match="32 hex digits"):
        desk.engine.on_info(1, "orderStatus", b'{"status":"unknownOid"}', "7")
    with pytest.raises(EventError, match="expected none"):
        desk.engine.on_info(1, "userFees", b"{}", EARLIER)
    desk.engine.on_info(1, "orderStatus", b'{"status":"unknownOid"}', EARLIER)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_no_number_that_is_none_comes_in_from_python(number: float) -> None:
    text = engine_config_json(load(None, CALM), 1)
    config = json.loads(text)
    doors = 0
    for section, keys in config.items():
        if not isinstance(keys, dict):
            continue
        for key, value in keys.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                bad = {**config, section: {**keys, key: number}}
                with pytest.raises(ConfigError):
                    Engine(json.dumps(bad), tiered())
                doors += 1
    assert doors > 50


class Listing:
    """The account's open orders, and whoever cancels them by oid."""

    def __init__(self, rows: list[Json]) -> None:
        self.rows = rows

    async def info(self, _query: Json, *, urgent: bool = False) -> bytes:
        return json.dumps(self.rows).encode()

    async def request(self, action: Json) -> Answer:
        oids = {cancel["o"] for cancel in action["cancels"]}
        self.rows = [row for row in self.rows if row["oid"] not in oids]
        return Answer()


class Answer:
    """Of the venue, to a cancel."""

    status = 200
    body = b'{"status":"ok","response":{"type":"cancel","data":{"statuses":["success"]}}}'


class Free:
    """A pacer that never waits."""

    def spend(self, _weight: float) -> None:
        """Nothing."""


@pytest.mark.parametrize(("session", "left"), [(10, [60, 61, 62]), (None, [])])
async def test_a_start_and_a_stop_cancel_ours_and_an_operator_everything(
    session: int | None, left: list[int]
) -> None:
    ours = [row(50, f"0x{10:016x}{1:016x}"), row(51, f"0x{3:016x}{9:016x}")]
    later = row(62, f"0x{11:016x}{1:016x}")
    venue: Any = Listing([*ours, row(**BY_HAND), row(**BY_ANOTHER), later])
    pacer: Any = Free()
    account = Account(venue, pacer, USER, "BTC", session)
    cancelled = await cancel_all(account, venue, tiered(), 5.0)
    assert cancelled == 5 - len(left)
    assert [row["oid"] for row in venue.rows] == left
