"""The end of the position: who works on it, for how long, and who has what is left."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from mm.config import load
from mm.ending import StopRequest
from mm.errors import VenueError
from mm.inbox import Command
from mm.protection import Holdings
from mm.winding_up import WindingUp
from stage.virtual import virtual_loop

pytestmark = pytest.mark.virtual

Json = Any  # whatever JSON holds
KILLED = SimpleNamespace(on_kill="flatten")
EXIT_S, KILL_S = 7.0, 11.0


@dataclass
class House:
    """Desk, protection and exchange of a run that ends.

    Attributes:
        done_at_s: Virtual seconds from which the engine has done what it was told; `None`: never.
        killed: The kill, where there is one.
        positions: The exchange's, coin: signed size.
        answer: Instead of an account's state.
        takes: Whether the watchdog takes the position over.
    """

    done_at_s: float | None = None
    killed: Any = None
    positions: dict[str, str] = field(default_factory=dict)
    answer: bytes | None = None
    takes: bool = True
    distrusted: bool = False
    told: list[Any] = field(default_factory=list)

    def end(self, on_exit: str = "hold") -> WindingUp:
        settings = {"on_exit": on_exit, "exit_deadline_s": EXIT_S, "kill_deadline_s": KILL_S}
        config = load(None, {f"control.{key}": value for key, value in settings.items()})
        desk: Any = SimpleNamespace(
            engine=SimpleNamespace(snapshot=self.snapshot),
            account=SimpleNamespace(coin="BTC", ask=self.ask),
            coin="BTC",
        )
        floor: Any = SimpleNamespace(
            keepers=SimpleNamespace(killed=self.killed),
            inboxes=SimpleNamespace(put=self.told.append),
            clock=SimpleNamespace(now_ns=lambda: 55),
            lead=desk,
            desks=(desk,),
        )
        protection: Any = SimpleNamespace(
            end=self.goodbye, hand_over=self.hand_over, distrusted=self.distrusted
        )
        return WindingUp(config, floor, protection)

    def snapshot(self) -> Json:
        is_done = self.done_at_s is not None and virtual_loop().time() >= self.done_at_s
        which, other = ("stop", "kill") if self.killed is None else ("kill", "stop")
        ending = {"done": is_done} if virtual_loop().time() >= 0.5 else None
        return {which: ending, other: {"done": not is_done}, "close_wait": "no_book"}

    async def ask(self, kind: str, *, urgent: bool = False) -> bytes:
        assert (kind, urgent) == ("clearinghouseState", True)
        if self.answer is not None:
            return self.answer
        rows = [{"position": {"coin": c, "szi": szi}} for c, szi in self.positions.items()]
        return json.dumps({"assetPositions": rows}).encode()

    async def goodbye(self, *, held: Holdings) -> None:
        self.told.append(" ".join(["goodbye", *sorted(held)]))

    async def hand_over(self, asks: str, held: Holdings) -> bool:
        assert held == {"BTC": Decimal(self.positions["BTC"])}, "ETH is none of ours"
        self.told.append(asks)
        return self.takes


async def took_s(ending: WindingUp, ask: StopRequest | None = None) -> float:
    began_s = virtual_loop().time()
    await ending.by_engine(ask or StopRequest())
    return virtual_loop().time() - began_s


def test_a_kill_has_its_own_policy() -> None:
    assert House().end("work").policy == "work"
    assert House(killed=KILLED).end("work").policy == "flatten"


@pytest.mark.parametrize("on_exit", ["hold", "work"])
async def test_after_a_stop_the_operator_waits_for_a_flatten_alone(on_exit: str) -> None:
    house = House()
    assert await took_s(house.end(on_exit)) == 0
    assert house.told == []


async def test_a_flatten_at_the_stop_is_asked_for_and_waited_for() -> None:
    house = House(done_at_s=2.0)
    with capture_logs() as logged:
        assert await took_s(house.end("flatten")) == pytest.approx(2.0, abs=0.05)
    assert house.told == [Command(55, "stop", None)]
    assert logged == []


@pytest.mark.parametrize("on_kill", ["flatten", "work", "hold"])
async def test_a_kill_is_not_told_again_and_is_waited_for(on_kill: str) -> None:
    house = House(done_at_s=2.0, killed=SimpleNamespace(on_kill=on_kill))
    assert await took_s(house.end()) == pytest.approx(2.0, abs=0.05)
    assert house.told == []


@pytest.mark.parametrize(("killed", "deadline_s"), [(None, EXIT_S), (KILLED, KILL_S)])
async def test_at_its_deadline_it_is_told_what_was_waited_for(
    killed: Any,  # noqa: ANN401 - a record
    deadline_s: float,
) -> None:
    with capture_logs() as logged:
        took = await took_s(House(killed=killed).end("flatten"))
    assert took == pytest.approx(deadline_s, abs=0.05)
    assert logged == [
        {
            "event": "position_not_wound_up",
            "coin": "BTC",
            "log_level": "error",
            "policy": "flatten",
            "waited_s": deadline_s,
            "close_wait": "no_book",
        }
    ]


async def test_a_signal_ends_the_wait() -> None:
    ask = StopRequest()

    def hurry() -> None:
        ask.hurried = True

    virtual_loop().call_later(1.0, hurry)
    assert await took_s(House(killed=KILLED).end(), ask) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("on_exit", ["hold", "work", "flatten"])
async def test_where_nothing_is_held_the_watchdog_is_dismissed(on_exit: str) -> None:
    for positions in ({}, {"BTC": "0.0", "ETH": "3.0"}, {"ETH": "3.0"}):
        house = House(positions=positions)
        assert await house.end(on_exit).rest() is None
        assert house.told == ["goodbye"]


async def test_what_is_to_be_held_stays_with_nobody_working_on_it() -> None:
    house = House(positions={"ETH": "3.0", "BTC": "-0.5"})
    assert await house.end("hold").rest() == "hold"
    assert house.told == ["goodbye BTC"]


async def test_what_a_watchdog_works_on_that_believes_us_no_more_is_its_and_not_held() -> None:
    house = House(positions={"BTC": "0.5"}, distrusted=True)
    assert await house.end("hold").rest() == "watchdog"
    assert house.told == ["touch"]
    house = House(distrusted=True)
    assert await house.end("hold").rest() is None
    assert house.told == ["goodbye"]


Told = Callable[[str], dict[str, object]]


@pytest.mark.parametrize(("on_exit", "asks"), [("work", "touch"), ("flatten", "escalate")])
@pytest.mark.parametrize(
    ("takes", "left_to", "level"), [(True, "watchdog", "warning"), (False, "nobody", "error")]
)
async def test_what_is_left_goes_to_the_watchdog_or_is_told_to_be_nobodys(
    on_exit: str, asks: str, takes: bool, left_to: str, level: str
) -> None:
    house = House(positions={"ETH": "3.0", "BTC": "-0.5"}, takes=takes)
    with capture_logs() as logged:
        assert await house.end(on_exit).rest() == left_to
    assert house.told == [asks]
    assert logged == [
        {
            "event": f"position_left_to_{left_to}",
            "log_level": level,
            "position": f"{Decimal('-0.5')} BTC",
            "policy": on_exit,
        }
    ]


@pytest.mark.parametrize(
    "answer",
    [
        b"no JSON", b"[]", b'{"assetPositions":[{}]}', b'{"assetPositions":null}', b"null",
        b'{"assetPositions":[{"position":{"coin":"BTC","szi":"all"}}]}',
        b'{"assetPositions":["BTC"]}',
    ],
)  # fmt: skip
async def test_an_answer_that_names_no_position_is_not_no_position(answer: bytes) -> None:
    house = House(answer=answer)
    with pytest.raises(VenueError, match=r"^clearinghouseState: not the answer expected"):
        await house.end().rest()
    assert house.told == []
