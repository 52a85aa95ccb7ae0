"""The way out of trading: the engine's own cancels, then the session's, never past a bound."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from mm.ending import ENGINE_S, SETTLE_S, settle_account, stop_trading
from mm.errors import VenueError
from mm.inbox import Command, Info
from stage.virtual import virtual_loop

pytestmark = pytest.mark.virtual


@dataclass
class House:
    """Session, queue, clock, gateway and account of a run that stops.

    Attributes:
        lives: Whether the engine can still be told.
        idle_at_s: Virtual seconds from which the gateway waits for no answer.
        read_at_s: From which the queue is empty.
        left: Orders that rest when the session cancels by itself.
    """

    lives: bool = True
    idle_at_s: float = 0.0
    read_at_s: float = 0.0
    left: int = 0
    user: str = "0xus"
    put: list[Any] = field(default_factory=list)
    calls: list[Any] = field(default_factory=list)

    @property
    def in_flight(self) -> int:
        return 2 * (virtual_loop().time() < self.idle_at_s)

    def __len__(self) -> int:
        return 3 * (virtual_loop().time() < self.read_at_s)

    def now_ns(self) -> int:
        return 55

    async def wait_idle(self, timeout_s: float) -> None:
        self.calls.append(("wait_idle", timeout_s))

    async def ask(self, kind: str, *, urgent: bool = False) -> bytes:
        self.calls.append((kind, urgent))
        return kind.encode()

    async def info(self, query: dict[str, object], *, urgent: bool = False) -> bytes:
        self.calls.append((query["type"], urgent))
        return b"[]"

    async def cancel_all(
        self, account: object, gateway: object, instrument: object, deadline_s: float
    ) -> int:
        assert account is gateway is self
        assert instrument == "BTC"
        self.calls.append(("cancel_all", virtual_loop().time(), deadline_s))
        return self.left


class Inbox:
    """The queue: as long as the house says."""

    def __init__(self, house: House) -> None:
        self.put = house.put.append
        self.length: Callable[[], int] = house.__len__

    def __len__(self) -> int:
        return self.length()


async def stop(house: House, monkeypatch: pytest.MonkeyPatch, deadline_s: float = 10.0) -> Any:  # noqa: ANN401 - what was logged
    monkeypatch.setattr("mm.ending.cancel_all", house.cancel_all)
    me: Any = house
    inbox: Any = Inbox(house)
    with capture_logs() as logged:
        await stop_trading(me, inbox, me, me, me, "BTC", deadline_s=deadline_s)  # type: ignore[arg-type]  # any name
    return logged


async def test_an_engine_that_lives_is_told_twice_and_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(idle_at_s=1.0, read_at_s=2.0)
    assert await stop(house, monkeypatch) == []
    assert house.put == [Command(55, "stop", None)] * 2
    [(name, at_s, left_s)] = house.calls
    assert (name, at_s) == ("cancel_all", pytest.approx(2.0, abs=2 * SETTLE_S))
    assert left_s == pytest.approx(10.0 - at_s)


async def test_it_is_waited_for_what_is_on_its_way_too(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(idle_at_s=2.0, read_at_s=1.0)
    assert await stop(house, monkeypatch) == []
    assert house.calls[0][1] == pytest.approx(2.0, abs=2 * SETTLE_S)


async def test_what_it_wants_is_looked_for_only_after_it_had_time_to_want_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House()
    await stop(house, monkeypatch)
    assert house.calls[0][1] == pytest.approx(SETTLE_S)


@pytest.mark.parametrize(
    ("deadline_s", "engine_s", "left_s"), [(10.0, ENGINE_S, 7.0), (4.0, 2.0, 2.0), (1.2, 0.6, 1.0)]
)
async def test_it_has_half_the_time_at_most_and_a_second_is_left_to_verify(
    monkeypatch: pytest.MonkeyPatch, deadline_s: float, engine_s: float, left_s: float
) -> None:
    house = House(idle_at_s=99.0)
    logged = await stop(house, monkeypatch, deadline_s)
    assert logged == [
        {
            "event": "engine_cancels_unanswered",
            "log_level": "warning",
            "in_flight": 2,
            "waited_s": engine_s,
        }
    ]
    assert house.calls == [("cancel_all", pytest.approx(engine_s), pytest.approx(left_s))]


async def test_one_that_does_not_live_is_not_told_and_what_is_sent_may_be_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House(lives=False, left=4)
    logged = await stop(house, monkeypatch, 4.0)
    assert house.put == []
    assert house.calls == [("wait_idle", 2.0), ("cancel_all", 0.0, 4.0)]
    assert logged == [{"event": "left_orders_cancelled", "log_level": "warning", "orders": 4}]


async def settle(house: House, **more: float) -> float:
    began_s = virtual_loop().time()
    me: Any = house
    inbox: Any = Inbox(house)
    await settle_account(me, inbox, me, **more)
    return virtual_loop().time() - began_s


async def test_the_books_close_on_the_exchanges_last_word() -> None:
    house = House(read_at_s=1.0)
    assert await settle(house) == pytest.approx(1.0, abs=2 * SETTLE_S)
    asked = ["userFills", "userFunding", "userNonFundingLedgerUpdates", "clearinghouseState"]
    assert house.calls == [(kind, True) for kind in asked]
    fills, funding, transfers, state = house.put
    assert fills == Info(55, "userFills", b"userFills")
    assert [json.loads(frame.data)["channel"] for frame in (funding, transfers)] == [
        "userFundings",
        "userNonFundingLedgerUpdates",
    ]
    assert state == Info(55, "clearinghouseState", b"clearinghouseState")


@pytest.mark.parametrize("bound_s", [None, 0.5])
async def test_words_that_nobody_reads_close_no_books(bound_s: float | None) -> None:
    began_s = virtual_loop().time()
    more = {} if bound_s is None else {"timeout_s": bound_s}
    with pytest.raises(VenueError, match=r"^3 events still wait for the engine$"):
        await settle(House(read_at_s=99.0), **more)
    assert virtual_loop().time() - began_s == pytest.approx(bound_s or ENGINE_S)
