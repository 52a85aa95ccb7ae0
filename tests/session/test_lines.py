"""Lost lines: waited for, resynchronised once all are back, given up at the bound."""

import asyncio

import pytest

from mm.clock import PaperClock
from mm.errors import VenueError
from mm.hyperliquid.socket import Deadlines
from mm.hyperliquid.streams import MARKET, USER, Stream
from mm.inbox import Frame, Inbox, StreamState
from mm.lines import GoneError, Lines


class Wire(Stream):
    """A stream whose line a test pulls."""

    def __init__(self, name: str, inbox: Inbox) -> None:
        clock = PaperClock(5, 1.0, monotonic=lambda: 0)
        super().__init__(name, "ws://nowhere", [], clock, inbox, deadlines=Deadlines())
        self.pull(True)
        self.announce()

    def pull(self, up: bool) -> None:
        self._change(up)

    def hear(self, channel: str) -> None:
        self._take(channel, b"{}")


async def states(inbox: Inbox) -> list[tuple[str, bool]]:
    found = []
    while len(inbox):
        item = await inbox.take(0)
        assert isinstance(item, StreamState)
        found.append((item.stream, item.up))
    return found


def watched(streams: list[Wire], resync: list[BaseException | None], bound_s: float) -> Lines:
    async def step() -> None:
        if (error := resync.pop(0)) is not None:
            raise error

    return Lines(streams, step, bound_s=bound_s, where="the venue")


async def test_the_engine_hears_of_a_stream_again_only_after_the_gap_is_filled() -> None:
    inbox = Inbox()
    market, user = Wire(MARKET, inbox), Wire(USER, inbox)
    assert await states(inbox) == [("market", True), ("user", True)]
    resync: list[BaseException | None] = [VenueError("busy"), None]
    task = asyncio.create_task(watched([market, user], resync, 5).run())
    user.pull(False)
    user.pull(True)
    user.pull(False)
    await asyncio.sleep(0.2)
    assert await states(inbox) == [("user", False)]
    user.hear("pong")
    assert await states(inbox) == []
    user.pull(True)
    await asyncio.sleep(0.5)
    assert resync == []
    assert await states(inbox) == [("market", True), ("user", True)]
    user.hear("pong")
    assert await states(inbox) == [("user", True)]
    task.cancel()


async def test_a_venue_that_does_not_come_back_is_given_up_with_the_reason() -> None:
    market = Wire(MARKET, Inbox())
    lines = watched([market], [VenueError("still closed")] * 99, 0.3)
    market.pull(False)
    with pytest.raises(GoneError, match=r"the venue did not come back within 0\.3 s: the market"):
        await lines.run()
    market.pull(False)
    task = asyncio.create_task(lines.run())
    await asyncio.sleep(0.15)
    market.pull(True)
    with pytest.raises(GoneError, match=r"within 0\.3 s: still closed"):
        await task


async def test_another_venue_behind_the_same_address_ends_the_run_at_once() -> None:
    market = Wire(MARKET, Inbox())
    lines = watched([market], [GoneError("was started anew")], 60)
    market.pull(False)
    task = asyncio.create_task(lines.run())
    await asyncio.sleep(0.15)
    market.pull(True)
    with pytest.raises(GoneError, match="anew"):
        await asyncio.wait_for(task, 1)


async def test_frames_are_stamped_and_bookkeeping_stays_outside() -> None:
    inbox = Inbox()
    user = Wire(USER, inbox)
    await states(inbox)
    for channel in ("subscriptionResponse", "error", "userFills"):
        user.hear(channel)
    item = await inbox.take(0)
    assert isinstance(item, Frame)
    assert (item.recv_ns, item.about_us, item.data) == (5, True, b"{}")
    assert len(inbox) == 0


async def test_a_process_that_stood_still_counts_on_nothing_before_it_has_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hands = [0.0]
    monkeypatch.setattr("mm.lines.time.monotonic", lambda: hands[0])
    inbox, resync = Inbox(), list[BaseException | None]([None])
    market, user = Wire(MARKET, inbox), Wire(USER, inbox)
    lines = watched([market, user], resync, 60)
    task = asyncio.create_task(lines.run())
    await asyncio.sleep(0.15)
    await states(inbox)
    hands[0] = 3.9
    await asyncio.sleep(0.15)
    assert await states(inbox) == []
    hands[0] = 8.0
    await asyncio.sleep(0.15)
    down, up = [("market", False), ("user", False)], [("market", True), ("user", True)]
    assert await states(inbox) == down + up
    assert resync == []
    task.cancel()
