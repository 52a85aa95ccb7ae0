"""A perp of a builder's dex: isolated margin, fees of its own, and the stop on that dex."""

from decimal import Decimal

import pytest

from stage.house import Json, Perp
from stage.script import Stage

DEX = "xyz"
FIRST = 110_000
SOON_S = 10.0
# With these the margin of an account binds, not what it may lose.
BOLD = {
    "account__leverage": 10,
    "limits__risk_fraction": 0.8,
    "limits__num_sigmas": 1.0,
    "limits__daily_loss_frac": 0.9,
    "limits__drawdown_frac": 0.9,
    "limits__leverage_cap": 10.0,
    "limits__initial_margin_frac": 1.0,
    "limits__gap_move_frac": 0.01,
    "limits__gap_loss_frac": 1.0,
}


def open_on_a_dex(stage: Stage, *, growth: bool = False, usdc: str = "10000") -> None:
    stage.open(perps=(Perp(f"{DEX}:TSLA", 5, 10, growth=growth),), usdc=usdc)


def state(stage: Stage) -> Json:
    return stage.house.ask(type="clearinghouseState", user=stage.house.maker.address, dex=DEX)


@pytest.mark.parametrize("held", ["0.12", "-0.12"])
async def test_its_position_has_its_stop_on_that_dex(stage: Stage, held: str) -> None:
    open_on_a_dex(stage)
    stage.inherit(held)
    await stage.quoting()
    await stage.until(lambda: stage.shown["resident"]["suits"] and len(stage.stops) == 1, SOON_S)
    [stop] = stage.stops
    assert (stop["coin"], Decimal(stop["sz"])) == (f"{DEX}:TSLA", abs(Decimal(held)))
    waits = [r for r in stage.received("order") if r.action["grouping"] == "positionTpsl"]
    assert {order["a"] for r in waits for order in r.orders} == {FIRST}
    stage.inherit(str(Decimal(held) * 2))
    await stage.until(lambda: len(stage.stops) == 2, SOON_S)
    await stage.ends_well()
    assert [Decimal(row["sz"]) for row in stage.stops] == [abs(Decimal(held)) * 2]
    stage.begin(control__on_exit="flatten")
    await stage.until(lambda: stage.begun and stage.shown["resident"]["suits"], SOON_S)
    await stage.ends_well()
    assert stage.position == 0
    assert stage.stops == []


@pytest.mark.parametrize(("growth", "maker_bps"), [(False, "3"), (True, "0.3")])
async def test_its_fee_is_what_the_quotes_pay_for(
    stage: Stage, growth: bool, maker_bps: str
) -> None:
    """Twice the venue's, and in growth mode a tenth of that: to the engine as on the exchange."""
    open_on_a_dex(stage, growth=growth)
    await stage.quoting()
    assert stage.shown["maker_fee_bps"] == pytest.approx(float(maker_bps))
    stage.fill("bid", "0.005")
    await stage.wait(2)
    [fill] = stage.house.ask(type="userFills", user=stage.house.maker.address)
    paid_bps = Decimal(fill["fee"]) / (Decimal(fill["px"]) * Decimal(fill["sz"])) * 10_000
    assert paid_bps == pytest.approx(Decimal(maker_bps), rel=Decimal("0.01"))
    await stage.ends_well()


async def test_margin_that_runs_short_takes_the_increasing_side_alone(stage: Stage) -> None:
    """What a position locks up is no margin of another order: nothing is refused for want of it.

    The position is found at the start: what the venue then lets us add is beside all of it.
    """
    open_on_a_dex(stage, usdc="140")
    stage.inherit("0.012")
    stage.begin(**BOLD)
    await stage.until(lambda: stage.bids and stage.asks)
    for mid in ("88500", "88400", "88300"):
        stage.crowd(mid)
        await stage.wait(10)
        own = state(stage)
        assert own["assetPositions"][0]["position"]["leverage"]["type"] == "isolated"
        opening = sum(Decimal(bid["sz"]) * Decimal(bid["limitPx"]) for bid in stage.bids)
        margin = own["marginSummary"]
        free = Decimal(margin["accountValue"]) - Decimal(margin["totalMarginUsed"])
        assert 0 < opening <= 10 * free
        assert stage.asks, "the position can still be reduced"
    history = stage.house.ask(type="historicalOrders", user=stage.house.maker.address)
    assert "perpMarginRejected" not in {row["status"] for row in history}
    await stage.ends_well()
