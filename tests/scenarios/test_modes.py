"""What a trouble takes away, through a whole run: the increasing side, never the reducing one."""

from decimal import Decimal

import pytest

from engine_desk import Json
from stage.script import Stage


def side_total(orders: list[Json]) -> Decimal:
    return sum((Decimal(order["sz"]) for order in orders), Decimal(0))


def away_bps(orders: list[Json], mid: str) -> Decimal:
    """Distance of the best order from mid."""
    return abs(Decimal(orders[0]["limitPx"]) / Decimal(mid) - 1) * 10_000


async def mode(stage: Stage, wanted: str, longest_s: float = 5.0) -> str:
    """The reason of a mode, once it is in force."""
    await stage.until(lambda: stage.shown["mode"] == wanted, longest_s)
    reason: str = stage.shown["mode_reason"]
    return reason


@pytest.mark.parametrize("side", ["bid", "ask"])
async def test_a_swept_side_stays_off_a_minute_and_comes_back_in_two_steps(
    stage: Stage, side: str
) -> None:
    """Seven levels gone in an instant: what would add to it waits, what takes it back does not."""
    stage.open()
    await stage.quoting(quoting__levels=7)
    swept, other = (f"{side}s", "asks" if side == "bid" else "bids")
    own = getattr(stage, swept)
    assert len(own) == 7
    stage.fill(side, side_total(own))
    assert await mode(stage, "reduce_only") == "fill_burst"
    began = stage.house.now_s()
    await stage.until(lambda: getattr(stage, swept) == [], 2)
    mark, seen = stage.mark(), []
    while stage.house.now_s() - began < 125:
        stage.crowd(stage.mid)
        await stage.wait(1)
        assert getattr(stage, other), stage.shown["suppressed"]
        seen.append((stage.house.now_s() - began, side_total(getattr(stage, swept))))
    off = [at for at, total in seen if total == 0]
    assert 58 <= off[-1] <= 61
    quarter, half, whole = (
        next(total for at, total in seen if at > later) for later in (63, 93, 123)
    )
    assert 1.6 <= half / quarter <= 2.4
    assert 1.6 <= whole / half <= 2.4
    assert stage.received(since=mark)
    assert await mode(stage, "normal", 40) is None
    await stage.ends_well()


@pytest.mark.parametrize("position", ["0.004", "-0.004"], ids=["long", "short"])
async def test_a_jump_of_the_price_widens_the_increasing_side_alone(
    stage: Stage, position: str
) -> None:
    stage.open()
    stage.inherit(position)
    await stage.quoting(quoting__min_edge_bps=20.0, control__widen_jump_sigmas=3.0)
    await stage.wait(10)
    assert await mode(stage, "normal", 40) is None
    increasing, reducing = ("bids", "asks") if Decimal(position) > 0 else ("asks", "bids")
    before = [away_bps(getattr(stage, side), stage.mid) for side in (increasing, reducing)]
    stage.crowd("88704")
    assert await mode(stage, "widen") == "price_jump"
    await stage.wait(2)
    after = [away_bps(getattr(stage, side), stage.mid) for side in (increasing, reducing)]
    assert after[0] - before[0] > 4, (before, after)
    assert after[1] - before[1] < 2, (before, after)
    await stage.wait(20)
    assert stage.shown["mode"] == "widen"
    assert await mode(stage, "normal", 20) is None
    await stage.ends_well()
