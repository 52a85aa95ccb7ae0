"""Recorded trades against our quotes, checked from the tape and the event log by code of its own.

Nothing here calls the core to judge: frames are parsed again, resting intervals come from the
order updates in the log, and both meet on the exchange's block times.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mm.backtest import Backtested, Recording, read_recording, run_backtest
from mm.config import load

COINS = ("BTC", "ETH", "SOL", "WLFI")
BLOCK_NS = 70_000_000
PX_DECIMALS = {"BTC": 1, "ETH": 2, "SOL": 4, "WLFI": 6}
# Takers of a side meet our orders of the other.
MEETS = {"A": "Bid", "B": "Ask"}


@dataclass
class Quote:
    """One resting order, as the exchange told of it."""

    side: str
    px: int
    opened_ns: int | None = None
    ended_ns: int | None = None


def through(side: str, quote_px: int, trade_px: int) -> bool:
    return quote_px > trade_px if side == "Bid" else quote_px < trade_px


def trades_of(recording: Recording, coin: str) -> tuple[int, list[tuple[int, str, int, int]]]:
    """Start of the displayed book, ms, and each trade once: running maximum, ms, side, px, lots."""
    scale, lots = 10 ** PX_DECIMALS[coin], 10 ** (6 - PX_DECIMALS[coin])
    seen: set[int] = set()
    start = newest = None
    trades = []
    for line in recording.frames.splitlines():
        frame = json.loads(line.partition(b" ")[2])
        data = frame["data"]
        if frame["channel"] != "trades":
            start = data["time"] if start is None else start
            newest = max(newest or 0, data["time"])
            continue
        for row in data:
            if row["tid"] in seen:
                continue
            seen.add(row["tid"])
            if newest is not None:
                newest = max(newest, row["time"])
                px, sz = round(float(row["px"]) * scale), round(float(row["sz"]) * lots)
                trades.append((newest, row["side"], px, sz))
    assert start is not None
    return start, trades


def events_of(log: bytes) -> Iterator[tuple[str, Any]]:
    """Events and actions that are about our orders."""
    for line in log.splitlines():
        head = line[:70]
        if line.startswith(b'{"a":'):
            yield "action", json.loads(line)["a"]
        elif any(word in head for word in (b'"Reply"', b'"OrderUpdates"', b'"Fills"')):
            ((kind, value),) = json.loads(line)["e"]["body"].items()
            yield kind, value


def quotes_of(log: bytes) -> tuple[dict[int, Quote], dict[tuple[int, int], int]]:
    """Orders by oid, and lots filled by oid and block."""
    items: dict[int, list[dict[str, Any]]] = {}
    quotes: dict[int, Quote] = {}
    fills: dict[tuple[int, int], int] = defaultdict(int)
    updates, heard = [], set()
    for kind, value in events_of(log):
        if kind == "action":
            ((what, rows),) = value["body"].items()
            if what in ("Place", "Modify"):
                items[value["id"]] = [row.get("order", row) for row in rows]
        elif kind == "Reply" and "Statuses" in value["outcome"] and value["action"] in items:
            for order, status in zip(
                items[value["action"]], value["outcome"]["Statuses"], strict=True
            ):
                if "Resting" in status:
                    quotes[status["Resting"]] = Quote(order["side"], order["px"])
        elif kind == "OrderUpdates":
            updates += value
        elif kind == "Fills":
            # One that was asked for tells of those again that were heard of before.
            for fill in value["fills"]:
                if fill["tid"] not in heard:
                    heard.add(fill["tid"])
                    fills[fill["oid"], fill["exch"]] += fill["sz"]
    set_intervals(quotes, updates)
    return quotes, fills


def set_intervals(quotes: dict[int, Quote], updates: list[dict[str, Any]]) -> None:
    for update in updates:
        quote = quotes.get(update["oid"])
        if quote is None:
            continue
        if update["status"] == "Open":
            quote.opened_ns = quote.opened_ns or update["exch"]
        else:
            quote.ended_ns = update["exch"]


def run(data: Path, coin: str) -> tuple[Recording, Backtested]:
    path = data / "hl-20250904" / f"{coin}.frames.zst"
    recording = read_recording([path])
    config = load(
        None,
        {"process.coin": coin, "process.market": f"replay:{path}", "process.speed": 1.0},
    )
    return recording, run_backtest(recording, config)


@pytest.mark.parametrize("coin", COINS)
def test_each_recorded_trade_through_a_resting_quote_fills_it(coin: str, shared_data: Path) -> None:
    recording, done = run(shared_data, coin)
    start_ms, trades = trades_of(recording, coin)
    quotes, fills = quotes_of(done.log)
    start_ns = start_ms * 1_000_000
    meetings = 0
    by_block: dict[int, list[tuple[str, int, int]]] = defaultdict(list)
    for at_ms, side, px, sz in trades:
        block = start_ns - (start_ns - at_ms * 1_000_000) // BLOCK_NS * BLOCK_NS
        by_block[block].append((MEETS[side], px, sz))
    for block, happened in by_block.items():
        for oid, quote in quotes.items():
            # What was recorded up to a block happens before our requests of that block.
            rests = quote.opened_ns is not None and quote.opened_ns < block
            if not rests or (quote.ended_ns is not None and quote.ended_ns < block):
                continue
            hits = [t for t in happened if t[0] == quote.side and through(*t[:1], quote.px, t[1])]
            if hits:
                meetings += 1
                assert fills.get((oid, block), 0) > 0, (coin, oid, quote, block, hits)
    for (oid, block), filled in fills.items():
        quote = quotes[oid]
        reach = sum(
            sz
            for side, px, sz in by_block[block]
            if side == quote.side and (px == quote.px or through(side, quote.px, px))
        )
        assert 0 < filled <= reach, f"{coin}: fill of {oid} at {block} has no taker behind it"
    assert meetings > 0 or coin == "BTC"
    summary = done.summary
    assert summary["quote_cycles"] > 0
    assert summary["two_sided_cycles"] > 0
    assert summary["breaches"] == 0
    assert summary["open_orders_after_stop"] == 0
    for bound in summary["bounds"].values():
        assert bound["pnl_usd"]["residual"] == "0"
    if coin != "BTC":
        optimistic = summary["bounds"]["optimistic"]
        assert optimistic["fills_buy"] > 0
        assert optimistic["fills_sell"] > 0


def test_a_repeat_is_the_same_to_the_byte(shared_data: Path) -> None:
    (_, one), (_, two) = run(shared_data, "SOL"), run(shared_data, "SOL")
    assert one.summary["decision_hash"] == two.summary["decision_hash"]
    assert one.log == two.log
    assert one.summary["bounds"] == two.summary["bounds"]
