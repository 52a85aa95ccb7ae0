"""A batch carried out late: it counts as long as its life allows, whatever life that is."""

from decimal import Decimal

from stage.house import Json
from stage.script import Stage

LIFE_S = 60.0
LATE_S = 45.0
"""Beyond the life of the default configuration, and within this one's."""
CAP_COIN = 0.0002
"""Room for one order of the venue's least size a side, and not for two."""


def is_order(action: Json) -> bool:
    return bool(action.get("type") == "order")


async def test_a_lost_batch_counts_as_long_as_it_may_arrive(stage: Stage) -> None:
    """No answer, no word of its orders, and no noop through: nothing takes their place."""
    stage.open()
    stage.net.meddle(lambda action: action.get("type") == "noop", arrives=False, answered=False)
    sent: list[Json] = []

    def first(action: Json) -> bool:
        sent.extend([action] if is_order(action) else [])
        return is_order(action)

    late = stage.net.meddle(first, times=1, before_s=LATE_S, answered=False)
    stage.begin(
        process__expires_after_s=LIFE_S,
        quoting__target_liquidity_frac=1.0,
        limits__position_cap_coin=CAP_COIN,
    )
    await stage.until(lambda: late.happened, 20)
    sent_s = stage.house.now_s()
    [batch] = sent
    lots = {is_buy: total(batch, is_buy=is_buy) for is_buy in (True, False)}
    assert min(lots.values()) > Decimal(str(CAP_COIN)) / 2
    while stage.house.now_s() - sent_s < LATE_S - 1:
        await stage.wait(1)
        for is_buy, side in ((True, "bid"), (False, "ask")):
            resting = stage.bids if is_buy else stage.asks
            could = lots[is_buy] + sum(Decimal(order["sz"]) for order in resting)
            assert could <= stage.limit(side)
    await stage.wait(2)
    assert stage.bids or stage.asks
    await stage.wait(LIFE_S)
    await stage.two_sided()
    await stage.ends_well()


def total(batch: Json, *, is_buy: bool) -> Decimal:
    """Of a side of a batch that left, coin."""
    orders = [order for order in batch["orders"] if order["b"] == is_buy]
    return sum((Decimal(order["s"]) for order in orders), Decimal(0))
