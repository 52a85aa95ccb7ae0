"""Fills, orders and queries that reach us twice, late, in the wrong order, or not at all."""

import asyncio
from decimal import Decimal

import pytest

from stage.house import Json
from stage.script import Stage

DROP_S = 1.5
STEPS = 30


async def drop(stage: Stage, seconds: float = DROP_S) -> None:
    """Lose both connections for a while."""
    stage.net.is_reachable = False
    stage.net.cut()
    await stage.wait(seconds)
    stage.net.is_reachable = True


def thirty_old_fills(message: Json, *, snapshot: bool) -> list[Json]:
    """The snapshot of a re-subscription as it was in life: the last 30 fills, all sells."""
    data = message["data"]
    if message["channel"] == "userFills" and data.get("isSnapshot"):
        data["fills"] = [fill for fill in data["fills"] if fill["side"] == "A"][:STEPS]
        assert len(data["fills"]) == STEPS
        if not snapshot:
            del data["isSnapshot"]
    return [message]


@pytest.mark.parametrize("snapshot", [True, False], ids=["marked as snapshot", "sent as news"])
async def test_the_seed_incident(stage: Stage, snapshot: bool) -> None:
    """0.00344 short, thirty old sells replayed: the position, the quotes and the limit stay."""
    stage.open("88571.5", usdc="640")
    stage.inherit("0.08146")
    maker = stage.house.maker
    stage.house.place(maker, *[("ask", "88300", "0.00283", "Ioc") for _ in range(STEPS)])
    stage.crowd("88571.5")
    assert stage.position == Decimal("-0.00344")
    await stage.quoting()
    await stage.wait(5)
    limit = stage.limit("ask")
    assert limit > Decimal("0.00344")
    stage.net.rewrites["user"] = lambda message: thirty_old_fills(message, snapshot=snapshot)
    await drop(stage)
    await stage.until(lambda: stage.shown["mode"] == "normal")
    await stage.two_sided()
    # While the line was down the reducing side alone went on, flagged so.
    cycles = stage.mark()
    await stage.wait(10)
    assert stage.believed == stage.position == Decimal("-0.00344")
    assert stage.bids
    assert stage.asks
    # One limit, read by everybody and raised by nobody: what was sent since fits into it.
    assert stage.limit("bid") == stage.limit("ask") <= limit * Decimal("1.01")
    assert all(not order["r"] for r in stage.received(since=cycles) for order in r.orders)
    assert stage.shown["counts"]["stranger_fills"] == 0
    result = await stage.ends_well()
    position = result["position"]
    assert (position["start"], position["end"]) == ("-0.00344", "-0.00344")
    assert position["max_abs"] == "0.00344"


async def test_a_fill_during_a_dropped_line_is_posted_once(stage: Stage) -> None:
    """The snapshot is history, and yet it is the only one to tell of what happened meanwhile."""
    stage.open()
    stage.inherit("0.01")
    await stage.quoting()
    stage.fill("bid", "0.001")
    await stage.wait(2)
    stage.net.is_reachable = False
    stage.net.cut()
    stage.fill("ask", "0.002")
    await stage.wait(DROP_S)
    stage.net.is_reachable = True
    await stage.two_sided()
    await stage.wait(15)
    assert stage.believed == stage.position == Decimal("0.009")
    counts = stage.shown["counts"]
    assert (counts["stranger_fills"], counts["discontinuities"]) == (0, 0)
    await stage.ends_well()


async def test_a_fill_between_a_query_and_its_answer(stage: Stage) -> None:
    """An account report from before the fill comes after it: it corrects nothing."""
    stage.open()
    await stage.quoting()
    stage.net.silence("user", "clearinghouseState")
    late = stage.net.meddle(lambda q: q.get("type") == "clearinghouseState", after_s=3)
    await stage.until(lambda: late.happened)
    await stage.wait(0.5)
    stage.fill("bid", "0.002")
    await stage.wait(0.5)
    assert stage.believed == Decimal("0.002")
    await stage.wait(4)
    assert stage.believed == stage.position == Decimal("0.002")
    assert stage.bids
    late.stop()
    await stage.ends_well()


async def test_a_report_that_knows_of_a_fill_before_we_do(stage: Stage) -> None:
    """The other way round: the report is ahead of the fill, which then counts once."""
    stage.open()
    await stage.quoting()
    stage.net.hold("user", "userFills")
    stage.fill("ask", "0.002")
    await stage.wait(2.5)
    stage.net.release("user")
    await stage.wait(15)
    assert stage.believed == stage.position == Decimal("-0.002")
    assert stage.bids
    assert stage.asks
    await stage.ends_well()


async def test_a_fill_before_the_acknowledgement(stage: Stage) -> None:
    """The reply to the place is slower than the fill of what it placed."""
    stage.open()
    slow = stage.net.meddle(lambda action: action.get("type") == "order", after_s=2)
    stage.begin()
    await stage.until(lambda: stage.bids and stage.asks)
    stage.fill("bid", "0.00014")
    await stage.wait(0.5)
    assert stage.believed == stage.position == Decimal("0.00014")
    slow.stop()
    await stage.wait(10)
    assert stage.shown["counts"]["stranger_fills"] == 0
    assert len({order["cloid"] for order in stage.bids + stage.asks}) == len(
        stage.bids + stage.asks
    )
    await stage.ends_well()


async def pulled_with_a_fill(stage: Stage, share: Decimal) -> tuple[Decimal, Json]:
    """A share of a bid fills while its cancel is under way; what filled, and the counts."""
    stage.open()
    await stage.quoting()
    await stage.wait(5)
    slow = stage.net.meddle(lambda action: "cancel" in str(action.get("type")), before_s=0.5)
    stage.net.silence("market")
    await stage.until(lambda: slow.happened)
    best = Decimal(stage.bids[0]["sz"])
    filled = (best * share).quantize(Decimal("0.00001"))
    stage.fill("bid", filled)
    await stage.wait(5)
    slow.stop()
    assert stage.bids == []
    assert stage.believed == stage.position == filled
    # Nothing is waited for any more: what could still fill is what rests, nothing.
    await stage.wait(10)
    assert stage.shown["pending"] == [0, 0]
    stage.net.speak("market")
    await stage.two_sided()
    return filled, stage.shown["counts"]


async def test_a_cancel_answered_with_filled(stage: Stage) -> None:
    """The cancel finds the order filled: an end like any other, and the fill counts once."""
    filled, counts = await pulled_with_a_fill(stage, Decimal(1))
    assert counts["rejections"].get("Gone", counts["rejections"].get("gone")) == 1
    assert counts["filled_lots"] == int(filled.scaleb(5))
    await stage.ends_well()


async def test_a_partial_fill_during_the_cancel(stage: Stage) -> None:
    """The cancel succeeds for what was left; the part that filled stays in the ledger."""
    filled, counts = await pulled_with_a_fill(stage, Decimal("0.5"))
    assert counts["filled_lots"] == int(filled.scaleb(5))
    await stage.ends_well()


async def test_order_updates_that_come_late(stage: Stage) -> None:
    """Updates ten seconds behind change nothing: replies and fills have told it all."""
    stage.open()
    await stage.quoting()
    await stage.wait(5)
    stage.net.hold("user", "orderUpdates")
    stage.crowd("88700")
    await stage.wait(3)
    stage.fill("bid", "0.0005")
    await stage.wait(7)
    levels = len(stage.bids), len(stage.asks)
    before = stage.mark()
    stage.net.release("user")
    await stage.wait(10)
    assert (len(stage.bids), len(stage.asks)) == levels
    assert stage.received("order", "cancel", "cancelByCloid", since=before) == []
    assert stage.believed == stage.position
    await stage.ends_well()


async def test_open_orders_that_lag(stage: Stage) -> None:
    """A list from before our last requotes neither brings back the dead nor buries the living."""
    stage.open()
    await stage.quoting()
    await stage.wait(5)
    levels = len(stage.bids), len(stage.asks)
    lagging = stage.net.meddle(lambda q: q.get("type") == "frontendOpenOrders", after_s=2)
    for asked in range(1, 3):
        await stage.until(lambda asked=asked: lagging.happened >= asked, 70)  # type: ignore[misc]
        # Asked and on its way back; what is placed now is not in it, what goes now is.
        await stage.wait(0.2)
        stage.fill("bid", stage.bids[0]["sz"])
        stage.crowd("88600" if asked == 1 else "88560")
        for _ in range(20):
            await stage.wait(0.25)
            assert (len(stage.bids), len(stage.asks)) <= levels
    assert stage.shown["orphans"] == 0
    lagging.stop()
    await stage.wait(5)
    assert (len(stage.bids), len(stage.asks)) == levels
    await stage.ends_well()


async def test_every_frame_twice(stage: Stage) -> None:
    """A venue that repeats itself moves nothing twice."""
    stage.open()
    await stage.quoting()
    stage.net.rewrites["user"] = lambda message: [message, message]
    for _ in range(3):
        stage.fill("bid", "0.0003")
        await asyncio.sleep(1)
    assert stage.believed == stage.position == Decimal("0.0009")
    await stage.ends_well()
