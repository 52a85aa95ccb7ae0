"""One limit, whatever came before: sweeps, trends, inherited positions, small accounts."""

from decimal import Decimal
from itertools import pairwise

import pytest

from stage.script import Stage

MIN_NOTIONAL = 10
LOT = Decimal("0.00001")


def side_total(orders: list[dict[str, str]]) -> Decimal:
    return sum((Decimal(order["sz"]) for order in orders), Decimal(0))


def refusals(stage: Stage) -> dict[str, int]:
    """What the exchange refused, but for what would have crossed: that is an ordinary outcome."""
    counted: dict[str, int] = stage.shown["counts"]["rejections"]
    return {name: count for name, count in counted.items() if name not in ("PostOnly", "post_only")}


async def test_seven_fills_in_a_second_carry_us_no_further_than_one_target(stage: Stage) -> None:
    """Holding a position, the whole reducing ladder is swept: not far through zero."""
    stage.open()
    stage.inherit("0.02")
    await stage.quoting(quoting__levels=7)
    limit = stage.limit("ask")
    target = limit * Decimal("0.2")
    asks = stage.asks
    assert len(asks) == 7
    assert side_total(asks) <= Decimal("0.02") + target
    for order in asks:
        stage.house.place(stage.house.taker, ("bid", order["limitPx"], "0.5", "Ioc"))
    assert stage.position >= -target
    await stage.wait(10)
    assert stage.believed == stage.position
    assert stage.bids
    result = await stage.ends_well()
    assert result["fills_sell"] >= 7


async def test_a_falling_market_finds_a_full_inventory_selling(stage: Stage) -> None:
    """-188 bps in five minutes, long to the limit: asks at every look, and out step by step."""
    stage.open()
    stage.inherit("0.02")
    stage.begin(limits__position_cap_coin=0.02)
    await stage.until(lambda: stage.asks)
    assert stage.bids == []
    since, mid, positions = stage.mark(), Decimal("88571.5"), [stage.position]
    for step in range(60):
        mid *= 1 - Decimal("0.000313")
        stage.crowd(str(mid.quantize(Decimal(1))))
        await stage.wait(5)
        assert stage.asks, f"nothing reduces at step {step}"
        if step % 6 == 5:
            stage.fill("ask", stage.asks[0]["sz"])
        positions.append(stage.position)
    assert all(later <= earlier for earlier, later in pairwise(positions))
    assert positions[-1] < Decimal("0.016")
    worst = max(Decimal(order["s"]) for r in stage.received(since=since) for order in r.orders)
    assert worst <= Decimal("0.02")
    await stage.ends_well()


@pytest.mark.parametrize("position", ["0.155", "-0.155"], ids=["long", "short"])
async def test_an_inherited_position_of_31_times_the_limit(stage: Stage, position: str) -> None:
    """It is shown, marked and worked down: reducing orders only, until two sides fit again."""
    stage.open()
    stage.inherit(position)
    stage.begin(limits__position_cap_coin=0.005)
    reducing, other = ("asks", "bids") if Decimal(position) > 0 else ("bids", "asks")
    await stage.until(lambda: getattr(stage, reducing))
    assert stage.shown["position_start"] == int(Decimal(position).scaleb(5))
    held = abs(stage.position)
    for _ in range(400):
        assert abs(stage.position) <= held
        held = abs(stage.position)
        if held <= Decimal("0.005"):
            break
        assert getattr(stage, other) == []
        own = getattr(stage, reducing)
        assert side_total(own) <= held
        if own:
            stage.fill(reducing[:3], min(Decimal(own[0]["sz"]), held))
        stage.crowd(stage.mid)
        await stage.wait(1)
    assert held <= Decimal("0.005")
    for r in stage.received("order", "batchModify"):
        for order in r.orders:
            assert order["r"] or held <= Decimal("0.005")
    await stage.two_sided()
    await stage.ends_well()


@pytest.mark.parametrize("position", ["0.00009", "-0.00009"], ids=["long", "short"])
async def test_inherited_dust_is_part_of_the_position_and_no_obstacle(
    stage: Stage, position: str
) -> None:
    """Eight dollars: too little to sell alone, so it is counted and quoted around."""
    stage.open()
    stage.inherit(position)
    await stage.quoting()
    assert stage.believed == stage.position == Decimal(position)
    side = "ask" if Decimal(position) > 0 else "bid"
    stage.fill(side, (stage.asks if side == "ask" else stage.bids)[0]["sz"])
    await stage.wait(5)
    assert stage.believed == stage.position
    assert refusals(stage) == {}
    await stage.ends_well()


async def test_a_hundred_dollars(stage: Stage) -> None:
    """Few levels, both sides, each of at least the venue's minimum, none refused."""
    stage.open(usdc="100")
    await stage.quoting(paper__equity_usd=100.0)
    assert 1 <= len(stage.bids) <= 3
    assert 1 <= len(stage.asks) <= 3
    for _ in range(6):
        stage.fill("bid", stage.bids[0]["sz"])
        stage.crowd(stage.mid)
        # The price fell and came back: an ask that followed it is refused, and waits up to 4 s.
        await stage.wait(5)
        assert stage.asks
        if not stage.bids:
            break
    # Room that is too small for the minimum is no order at all; what was sent is never refused.
    for r in stage.received("order", "batchModify"):
        for order in r.orders:
            notional = Decimal(order["p"]) * Decimal(order["s"])
            assert notional >= MIN_NOTIONAL or Decimal(order["s"]) == abs(stage.position)
    # An amend and the fill of its order may cross on the way: that is no refusal of a size.
    assert set(refusals(stage)) <= {"Gone"}
    assert stage.position <= stage.limit("bid")
    await stage.ends_well()


async def test_what_a_clamp_leaves_is_never_under_the_minimum(stage: Stage) -> None:
    """The room shrinks lot by lot to nothing: the last order is at least $10 or there is none."""
    stage.open()
    await stage.quoting(limits__position_cap_coin=0.001)
    while stage.bids:
        smallest = min(Decimal(order["sz"]) for order in stage.bids)
        stage.fill("bid", min(smallest, Decimal("0.00012")))
        stage.crowd(stage.mid)
        await stage.wait(2)
        for order in stage.bids:
            assert Decimal(order["sz"]) * Decimal(order["limitPx"]) >= MIN_NOTIONAL
    assert Decimal("0.00088") <= stage.position <= Decimal("0.001")
    assert stage.asks
    assert refusals(stage) == {}
    await stage.ends_well()


async def test_a_limit_that_falls_takes_its_orders_along(stage: Stage) -> None:
    """Half of the money leaves: what rests above the new limit is cancelled in the same step."""
    stage.open()
    await stage.quoting(limits__position_cap_usd=40_000.0, quoting__target_liquidity_frac=1.0)
    before, limit = side_total(stage.bids), stage.limit()
    body = stage.house.ask(type="clearinghouseState", user=stage.house.maker.address)
    for summary in ("marginSummary", "crossMarginSummary"):
        body[summary]["accountValue"] = "5000.0"
    body["time"] = stage.house.now_ns() // 1_000_000 + 1
    stage.net.silence("user", "clearinghouseState")
    told = {"dex": "", "user": stage.house.maker.address, "clearinghouseState": body}
    stage.net.push("user", "clearinghouseState", told)
    mark = stage.mark()
    await stage.until(lambda: side_total(stage.bids) < before, 2)
    assert stage.limit() < limit * Decimal("0.6")
    first = stage.received(since=mark)
    assert any(r.kind in ("cancelByCloid", "batchModify") for r in first[:2])
    assert stage.position + side_total(stage.bids) <= stage.limit()
