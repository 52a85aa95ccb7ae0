"""What the engine wants to know, from its beat to the query and back through the inbox."""

import asyncio
from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from engine_desk import SECOND_NS, START_S, EngineDesk
from mm.clock import Clock
from mm.errors import VenueError
from mm.hyperliquid.account import Account
from mm.inbox import Command, Inbox, Info
from mm.lease import Lease
from mm.meter import Meter
from mm.recorder import Recorder
from mm.session import Session
from mm.watch import Watch


def test_the_engine_asks_at_its_beats_and_for_an_order_without_an_answer() -> None:
    desk = EngineDesk().open()
    asked: Counter[str] = Counter()
    for _ in range(240):
        desk.after(0.5)
        asked.update(kind for kind, _ in desk.engine.take_asks())
    assert 12 <= asked["clearinghouseState"] <= 16
    assert 4 <= asked["activeAssetData"] <= 6
    assert 2 <= asked["frontendOpenOrders"] <= 4
    assert asked["userRateLimit"] == 2 or asked["userRateLimit"] == 3
    assert asked["orderStatus"] == 0


@pytest.mark.parametrize("beat", [5.0, 20.0])
def test_the_beat_of_the_reconciler_is_configured(beat: float) -> None:
    desk = EngineDesk(settings={"recovery.reconcile_s": beat}).open()
    asked = 0
    for _ in range(240):
        desk.after(0.5)
        asked += [kind for kind, _ in desk.engine.take_asks()].count("clearinghouseState")
    # Never slower than half of the time in which the account would count as degraded: 15 s.
    assert asked == pytest.approx(120 / min(beat, 15.0), abs=2)


class Venue:
    """Answers slowly, and counts."""

    coin = "BTC"

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        self.fails = False

    async def ask(self, kind: str, cloid: str | None = None) -> bytes:
        self.asked.append((kind, cloid))
        await asyncio.sleep(0.01)
        if self.fails:
            raise VenueError("no answer")
        return kind.encode()


def watching() -> tuple[Venue, Inbox, Watch]:
    venue, inbox = Venue(), Inbox()
    clock = cast(Clock, SimpleNamespace(now_ns=lambda: 7, speed=1000.0))
    return venue, inbox, Watch({"BTC": (cast(Account, venue), inbox)}, clock)


def test_questions_become_queries_and_their_answers_events() -> None:
    async def story() -> None:
        venue, inbox, watch = watching()
        running = asyncio.create_task(watch.run())
        cloid = "0x" + "07" * 16
        for _ in range(5):
            watch.ask("BTC", "clearinghouseState", None)
            watch.ask("BTC", "orderStatus", cloid)
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        # The same one again waits for the least time between two.
        assert sorted(venue.asked, key=str) == [
            ("clearinghouseState", None),
            ("orderStatus", cloid),
        ]
        got = [await inbox.take(0.1), await inbox.take(0.1)]
        assert Info(7, "clearinghouseState", b"clearinghouseState") in got
        assert Info(7, "orderStatus", b"orderStatus", cloid) in got
        await asyncio.sleep(0.25)
        assert len(venue.asked) == 4, "asked while one was under way: asked once more"
        running.cancel()

    asyncio.run(story())


def test_a_query_that_fails_ends_nothing() -> None:
    async def story() -> None:
        venue, inbox, watch = watching()
        running = asyncio.create_task(watch.run())
        venue.fails = True
        watch.look()
        await asyncio.sleep(0.3)
        venue.fails = False
        watch.look()
        await asyncio.sleep(0.1)
        assert [kind for kind, _ in venue.asked] == ["userFills", "frontendOpenOrders"] * 2
        assert len(inbox) == 2
        assert not running.done()
        running.cancel()

    asyncio.run(story())


def test_the_session_hands_the_questions_on() -> None:
    asked: list[tuple[str, str | None]] = []
    nothing: Any = SimpleNamespace(
        write=lambda _: None, read=lambda _: None, after_step=lambda _: None, dispatch=lambda *_: 0
    )
    desk = EngineDesk()
    now_ns = START_S * SECOND_NS + SECOND_NS

    async def story() -> None:
        inbox = Inbox()
        session = Session(
            engine=desk.engine,
            clock=cast(Clock, SimpleNamespace(now_ns=lambda: now_ns, speed=1.0)),
            inbox=inbox,
            outlet=nothing,
            recorder=cast(Recorder, nothing),
            meter=Meter(),
            listener=nothing,
            diary=nothing,
            asker=SimpleNamespace(ask=lambda kind, cloid: asked.append((kind, cloid))),
            lease=Lease(),
            streams=(),
        )
        state = b'{"marginSummary":{"accountValue":"1000.0","totalMarginUsed":"0.0",'
        state += b'"totalNtlPos":"0.0","totalRawUsd":"1000.0"},"assetPositions":[],"time":%d}'
        inbox.put(Command(now_ns, "anchor", state % (now_ns // 10**6)))
        running = asyncio.create_task(session.run())
        await asyncio.sleep(0.1)
        assert not running.done() or running.result() is None
        running.cancel()

    asyncio.run(story())
    assert ("clearinghouseState", None) in asked
