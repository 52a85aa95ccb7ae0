"""What the venue adds to its vocabulary is told and looked into; the maker goes on quoting."""

from typing import Any

import pytest

from scripted_venue import Venue

USER = "0x14791697260e4c9a71f18484c9f997b308e59325"


def ledger_update(kind: str) -> dict[str, Any]:
    delta = {"type": kind, "usdc": "12.5", "shape": ["of", "tomorrow"]}
    row = {"time": 1_769_916_002_123, "hash": "0x1", "delta": delta}
    data = {"user": USER, "nonFundingLedgerUpdates": [row]}
    return {"channel": "userNonFundingLedgerUpdates", "data": data}


def order_update(status: str) -> dict[str, Any]:
    order = {"coin": "BTC", "side": "B", "limitPx": "95000.0", "sz": "0.001", "oid": 900_001}
    row: dict[str, Any] = {"order": order, "status": status, "statusTimestamp": 1_769_916_002_123}
    return {"channel": "orderUpdates", "data": [row]}


def old_fill(direction: str, token: str) -> dict[str, Any]:
    fill = {
        "coin": "BTC", "px": "95000.0", "sz": "0.001", "side": "B", "time": 1_000, "tid": 77,
        "startPosition": "0.0", "dir": direction, "oid": 900_002, "crossed": False,
        "fee": "0.01", "feeToken": token,
    }  # fmt: skip
    return {"channel": "userFills", "data": {"isSnapshot": True, "user": USER, "fills": [fill]}}


NEW = {
    "ledger_update": (ledger_update("gift"), "gift"),
    "order_status": (order_update("pondering"), "pondering"),
    "fill_direction": (old_fill("Teleported", "USDC"), "Teleported"),
    "fee_token": (old_fill("Open Long", "HYPE"), "HYPE"),
    "channel": ({"channel": "oracleOfDelphi", "data": {"says": [1]}}, "oracleOfDelphi"),
}


@pytest.mark.parametrize("place", NEW)
def test_a_new_word_is_told_once_looked_into_and_quoted_on(place: str) -> None:
    frame, word = NEW[place]
    venue = Venue().opened(12.0)
    asked, lots = len(venue.asked), venue.lots("Bid")
    for _ in range(2):
        venue.frame(str(frame["channel"]), frame["data"])
    told = [alarm for _, alarm in venue.alarms if alarm["alarm"] == "unknown_word"]
    assert told == [{"alarm": "unknown_word", "place": place, "word": word}]
    kinds = {kind for _, kind in venue.asked[asked:]}
    wanted = set() if place == "channel" else {"clearinghouseState", "userFills"}
    assert wanted <= kinds
    venue.after(5.0)
    assert venue.lots("Bid") == lots > 0
    assert venue.snapshot()["kill"] is None
