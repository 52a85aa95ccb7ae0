"""What the watchdog's hands take for theirs to cancel, and when they take back the maker's date."""

import json
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from mm._core import Instrument
from mm.errors import VenueError
from mm.heartbeat import UNKNOWN, Held
from mm.hyperliquid.account import STOP_PREFIX, Stop
from mm.hyperliquid.errors import LostReplyError
from mm.hyperliquid.http import HttpReply
from mm.watchdog.trade import Trade
from mm.watchdog.unwinding import CLOID_PREFIX, Order, View

SESSION = 7
CLOIDS = {
    1: f"0x{SESSION:016x}{1:016x}",
    2: f"0x{SESSION - 3:016x}{9:016x}",
    3: CLOID_PREFIX + "00" * 8,
    4: None,
    5: f"0x{SESSION + 1:016x}{1:016x}",
    6: f"0x{0:016x}{1:016x}",
    7: "0x" + "ab" * 16,
}
"""By oid: of the session, of an earlier one, a watchdog's; and four that somebody else placed."""
STOP = STOP_PREFIX + "00" * 7 + "01"


class Shown:
    """An account as the exchange shows it."""

    coin = "BTC"

    async def ask(self, kind: str, *, urgent: bool) -> bytes:
        assert urgent
        if kind == "clearinghouseState":
            return b'{"assetPositions": []}'
        rows = [
            {"coin": "BTC", "oid": oid, "side": "B", "limitPx": "90", "sz": "1", "cloid": cloid}
            for oid, cloid in CLOIDS.items()
        ]
        stop = {**rows[0], "oid": 9, "cloid": STOP}
        elsewhere = [{**row, "oid": 8, "coin": "ETH"} for row in (rows[0], stop)]
        return json.dumps([*rows, stop, *elsewhere]).encode()

    async def info(self, query: object, *, urgent: bool) -> bytes:
        return b'{"levels": [[], []]}'


def hands(cancels_up_to_session: int | None) -> Trade:
    nobody: Any = None
    account: Any = Shown()
    btc = Instrument("BTC", 0, 5, 40)
    return Trade(
        nobody, nobody, btc, account, nobody, "", cancels_up_to_session=cancels_up_to_session
    )


async def test_orders_of_the_maker_and_of_a_watchdog_alone_are_to_be_cancelled() -> None:
    trade = hands(SESSION)
    with capture_logs() as logs:
        view = await trade.view()
        again = await trade.view()
    assert view == again
    assert [order.oid for order in view.orders] == [1, 2, 3]
    assert [order.oid for order in view.orders if order.ours] == [3]
    assert view.by_hand == (4, 5, 6, 7)
    assert [stop.oid for stop in view.stops] == [9], (
        "no order to cancel while there is a position, and nobody else's"
    )
    assert [line["oids"] for line in logs] == [[4, 5, 6, 7]], "told once"


async def test_an_operator_who_asks_for_every_order_gets_every_order_of_the_coin() -> None:
    with capture_logs() as logs:
        view = await hands(None).view()
    assert [order.oid for order in view.orders] == list(CLOIDS)
    assert (view.by_hand, [stop.oid for stop in view.stops], logs) == ((), [9], [])


NONSENSE = [b"null", b"{}", b"[]", b'"later"', b'{"status": "ok", "response": {}}']


@pytest.mark.parametrize("said", [*NONSENSE, b"", b"<html>"])
async def test_an_answer_that_tells_nothing_is_the_venues_trouble(said: bytes) -> None:
    """The watchdog asks again; it never ends on it."""

    class Dumb(Shown):
        async def ask(self, kind: str, *, urgent: bool) -> bytes:
            return said

        async def info(self, query: object, *, urgent: bool) -> bytes:
            return said

    trade = hands(SESSION)
    trade._account = Dumb()  # type: ignore[assignment]
    if said != b"[]":
        with pytest.raises(VenueError, match="not the answer expected"):
            await trade.view()
    with pytest.raises(VenueError, match="not the answer expected"):
        await trade.position()
    held = View(3, (), (None, None), ())
    with pytest.raises(VenueError, match="not the answer expected"):
        await trade.carry_out(held, attempt=True, held=UNKNOWN)


@pytest.mark.parametrize("said", [b"null", b"[]", b"", b"<html>"])
async def test_a_cancel_whose_answer_tells_nothing_may_have_been_carried_out(said: bytes) -> None:
    class Gate:
        async def request(self, action: object) -> HttpReply:
            return HttpReply(200, said)

    trade = hands(SESSION)
    trade._gateway = Gate()  # type: ignore[assignment]
    resting = Order(7, True, Decimal(90), 1, ours=False)
    with pytest.raises(LostReplyError):
        await trade.carry_out(View(0, (resting,), (None, None), ()), attempt=False, held=UNKNOWN)


HELD = Held("normal", 3, 0, (9, 9), 9, 1e-4)
OURS = Order(oid=3, is_buy=False, px=Decimal(110), lots=5, ours=True)
WORKING = View(5, (OURS,), (Decimal(90), Decimal(110)), (), (Stop(9, is_buy=False),))
"""A long position with its stop, and a quote of ours at the touch."""


class Venue:
    """Takes everything, or answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.says: Any = None
        self.cancels: dict[int, object] = {}
        """What the cancel of an order is answered with, where it is no success."""

    async def request(self, action: dict[str, Any]) -> HttpReply:
        self.asked.append(action["type"])
        if isinstance(self.says, Exception):
            raise self.says
        oids = [cancel["o"] for cancel in action.get("cancels", [])]
        statuses = [self.cancels.get(oid, "success") for oid in oids] or [{"resting": {"oid": 7}}]
        done = {"status": "ok", "response": {"data": {"statuses": statuses}}}
        return HttpReply(200, json.dumps(self.says or done).encode())

    def trade(self) -> Trade:
        nobody: Any = None
        me, account, clock = (
            SimpleNamespace(request=self.request),
            Shown(),
            SimpleNamespace(now_ns=lambda: 10**18),
        )
        btc = Instrument("BTC", 0, 5, 40)
        given: list[Any] = [nobody, clock, btc, account, me, ""]
        trade = Trade(*given, cancels_up_to_session=SESSION)
        trade._quoted_s = 1e9
        return trade


async def test_the_makers_date_is_taken_back_once_a_take_over() -> None:
    """It would cancel the stop, a minute after the maker's death."""
    venue = Venue()
    trade = venue.trade()
    for _ in range(3):
        await trade.carry_out(WORKING, attempt=False, held=HELD)
    assert venue.asked == ["scheduleCancel"]
    trade.takes_over()
    await trade.carry_out(WORKING, attempt=False, held=HELD)
    assert venue.asked == ["scheduleCancel"] * 2


async def test_it_is_left_while_an_order_rests_that_increases() -> None:
    """What ends those orders, should the host die now."""
    venue = Venue()
    left = replace(WORKING, orders=(OURS, replace(OURS, oid=1, ours=False)))
    await venue.trade().carry_out(left, attempt=False, held=HELD)
    assert venue.asked == ["cancel"]


async def test_without_an_answer_it_is_tried_again_and_a_refusal_is_not() -> None:
    venue = Venue()
    trade = venue.trade()
    venue.says = LostReplyError("no answer")
    with pytest.raises(LostReplyError):
        await trade.carry_out(WORKING, attempt=False, held=HELD)
    venue.says = {"status": "err", "response": "Cannot set scheduled cancel time"}
    with capture_logs() as logged:
        for _ in range(2):
            await trade.carry_out(WORKING, attempt=False, held=HELD)
    assert venue.asked == ["scheduleCancel"] * 2
    assert [line["event"] for line in logged] == ["watchdog_found_no_date"]


THEIRS = Order(oid=1, is_buy=False, px=Decimal(111), lots=5, ours=False)
"""An ask of the maker's: beside our closing order it could turn a long position."""


@pytest.mark.parametrize(
    ("answer", "closes"),
    [
        ("success", True),
        ({"error": "Order was never placed, already canceled, or filled."}, True),
        ({"error": "Internal error"}, False),
    ],
)
async def test_nothing_closes_beside_an_order_whose_cancel_failed(
    answer: object, closes: bool
) -> None:
    """It would make room for that order to turn the position; the next look cancels again."""
    venue = Venue()
    venue.cancels = {1: answer}
    view = View(5, (THEIRS,), (Decimal(90), Decimal(110)), ())
    with capture_logs() as logged:
        await venue.trade().carry_out(view, attempt=False, held=HELD)
    assert venue.asked == ["cancel", "order"][: 1 + closes]
    failed = [line for line in logged if line["event"] == "watchdog_cancel_failed"]
    assert [line["why"] for line in failed] == ([] if closes else [{1: answer}])


async def test_a_quote_of_its_own_that_rests_on_is_in_nobodys_way() -> None:
    """It only reduces, as the next one does."""
    venue = Venue()
    venue.cancels = {3: {"error": "Internal error"}}
    view = View(5, (replace(OURS, px=Decimal(120)),), (Decimal(90), Decimal(110)), ())
    trade = venue.trade()
    trade._quoted_s = 0.0
    await trade.carry_out(view, attempt=False, held=HELD)
    assert venue.asked[:2] == ["cancel", "order"]
