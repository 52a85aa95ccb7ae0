"""A coin at the venue's open-interest cap: what is held may be held or shrink, nothing is added."""

from decimal import Decimal
from pathlib import Path

import pytest
import zstandard

from engine_desk import EngineDesk
from mm import explain
from stage.house import Json
from stage.script import Stage

CAP_USD = "5000"
CROWDED = "0.05"
"""Of open interest between others, coin: at the mid of the stage nearly 4,430 USDC."""
MINUTE_S = 60.0


def others_trade(stage: Stage, side: str) -> None:
    """The taker buys from (or sells to) a crowd that stands thick before our quotes."""
    house = stage.house
    px = house.px(Decimal(stage.mid), Decimal("0.2" if side == "bid" else "-0.2"))
    [status] = house.place(house.taker, (side, px, CROWDED, "Ioc"))
    assert "filled" in status, status


def terms(stage: Stage) -> dict[str, list[int] | None]:
    return {term["term"]: term["lots"] for term in stage.shown["limits"]["terms"]}


async def test_at_the_cap_nothing_is_added_and_what_is_held_is_worked(stage: Stage) -> None:
    stage.open(oi_caps={"BTC": CAP_USD})
    stage.inherit("0.01")
    await stage.quoting()
    assert "open_interest" not in terms(stage)
    assert stage.shown["limits"]["inputs"]["at_open_interest_cap"] is False
    # At the cap they cannot move their book either, but close.
    stage.crowd(stage.mid, half_bps="0.2", sz="0.1")
    others_trade(stage, "bid")
    await stage.until(lambda: terms(stage).get("open_interest"), 2 * MINUTE_S)
    await stage.wait(2.0)
    mark = stage.mark()
    limits = stage.shown["limits"]
    assert limits["lots"] == [round(stage.position * 100_000), 0]
    assert limits["binding"] == ["open_interest"] * 2
    # Long: nothing bids, and the asks are no more than what is held.
    assert stage.bids == []
    assert stage.asks
    assert sum(Decimal(order["sz"]) for order in stage.asks) <= stage.position
    await stage.wait(MINUTE_S)
    assert stage.increasing_since(mark) == []
    assert stage.shown["reduce_only"] is False
    # They close again: within a minute of it, both sides.
    others_trade(stage, "ask")
    await stage.until(lambda: "open_interest" not in terms(stage), 2 * MINUTE_S)
    await stage.until(lambda: stage.bids and stage.asks, 10)
    await stage.ends_well()


async def test_an_order_refused_for_the_cap_asks_at_once(stage: Stage) -> None:
    """Between two looks at the list the venue's refusal says it; nobody waits out the minute."""
    stage.open()
    asked = stage.net.meddle(lambda query: query.get("type") == "perpsAtOpenInterestCap")
    refused = stage.net.meddle(lambda sent: sent.get("type") == "order", times=1, reword=capped)
    stage.begin()
    await stage.until(lambda: refused.happened, 20)
    assert asked.happened == 1
    await stage.until(lambda: asked.happened == 2, 3)
    await stage.stop()


def test_that_it_is_not_at_the_cap_is_forgotten(tmp_path: Path) -> None:
    """Ten minutes without an answer: unknown, said once and shown with its age; a cap stands."""
    desk = EngineDesk().open()

    def at_cap() -> object:
        return desk.snapshot()["limits"]["inputs"]["at_open_interest_cap"]

    def explained() -> Json:
        (tmp_path / "events.jsonl.zst").write_bytes(zstandard.compress(desk.journal))
        return explain.limits(explain.stand(tmp_path, None))["ages"]["open_interest_cap"]

    desk.info("perpsAtOpenInterestCap", [])
    desk.after(598.0)
    assert at_cap() is False
    desk.after(4.0)
    assert at_cap() is None
    told = [alarm for _, alarm in desk.alarms if alarm["alarm"] == "open_interest_cap_unknown"]
    assert len(told) == 1
    assert explained()["state"] == "unknown"
    assert explained()["age_s"] == pytest.approx(602, abs=1)
    assert desk.orders("Bid"), "the venue's own refusal would tell"
    assert desk.orders("Ask")
    desk.info("perpsAtOpenInterestCap", ["BTC"])
    desk.after(602.0)
    assert at_cap() is True
    assert desk.snapshot()["limits"]["lots"] == [0, 0]
    desk.info("perpsAtOpenInterestCap", [])
    desk.after(2.0)
    assert (at_cap(), explained()["state"]) == (False, "known")
    told = [alarm for _, alarm in desk.alarms if alarm["alarm"] == "open_interest_cap_unknown"]
    assert len(told) == 2


def capped(reply: Json) -> Json:
    """Each order of a batch refused for the cap."""
    words = "Order would increase open interest while open interest is capped asset=0"
    statuses = reply["response"]["data"]["statuses"]
    reply["response"]["data"]["statuses"] = [{"error": words} for _ in statuses]
    return reply
