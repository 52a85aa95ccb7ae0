"""One kill, in words and as JSON, and the refusal that follows from it."""

from dataclasses import replace

import pytest

from mm.errors import RiskStop
from mm.exits import Exit, exit_of
from mm.kill_record import KillRecord, refusal

SNAPSHOT = {
    "reason": "manual",
    "at": 1_767_312_000_999_999_999,
    "position": -123,
    "equity": 9_512_340_000,
    "on_kill": "work",
}
MANUAL = KillRecord.of_snapshot(SNAPSHOT, "BTC", 5, 7, detail="the venue halts")


def test_it_is_what_the_engine_latched() -> None:
    latched = KillRecord(
        reason="manual",
        detail="the venue halts",
        at_ns=1_767_312_000_999_999_999,
        coin="BTC",
        sz_decimals=5,
        position=-123,
        equity=9_512_340_000,
        on_kill="work",
        session=7,
        acknowledged_by=None,
        acknowledged_at=None,
    )
    assert latched == MANUAL
    assert KillRecord.of_snapshot(SNAPSHOT, "BTC", 5, 7).detail == ""


def test_it_is_latched_until_somebody_has_acknowledged_it() -> None:
    assert MANUAL.latched
    assert not replace(MANUAL, acknowledged_by="ann").latched


def test_its_time_is_the_exchanges_to_the_second_that_had_begun() -> None:
    assert MANUAL.time == "2026-01-02T00:00:00Z"
    assert replace(MANUAL, at_ns=MANUAL.at_ns - 10**9).time == "2026-01-01T23:59:59Z"
    assert replace(MANUAL, at_ns=MANUAL.at_ns - 10**9).trading_day == "2026-01-01"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {},
            "manual (the venue halts) at 2026-01-02T00:00:00Z, equity 9512.34 USDC,"
            " position -0.00123 BTC",
        ),
        (
            {"detail": "", "reason": "drawdown", "equity": None, "coin": "ETH", "sz_decimals": 2},
            "drawdown at 2026-01-02T00:00:00Z, equity unknown, position -1.23 ETH",
        ),
    ],
)
def test_in_words_it_names_reason_time_equity_and_position(
    more: dict[str, object], words: str
) -> None:
    killed = replace(MANUAL, **more)  # type: ignore[arg-type]  # fields of it
    assert killed.words() == words
    refused = refusal(killed, "mm unlock")
    assert isinstance(refused, RiskStop)
    assert str(refused) == f"stopped by {words}: look into it, then `mm unlock`"
    assert exit_of(refused) is Exit.RISK


def test_as_json_money_and_sizes_are_decimal_strings() -> None:
    by = {"acknowledged_by": "ann", "acknowledged_at": "2026-01-02T01:00:00+00:00"}
    assert replace(MANUAL, **by).shown() == {  # type: ignore[arg-type]  # fields of it
        "reason": "manual",
        "detail": "the venue halts",
        "at": "2026-01-02T00:00:00Z",
        "trading_day": "2026-01-02",
        "equity_usd": "9512.34",
        "position": "-0.00123",
        "coin": "BTC",
        "on_kill": "work",
        "session": 7,
        **by,
    }
    assert replace(MANUAL, equity=None).shown()["equity_usd"] is None
