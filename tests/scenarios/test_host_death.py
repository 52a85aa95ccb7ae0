"""Host death: every process of ours is gone and none comes back. What is left is the venue's."""

from dataclasses import dataclass
from decimal import Decimal

import pytest

from stage.house import Json
from stage.script import Stage

HELD = "0.05"
LIFE_S = 60.0
"""Of a renewal of `scheduleCancel`, the last of which is at most 20 s old."""
EXPIRES_S = 10.0
"""`process.expires_after_s`: what was under way is void after it."""
HOUR_S = 3_600.0
FALL = ("0.99", "0.97", "0.95", "0.90")
"""The market's way after that hour, as shares of where it was."""


@dataclass(frozen=True, slots=True)
class Left:
    """What the exchange saw after the death.

    Attributes:
        orders_gone_s: Until nothing of ours rested that may increase; `None`: not within the hour.
        loss_usd: Of the account when the market has fallen by a tenth, from the death on.
        held: Position then, coin.
        limit: Of the maker when it died, coin.
    """

    orders_gone_s: float | None
    loss_usd: Decimal
    held: Decimal
    limit: Decimal


BUDGET_USD = Decimal(500)
"""What a day may lose, by default, of 10,000 USDC."""
BESIDE: dict[str, object] = {"protection__resident_stop": False}
"""What the other protections do by themselves."""


def equity(stage: Stage) -> Decimal:
    """The account's value by the exchange."""
    state = stage.house.ask(type="clearinghouseState", user=stage.house.maker.address)
    return Decimal(state["marginSummary"]["accountValue"])


def increasing(stage: Stage) -> list[Json]:
    """What rests of ours and may make the position larger."""
    return [order for order in stage.bids + stage.asks if not order["reduceOnly"]]


async def goes(stage: Stage, shares: tuple[str, ...]) -> None:
    """The market goes to these shares of where it was, through what rests on its way."""
    for share in shares:
        there = str(round(Decimal("88571.5") * Decimal(share)))
        stage.house.cancel(stage.house.crowd)
        stage.crowd(there, sz="1")
        stage.crowd(there, sz="1")
        await stage.wait(5)


async def dies(stage: Stage, dead_man: str, **settings: object) -> Left:
    """A maker that quotes and holds is gone; the market waits an hour, and then falls."""
    stage.open(dead_man=dead_man)
    stage.inherit(HELD)
    await stage.quoting(**settings)
    await stage.wait(45)
    limit, before = stage.limit("bid"), equity(stage)
    assert increasing(stage)
    await stage.vanish()
    mark = stage.mark()
    begun_s, gone_s = stage.house.now_s(), None
    while (now_s := stage.house.now_s() - begun_s) < HOUR_S:
        if gone_s is None and not increasing(stage):
            gone_s = now_s
        await stage.wait(0.5 if now_s < 2 * LIFE_S else 60.0)
    await goes(stage, FALL)
    assert stage.received(since=mark) == [], "nobody of ours lives"
    return Left(gone_s, before - equity(stage), stage.position, limit)


async def test_the_venues_switch_takes_the_orders_within_its_life(stage: Stage) -> None:
    """Without a stop the position stays as it was: its loss is that of the market."""
    left = await dies(stage, "open", **BESIDE)
    # What docs/live.md states.
    print(left)
    assert left.orders_gone_s is not None
    assert LIFE_S * 2 / 3 - 1 <= left.orders_gone_s <= LIFE_S + 1
    assert left.held == Decimal(HELD), "nothing filled after them"
    moved = Decimal("88571.5") * Decimal("0.1")
    assert left.loss_usd <= left.held * moved * Decimal("1.02")


async def test_without_any_protection_the_limit_is_the_bound(stage: Stage) -> None:
    """Orders rest for ever: what they may still fill is inside the limit, and no more bounds it."""
    left = await dies(stage, "volume", **BESIDE)
    print(left)
    assert left.orders_gone_s is None
    assert Decimal(HELD) < left.held <= left.limit
    moved = Decimal("88571.5") * Decimal("0.1")
    assert left.loss_usd <= left.limit * moved * Decimal("1.02")


@pytest.mark.parametrize("dead_man", ["open", "volume"])
async def test_with_a_stop_that_rests_the_loss_is_bounded(stage: Stage, dead_man: str) -> None:
    """It closes what our own quotes made larger, too. `scheduleCancel` would have taken it away."""
    left = await dies(stage, dead_man)
    print(left)
    assert left.orders_gone_s is None, "quotes rest until they are filled"
    assert left.held <= Decimal("0.001")
    assert Decimal(0) < left.loss_usd <= BUDGET_USD * Decimal("1.1")
    assert stage.stops == []
    dates = [r.action.get("time") for r in stage.received("scheduleCancel")]
    assert dates[-1] is None if dead_man == "open" else len(dates) == 1, "taken back, or refused"


async def test_a_market_that_first_turns_leaves_what_rested_as_the_bound(stage: Stage) -> None:
    """Our quotes close the position and open its opposite: the stop ends with what it is of."""
    stage.open(dead_man="open")
    stage.inherit("0.01")
    await stage.quoting()
    await stage.until(lambda: stage.stops, 10)
    rested = sum(Decimal(order["sz"]) for order in stage.asks)
    await stage.vanish()
    await goes(stage, ("1.01", "1.02"))
    assert stage.position == Decimal("0.01") - rested < 0
    assert stage.stops == []


async def test_what_was_under_way_at_the_death_is_void_soon(stage: Stage) -> None:
    """A request that the network keeps for longer than its expiry comes to nothing."""
    stage.open()
    late = stage.net.meddle(
        lambda r: r.get("type") in ("order", "batchModify"), before_s=EXPIRES_S + 1
    )
    stage.begin()
    await stage.until(lambda: late.happened)
    await stage.wait(3)
    await stage.vanish()
    await stage.wait(EXPIRES_S + 2)
    arrived = stage.received("order")
    assert arrived, "after the death of who sent it"
    assert all(r.expires_ms is not None for r in arrived)
    assert stage.bids + stage.asks == []
