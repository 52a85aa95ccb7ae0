"""Funding, from the exchange's own rate over its frames to the prices that rest on it."""

from decimal import Decimal

import pytest

from stage.house import Json
from stage.script import Stage

AT_S = 30.0
"""When the rate changes: the maker quotes by then."""
SETTINGS = {
    "models__funding": True,
    # Far from every floor, and followed at once.
    "quoting__arrival_per_s": 0.01,
    "quoting__max_bps_diff": 0.05,
}


def best(stage: Stage) -> tuple[Decimal, Decimal]:
    return Decimal(stage.bids[0]["limitPx"]), Decimal(stage.asks[0]["limitPx"])


def funding(stage: Stage) -> Json:
    shown: Json = stage.shown["models"]["funding"]
    return shown


@pytest.mark.parametrize("position", ["0.02", "-0.02"])
@pytest.mark.parametrize("rate", [0.0002, -0.0002])
async def test_prices_go_against_the_rate_whatever_is_held(
    stage: Stage, rate: float, position: str
) -> None:
    """2 bps an hour: both sides stand 2 bps lower where longs pay, for a long and for a short."""
    spike = {"at_s": AT_S, "act": {"funding_spike": {"rate_per_h": rate, "for_s": 60.0}}}
    stage.open(faults={"script": [], "acts": [spike]})
    stage.inherit(position)
    await stage.quoting(**SETTINGS)
    await stage.wait(AT_S - 1 - stage.house.now_s())
    assert stage.house.now_s() < AT_S
    was = funding(stage)
    assert was["rate"]["rate_per_h"] == pytest.approx(0.0000125)
    assert was["rate"]["premium"] is not None
    before, mid = best(stage), float(stage.mid)
    await stage.wait(6.0)
    shown = funding(stage)
    assert shown["rate"]["rate_per_h"] == pytest.approx(rate)
    shift = shown["shift_bps"]
    assert shift == pytest.approx(-rate * 1e4 * shown["holding_s"] / 3600)
    assert 1.5 < abs(shift) < 3
    for side, old, new in zip(stage.shown["trace"], before, best(stage), strict=True):
        moved = float(new - old) / mid * 1e4
        assert moved == pytest.approx(shift - was["shift_bps"], abs=0.4), side["side"]
        assert side["funding_bps"] == pytest.approx(shift)
    assert stage.shown["position"] * float(position) > 0
    await stage.ends_well()
