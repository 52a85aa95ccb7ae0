"""The candles behind the limit's floor and prior: at the start, and again every hour."""

from itertools import pairwise

import pytest

from engine_desk import EngineDesk
from stage.house import SIGMA, House, Json
from stage.script import Stage

HOUR_S = 3_600.0
# An hour at the wall's own pace is half a minute of work, and minutes on a machine that is shared.
SPEED = 10.0


def inputs(stage: Stage) -> Json:
    return stage.shown["limits"]["inputs"]


async def test_history_is_heard_again_every_hour_and_moves_the_floor(stage: Stage) -> None:
    """A run that began in a calm day is told of a wild one; a query that fails is repeated."""
    stage.open(block_ms=2_000, speed=SPEED)
    await stage.quoting(process__speed=SPEED)
    house: House = stage.house
    assert [interval for _, interval in house.asked_history] == ["1m", "15m"]
    assert inputs(stage)["sigma_24h"] == pytest.approx(SIGMA, rel=0.05)
    calm = stage.limit()
    house.history_sigma = 12 * SIGMA
    deaf = stage.net.meddle(lambda q: q.get("type") == "candleSnapshot", arrives=False)
    await stage.wait(HOUR_S / SPEED)
    assert inputs(stage)["sigma_24h"] == pytest.approx(SIGMA, rel=0.05)
    assert inputs(stage)["ages"]["history"] >= (HOUR_S - 60) * 1e9
    await stage.until(lambda: deaf.happened, 90 / SPEED)
    deaf.stop()
    await stage.until(lambda: inputs(stage)["sigma_24h"] > 11 * SIGMA, 150 / SPEED)
    assert [interval for _, interval in house.asked_history[2:]] == ["1m", "15m"]
    # A day at twelve times the volatility: half of it is the floor, whatever the market does now.
    assert stage.limit() < calm / 2
    assert inputs(stage)["ages"]["history"] < 120e9
    await stage.ends_well()


def test_t_moves_neither_at_a_fill_nor_at_ten_minutes() -> None:
    """A small fill after a quiet opening leaves the limit that admitted it; so does time."""
    desk = EngineDesk({"limits.leverage_cap": 5.0}).open()
    horizons: list[float] = []
    while desk.now_s < 700:
        desk.after(5)
        desk.trade(10.0)
        horizons.append(desk.limits["inputs"]["horizon_s"])
    steps = [late - early for early, late in pairwise(horizons)]
    assert all(0 <= step <= 2 * 5 for step in steps)
    before, lots = horizons[-1], desk.limits["lots"]
    desk.fill(desk.orders("Bid")[-1], 0.0005)
    assert desk.limits["inputs"]["horizon_s"] <= before
    assert min(desk.limits["lots"]) >= min(lots)


def test_a_reducing_fill_starts_no_recovery() -> None:
    """Holding most of the limit, a fill that reduces is no reason to cross the book."""
    desk = EngineDesk(position=0.3).open()
    while desk.now_s < 700:
        desk.after(5)
        desk.trade(10.0)
    desk.fill(desk.orders("Ask")[-1], 0.0005)
    before = len(desk.sent)
    while desk.now_s < 800:
        desk.after(5)
        desk.trade(10.0)
    assert desk.snapshot()["recovery"]["state"] == "normal"
    placed = [order for sent in desk.sent[before:] for order in sent["body"].get("Place", [])]
    assert [order for order in placed if order["tif"] == "Ioc"] == []
