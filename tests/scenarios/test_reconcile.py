"""`mm reconcile`: the operator has position, orders and fills compared now, from outside."""

import asyncio
import json
from decimal import Decimal

import pytest

from mm.control_socket import FILE, address
from mm.state import account_dir
from mm.status import comparison
from stage.house import Json
from stage.script import Stage

# As if nobody had asked for an hour: what is heard was asked for by hand.
NO_BEATS: dict[str, object] = {"recovery.reconcile_s": 3600.0, "recovery.sweep_s": 3600.0}


async def reconcile() -> Json:
    """As `mm reconcile` does it, through the socket of the maker that runs."""
    with address(account_dir("paper", "default") / FILE) as path:
        reader, writer = await asyncio.open_unix_connection(path)
    writer.write(json.dumps({"ask": "reconcile"}).encode() + b"\n")
    said = json.loads(await reader.readline())
    writer.close()
    return said["answer"]


async def quoting(stage: Stage) -> None:
    stage.open()
    stage.inherit("0.01")
    await stage.quoting(**NO_BEATS)
    await stage.wait(10)


async def test_a_maker_is_told_to_compare_and_says_what_it_found(stage: Stage) -> None:
    await quoting(stage)
    asked: list[str] = []

    def look(request: Json) -> bool:
        asked.append(str(request.get("type")))
        return False

    stage.net.meddle(look)
    await stage.wait(5)
    assert "frontendOpenOrders" not in asked
    asked.clear()
    began = stage.house.now_s()
    found = await reconcile()
    assert stage.house.now_s() - began < 3
    wanted = ["clearinghouseState", "frontendOpenOrders", "userFills"]
    assert [kind for kind in wanted if kind not in asked] == []
    assert {"activeAssetData", "userRateLimit"} <= set(asked)
    assert (found["agrees"], found["state"], found["unheard"]) == (True, "agreed", [])
    assert Decimal(found["position"]) == Decimal("0.01")
    assert Decimal(found["drift"]) == 0
    assert found["orders"]["ours"] == len(stage.bids) + len(stage.asks)
    assert comparison(found)[0] == f"position {found['position']}: agrees with the exchange"
    await stage.ends_well()


async def test_an_order_by_hand_is_seen_without_waiting_for_the_sweep(stage: Stage) -> None:
    await quoting(stage)
    stage.net.silence("user", "orderUpdates")
    maker = stage.house.maker
    [placed] = stage.house.place(maker, ("bid", "80000", "0.01", "Gtc"))
    await stage.wait(5)
    assert stage.shown["foreign"] == []
    assert (await reconcile())["orders"]["by_hand"] == 1
    cancels = [{"a": 0, "o": placed["resting"]["oid"]}]
    stage.house.act(maker, {"type": "cancel", "cancels": cancels})
    await stage.stop()


@pytest.mark.parametrize(
    ("kind", "heard"),
    [("clearinghouseState", "account"), ("userFills", "fills")],
)
async def test_what_the_exchange_does_not_say_is_not_called_agreement(
    stage: Stage, kind: str, heard: str
) -> None:
    await quoting(stage)
    stage.net.silence("user", kind)
    deaf = stage.net.meddle(lambda request: request.get("type") == kind, answer=(502, ""))
    found = await reconcile()
    assert (found["agrees"], found["unheard"]) == (False, [heard])
    assert "not compared" in comparison(found)[0]
    deaf.stop()
    await stage.stop()


async def test_a_position_that_the_fills_do_not_tell_is_found_at_once(stage: Stage) -> None:
    await quoting(stage)
    stage.net.silence("user", "userFills", "orderUpdates", "clearinghouseState")
    hidden = stage.net.meddle(
        lambda request: str(request.get("type")).startswith("userFills"), answer=(502, "")
    )
    stage.fill("bid", stage.bids[0]["sz"])
    await stage.wait(1)
    assert stage.shown["drift"] == 0
    found = await reconcile()
    assert (found["agrees"], found["state"]) == (False, "unexplained")
    assert Decimal(found["drift"]) == stage.position - Decimal("0.01")
    assert any("the exchange has" in line for line in comparison(found))
    hidden.stop()
