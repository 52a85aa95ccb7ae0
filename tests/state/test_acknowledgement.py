"""What `mm unlock` says of the next run: what is over, and what is still spent."""

import json
from dataclasses import replace

from mm.acknowledgement import Acknowledged, NewPeak, Shares, consequences
from mm.kill_record import KillRecord

SHARES = Shares(day=0.05, drawdown=0.08)
KILL = KillRecord(
    reason="daily_loss",
    detail="",
    at_ns=1_767_225_600_000_000_000,
    coin="BTC",
    sz_decimals=5,
    position=0,
    equity=None,
    on_kill="flatten",
    session=7,
)
NOON_NS = 1_767_268_800_000_000_000
AGAIN = ["mm run starts again"]


def said(
    reason: str,
    usd: tuple[int, int, int],
    now_ns: int | None = NOON_NS,
    peak: NewPeak | None = None,
) -> list[str]:
    """Of 2026-01-01, with opening, peak and equity in USDC."""
    keys = ("opening", "peak", "equity")
    money = {key: value * 1_000_000 for key, value in zip(keys, usd, strict=True)}
    body = json.dumps({"day": 20_454, **money})
    return list(
        consequences(Acknowledged(replace(KILL, reason=reason), peak), body, SHARES, now_ns)
    )


def test_a_days_loss_that_is_spent_kills_again_until_midnight_and_no_longer() -> None:
    spent = (
        "the day's loss budget is spent: -100 USDC left of 500 (limits.daily_loss_frac = 0.05 of"
        " 10000); a run is killed again before 2026-01-02 00:00 UTC"
    )
    for reason in ("daily_loss", "manual", "drawdown"):
        for now_ns in (None, NOON_NS):
            assert said(reason, (10_000, 10_000, 9_400), now_ns) == [spent]
        assert said(reason, (10_000, 10_000, 9_400), NOON_NS * 2) == AGAIN


def test_a_days_loss_that_is_not_spent_by_the_settings_given_is_told_too() -> None:
    told, *rest = said("daily_loss", (10_000, 10_000, 9_600))
    assert told == (
        "the day's loss stands: 100 USDC left of 500 (limits.daily_loss_frac = 0.05 of 10000);"
        " a run that loses it before 2026-01-02 00:00 UTC is killed again"
    )
    assert rest == AGAIN
    assert said("manual", (10_000, 10_000, 9_600)) == AGAIN


def test_a_drawdown_is_over_with_its_new_peak_and_another_kill_leaves_it_spent() -> None:
    over = said("drawdown", (9_500, 9_200, 9_200), peak=NewPeak(10_000_000_000, 9_200_000_000))
    assert over == [
        "peak equity was 10000, is 9200 USDC net of transfers, the equity last saved: the drawdown"
        " is counted from it",
        *AGAIN,
    ]
    [left] = said("manual", (9_500, 10_000, 9_200))
    assert left.startswith("the drawdown from 10000 USDC is spent too: a run is killed by it")


def test_an_equity_that_nobody_saved_is_not_taken_for_zero() -> None:
    for reason in ("daily_loss", "drawdown"):
        acknowledged = Acknowledged(replace(KILL, reason=reason), None)
        told, *rest = consequences(acknowledged, None, SHARES, NOON_NS)
        assert told.startswith("no equity is saved: peak and opening stay unknown")
        assert rest == AGAIN
    assert list(consequences(Acknowledged(KILL, None), None, SHARES, None))[-1:] == AGAIN
