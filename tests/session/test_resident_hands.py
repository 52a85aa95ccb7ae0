"""When the hands that carry the resident stop keep still."""

import json
from types import SimpleNamespace
from typing import Any

from mm.hyperliquid.http import HttpReply
from mm.resident import Hands, ResidentStop

WANTED = {"cloid": "0x" + "00" * 15 + "09", "side": "Ask", "trigger_px": 9, "px": 8, "sz": 7}


def resting(number: int) -> dict[str, Any]:
    return {"cloid": f"0x{number:032x}", "state": "resting"}


class Desk:
    """An engine that says one thing and a venue that takes everything."""

    def __init__(self, **shown: Any) -> None:  # noqa: ANN401 - JSON of the engine's
        still: dict[str, Any] = {
            "wanted": None,
            "none": None,
            "stops": [],
            "suits": None,
            "may_place": True,
        }
        self.shown = {**still, **shown}
        self.asked: list[str] = []
        self.healthy = True
        nobody: Any = SimpleNamespace
        self.stop = ResidentStop(
            Hands(
                engine=nobody(resident=lambda: self.shown),
                clock=nobody(now_ns=lambda: 10**18, speed=1.0),
                instrument=nobody(asset=0, coin="BTC", sz_decimals=5),
                inbox=nobody(put=lambda command: None),
                gateway=nobody(request=self.request),
                account=nobody(),
                life_s=10.0,
            ),
            lambda: self.healthy,
        )

    async def request(self, action: dict[str, Any]) -> HttpReply:
        self.asked.append(str(action["type"]))
        status = "waitingForTrigger" if action["type"] == "order" else "success"
        said = {"status": "ok", "response": {"type": "order", "data": {"statuses": [status]}}}
        return HttpReply(200, json.dumps(said).encode())


async def asked(desk: Desk) -> list[str]:
    await desk.stop.tend()
    return desk.asked


async def test_one_that_is_wanted_is_placed_while_the_loop_is_healthy_alone() -> None:
    desk = Desk(wanted=WANTED)
    desk.healthy = False
    assert await asked(desk) == []
    desk.healthy = True
    assert await asked(desk) == ["order"]


async def test_without_a_request_to_spare_none_is_placed() -> None:
    desk = Desk(wanted=WANTED, may_place=False)
    assert await asked(desk) == []
    desk.shown["may_place"] = True
    assert await asked(desk) == ["order"]


async def test_of_those_that_rest_the_newest_alone_stays_beside_the_new_one() -> None:
    desk = Desk(wanted=WANTED, stops=[resting(1), resting(2), resting(3)])
    assert await asked(desk) == ["cancelByCloid", "cancelByCloid", "order"]


async def test_flat_none_stays() -> None:
    desk = Desk(none="flat", stops=[resting(1)])
    assert await asked(desk) == ["cancelByCloid"]


async def test_what_is_not_known_takes_none_away() -> None:
    for why in ("position_unknown", "budget_unknown", "price_unknown", "budget_spent", "too_near"):
        assert await asked(Desk(none=why, stops=[resting(1)])) == []
