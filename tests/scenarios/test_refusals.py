"""What the exchange refuses, in its own words, and how often it is asked again."""

import json
from decimal import Decimal

import pytest

from mm.hyperliquid.account import is_stop
from stage.house import Json
from stage.script import Stage

RICH = "1000000"


def is_place(request: Json) -> bool:
    return request.get("type") in ("order", "batchModify")


def whole(text: str) -> tuple[int, str]:
    """One refusal for a whole batch, as a static check gives it."""
    return 200, json.dumps({"status": "err", "response": text})


def each(texts: list[str]) -> str:
    """A refusal for each item."""
    statuses = [{"error": text} for text in texts]
    data = {"type": "order", "data": {"statuses": statuses}}
    return json.dumps({"status": "ok", "response": data})


async def test_a_batch_of_25_refused_is_one_refusal(stage: Stage) -> None:
    """Twenty-five errors came with one action: one strike, so one short pause, and all is well."""
    stage.open(usdc=RICH)
    text = "Insufficient margin to place order. asset=0"
    refused = stage.net.meddle(is_place, times=1, arrives=False, answer=(200, ""))
    refused.answer = (200, each([text] * 26))
    stage.begin(quoting__levels=13)
    await stage.until(lambda: refused.happened)
    began = stage.house.now_s()
    await stage.until(lambda: stage.bids and stage.asks, 5)
    assert stage.house.now_s() - began < 4
    await stage.ends_well()


@pytest.mark.parametrize(
    "answer",
    [
        (429, "null"),
        whole("Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0."),
        whole("Something that nobody has ever seen"),
    ],
    ids=["429", "too many cumulative requests", "unknown text"],
)
async def test_a_refusal_that_lasts_is_not_hammered(stage: Stage, answer: tuple[int, str]) -> None:
    """A minute of it: few attempts, with growing pauses; afterwards prices as before."""
    stage.open()
    # A tolerance that each step of the price is beyond; none reaches a quote.
    await stage.quoting(quoting__max_bps_diff=1.0)
    spread = Decimal(stage.asks[0]["limitPx"]) - Decimal(stage.bids[0]["limitPx"])
    refusing = stage.net.meddle(is_place, arrives=False, answer=answer)
    mids = ["88589", "88571.5"]
    for index in range(60):
        stage.crowd(mids[index % 2])
        await stage.wait(1)
    assert 2 <= refusing.happened <= 25, refusing.happened
    refusing.stop()
    stage.crowd("88571.5")
    await stage.wait(130)
    assert stage.bids
    assert stage.asks
    assert Decimal(stage.asks[0]["limitPx"]) - Decimal(stage.bids[0]["limitPx"]) <= spread * 2
    await stage.ends_well()


async def test_every_quote_is_post_only(stage: Stage) -> None:
    """Add-liquidity-only, all of them; one that would cross is refused, repriced and no alarm."""
    stage.open()
    await stage.quoting()
    mids = ["88620", "88571.5", "88500", "88700"]
    for index in range(20):
        stage.crowd(mids[index % 4])
        await stage.wait(0.5)
    orders = [order for r in stage.received("order", "batchModify") for order in r.orders]
    # The stop that rests at the exchange is none.
    quotes = [order for order in orders if not is_stop(order["c"])]
    assert {order["t"]["limit"]["tif"] for order in quotes} == {"Alo"}
    assert set(stage.shown["counts"]["rejections"]) <= {"PostOnly", "Gone"}
    await stage.two_sided()
    fills = stage.house.ask(type="userFills", user=stage.house.maker.address)
    assert all(not fill["crossed"] for fill in fills)
    await stage.ends_well()
