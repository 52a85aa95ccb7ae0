"""Host death: every process of ours is gone and none comes back. What is left is the venue's."""

from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal

import pytest

from mm.state import account_dir
from mm.status import find, kept, lines
from mm.store import Store
from stage.house import Json
from stage.script import Stage

SMALL, BELOW, ABOVE, LARGE = "0.01", "0.03", "0.05", "0.12"
"""Positions: two that a side of our quotes can turn, and two that it cannot."""
LIFE_S = 60.0
"""Of a renewal of `scheduleCancel`, the last of which is at most 20 s old."""
EXPIRES_S = 10.0
"""`process.expires_after_s`: what was under way is void after it."""
UNQUOTED = 2
"""Dates at the start: set, and taken back as long as no quote rests that it could end."""
HOUR_S = 3_600.0
FALL = ("0.99", "0.97", "0.95", "0.90")
"""The market's way after that hour, as shares of where it was."""
MID = Decimal("88571.5")
FELL = Decimal("0.10")


@dataclass(frozen=True, slots=True)
class Left:
    """What the exchange saw after the death.

    Attributes:
        orders_gone_s: Until nothing of ours rested that may increase; `None`: not within the hour.
        loss_usd: Of the account when the market has fallen by a tenth, from the death on.
        held: Position then, coin.
        limit: Of the maker when it died, coin.
        told_usd: What the maker said would be left without an end.
    """

    orders_gone_s: float | None
    loss_usd: Decimal
    held: Decimal
    limit: Decimal
    told_usd: Decimal


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


def dates(stage: Stage) -> list[object]:
    """What was asked of `scheduleCancel`; `None`: to take it back."""
    return [r.action.get("time") for r in stage.received("scheduleCancel")]


def death() -> Json:
    """What the maker has kept of it, which `mm status` shows when nobody lives."""
    with closing(Store.open(account_dir("paper", "default"), "paper", "default")) as store:
        told: Json = kept(store)["host_death"]
    return told


def said() -> str:
    """The line of `mm status`, when nobody lives."""
    [line] = [line for line in lines(find("paper", "default")) if "Host death" in line]
    return line


async def goes(stage: Stage, shares: tuple[str, ...]) -> None:
    """The market goes to these shares of where it was, through what rests on its way."""
    for share in shares:
        there = str(round(MID * Decimal(share)))
        stage.house.cancel(stage.house.crowd)
        stage.crowd(there, sz="1")
        stage.crowd(there, sz="1")
        await stage.wait(5)


async def holding(stage: Stage, dead_man: str, held: str, **settings: object) -> None:
    """A maker that quotes and holds, with everything in place."""
    stage.open(dead_man=dead_man)
    stage.inherit(held)
    await stage.quoting(**settings)
    await stage.wait(45)


async def dies(stage: Stage, dead_man: str, held: str, **settings: object) -> Left:
    """A maker that quotes and holds is gone; the market waits an hour, and then falls."""
    await holding(stage, dead_man, held, **settings)
    limit, before = stage.limit("bid"), equity(stage)
    assert increasing(stage)
    told = Decimal(death()["left_usd"])
    await stage.vanish()
    mark = stage.mark()
    begun_s, gone_s = stage.house.now_s(), None
    while (now_s := stage.house.now_s() - begun_s) < HOUR_S:
        if gone_s is None and not increasing(stage):
            gone_s = now_s
        await stage.wait(0.5 if now_s < 2 * LIFE_S else 60.0)
    await goes(stage, FALL)
    assert stage.received(since=mark) == [], "nobody of ours lives"
    left = Left(gone_s, before - equity(stage), stage.position, limit, told)
    # What docs/live.md states.
    print(dead_man, held, settings, left)
    return left


@pytest.mark.parametrize("held", [SMALL, LARGE])
async def test_the_venues_switch_takes_the_orders_within_its_life(stage: Stage, held: str) -> None:
    """Without a stop the position stays as it was: its loss is that of the market."""
    left = await dies(stage, "open", held, **BESIDE)
    assert left.orders_gone_s is not None
    assert LIFE_S * 2 / 3 - 1 <= left.orders_gone_s <= LIFE_S + 1
    assert left.held == Decimal(held), "nothing filled after them"
    assert left.told_usd == pytest.approx(left.held * MID, rel=Decimal("0.01"))
    assert left.loss_usd <= left.told_usd * FELL * Decimal("1.02")


@pytest.mark.parametrize("held", [SMALL, LARGE])
async def test_without_any_protection_the_limit_is_the_bound(stage: Stage, held: str) -> None:
    """Orders rest for ever: what they may still fill is inside the limit, and no more bounds it."""
    left = await dies(stage, "volume", held, **BESIDE)
    assert left.orders_gone_s is None
    assert Decimal(held) < left.held <= left.limit
    assert left.held * MID <= left.told_usd * Decimal("1.01") <= left.limit * MID * Decimal("1.02")
    assert left.loss_usd <= left.told_usd * FELL * Decimal("1.02")


@pytest.mark.parametrize("held", [SMALL, LARGE])
async def test_with_a_stop_alone_the_loss_is_bounded(stage: Stage, held: str) -> None:
    """It closes what our own quotes made larger, too."""
    left = await dies(stage, "volume", held)
    assert left.orders_gone_s is None, "quotes rest until they are filled"
    assert left.held <= Decimal("0.001")
    assert Decimal(0) < left.loss_usd <= BUDGET_USD * Decimal("1.1")
    assert stage.stops == []
    assert len(dates(stage)) == 1, "refused"


async def test_with_both_a_small_position_keeps_the_date(stage: Stage) -> None:
    """Our quotes could make more of its opposite than it is: they are gone within the minute."""
    left = await dies(stage, "open", SMALL)
    assert left.orders_gone_s is not None
    assert LIFE_S * 2 / 3 - 1 <= left.orders_gone_s <= LIFE_S + 1
    assert None not in dates(stage)[UNQUOTED:]
    assert stage.stops == [], "it goes with them"
    assert "orders gone within 60 s (scheduleCancel)" in said()
    assert left.held == Decimal(SMALL)
    assert left.told_usd == pytest.approx(left.held * MID, rel=Decimal("0.01"))
    assert Decimal(0) < left.loss_usd <= left.told_usd * FELL * Decimal("1.02")


async def test_with_both_a_large_position_keeps_the_stop(stage: Stage) -> None:
    """The date would take it away: it is taken back, and the stop closes all of it."""
    left = await dies(stage, "open", LARGE)
    assert left.orders_gone_s is None, "quotes rest until they are filled"
    assert dates(stage)[-1] is None
    assert "orders rest until filled (scheduleCancel would leave more)" in said()
    assert left.held <= Decimal("0.001")
    assert Decimal(0) < left.loss_usd <= BUDGET_USD * Decimal("1.1")
    assert left.told_usd < Decimal(LARGE) * MID
    assert stage.stops == []


async def test_while_both_rest_the_stop_guards_the_minute(stage: Stage) -> None:
    """A market that falls before the date is there: the stop has closed all by then."""
    await holding(stage, "open", SMALL)
    before = equity(stage)
    await stage.vanish()
    await goes(stage, FALL)
    assert stage.house.now_s() > 0
    assert stage.position <= Decimal("0.001")
    assert Decimal(0) < before - equity(stage) <= BUDGET_USD * Decimal("1.1")
    await stage.wait(LIFE_S)
    assert stage.bids + stage.asks + stage.stops == []


@pytest.mark.parametrize("way", [("1.01", "1.02", "0.9"), ("0.9", "1.02"), ("0.9", "1.02", "0.8")])
async def test_what_is_left_beside_a_stop_is_no_more_than_was_said(
    stage: Stage, way: tuple[str, ...]
) -> None:
    """Quotes close the position and open its opposite, or fill once the stop was set off."""
    await holding(stage, "volume", SMALL)
    await stage.until(lambda: stage.stops, 10)
    told, most = Decimal(death()["left_usd"]), Decimal(0)
    sides = [sum(Decimal(order["sz"]) for order in side) for side in (stage.bids, stage.asks)]
    assert told == pytest.approx(max(sides) * MID, rel=Decimal("0.01"))
    await stage.vanish()
    for share in way:
        await goes(stage, (share,))
        if not stage.stops:
            most = max(most, abs(stage.position))
    assert stage.stops == []
    assert Decimal(0) < most <= max(sides)


async def test_a_position_that_breathes_moves_no_date_and_one_that_grows_and_shrinks_does(
    stage: Stage,
) -> None:
    """Taken back where the position is clearly the larger, set again where it is no larger."""
    await holding(stage, "open", SMALL)
    side = max(sum(Decimal(o["sz"]) for o in rows) for rows in (stage.bids, stage.asks))
    for share in ("1.05", "1.15", "1.05", "1.15"):
        stage.inherit(str(round(side * Decimal(share), 3)))
        await stage.wait(10)
        assert death()["scheduled_cancel"] == "stands"
    assert None not in dates(stage)[UNQUOTED:]
    stage.inherit(LARGE)
    await stage.until(lambda: dates(stage)[-1] is None, 5)
    await stage.wait(2)
    shown = death()
    assert shown["scheduled_cancel"] == "taken_back"
    assert Decimal(shown["left_usd"]) < Decimal(LARGE) * MID
    side = max(sum(Decimal(o["sz"]) for o in rows) for rows in (stage.bids, stage.asks))
    for share in ("1.05", "1.20", "1.05", "1.20"):
        stage.inherit(str(round(side * Decimal(share), 3)))
        await stage.wait(10)
        assert death()["scheduled_cancel"] == "taken_back"
    stage.inherit(SMALL)
    await stage.until(lambda: dates(stage)[-1] is not None, 5)
    await stage.wait(2)
    assert death()["scheduled_cancel"] == "stands"
    await stage.ends_well()
    assert dates(stage)[-1] is None, "an orderly end costs none of the day's firings"


async def test_however_fast_a_position_comes_and_goes_the_date_costs_what_it_always_costs(
    stage: Stage,
) -> None:
    """Set three times a life at most, and taken back no more often than set."""
    await holding(stage, "open", SMALL)
    since, begun_s = len(dates(stage)), stage.house.now_s()
    for _ in range(6):
        for held in (ABOVE, BELOW):
            stage.inherit(held)
            await stage.wait(4)
    asked = dates(stage)[since:]
    lasted_s = stage.house.now_s() - begun_s
    sets = [date for date in asked if date is not None]
    assert len(sets) <= lasted_s / (LIFE_S / 3) + 1
    assert asked.count(None) <= len(sets) + 1
    await stage.ends_well()


async def test_a_host_that_dies_with_the_date_not_taken_back_loses_the_stop_as_it_said(
    stage: Stage,
) -> None:
    """Taking it back got no answer: it is tried again, and until then the date is what stands."""
    await holding(stage, "open", SMALL)
    lost = stage.net.meddle(
        lambda r: r.get("type") == "scheduleCancel" and "time" not in r,
        arrives=False,
        answer=(502, ""),
    )
    stage.inherit(LARGE)
    await stage.until(lambda: lost.happened >= 2, 15)
    await stage.wait(2)
    shown = death()
    assert shown["scheduled_cancel"] == "stands"
    assert Decimal(shown["left_usd"]) == pytest.approx(Decimal(LARGE) * MID, rel=Decimal("0.01"))
    lost.stop()
    await stage.until(lambda: death()["scheduled_cancel"] == "taken_back", 10)
    await stage.ends_well()
    assert len(stage.stops) == 1, "it stays with what is held"


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
