"""Lost lines: waited for, resynchronised once all are back, given up at the bound."""

import asyncio

import pytest

from mm.clock import PaperClock
from mm.errors import VenueError
from mm.hyperliquid.socket import Deadlines
from mm.hyperliquid.streams import MARKET, USER, Stream
from mm.inbox import Frame, Inbox, StreamState
from mm.lease import TERM_S, Lease
from mm.lines import GoneError, Lines
from mm.sorting import Inboxes
from mm.waiting import until
from stage.virtual import virtual_loop

pytestmark = pytest.mark.virtual


class Wire(Stream):
    """A stream whose line a test pulls."""

    def __init__(self, name: str, inbox: Inbox) -> None:
        clock = PaperClock(5, 1.0, monotonic=lambda: 0)
        super().__init__(
            name, "ws://nowhere", [], clock, Inboxes({"BTC": inbox}), deadlines=Deadlines()
        )
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


def watched(
    streams: list[Wire],
    resync: list[BaseException | None],
    bound_s: float | None,
    lease: Lease | None = None,
) -> Lines:
    held = lease or Lease()

    async def step() -> None:
        if (error := resync.pop(0)) is not None:
            raise error

    async def alone() -> None:
        await until(lambda: not held.lapsed)

    return Lines(streams, step, alone, lease=held, bound_s=bound_s, where="the venue")


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


async def test_a_live_venue_is_waited_for_however_long_it_is_away() -> None:
    market = Wire(MARKET, Inbox())
    task = asyncio.create_task(watched([market], [None], None).run())
    market.pull(False)
    await asyncio.sleep(7_200)
    market.pull(True)
    await asyncio.sleep(1)
    assert not task.done()
    task.cancel()


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


async def test_without_the_lease_nothing_is_announced_until_it_is_ours_again() -> None:
    loop, inbox = virtual_loop(), Inbox()
    lease = Lease(loop.time)
    market, user = Wire(MARKET, inbox), Wire(USER, inbox)
    resync = list[BaseException | None]([None, None])
    lines = watched([market, user], resync, 60, lease)
    lease.beaten(1)
    task = asyncio.create_task(lines.run())
    await asyncio.sleep(TERM_S - 0.5)
    assert await states(inbox) == [("market", True), ("user", True)]
    await asyncio.sleep(1)
    down, up = [("market", False), ("user", False)], [("market", True), ("user", True)]
    assert await states(inbox) == down
    # A beat alone renews nothing: the watchdog has to have read it, and to watch.
    lease.beaten(2)
    for heard in (None, 1):
        assert not lease.renew(heard)
        await asyncio.sleep(0.5)
    assert (await states(inbox), len(resync)) == ([], 2)
    assert lease.renew(2)
    await asyncio.sleep(0.5)
    assert (await states(inbox), len(resync)) == (up, 1)
    task.cancel()


async def test_what_waits_to_say_that_a_stream_delivers_goes_with_it() -> None:
    inbox = Inbox()
    market, user = Wire(MARKET, inbox), Wire(USER, inbox)
    user.hear("userFills")
    assert market.retract() == StreamState(5, MARKET, False)
    assert len(inbox) == 2
    # Not announced any more: its pongs prove nothing.
    market.hear("pong")
    user.hear("pong")
    assert [getattr(await inbox.take(0), "stream", "a frame") for _ in range(3)] == [
        "user",
        "a frame",
        "user",
    ]


async def test_a_lease_lost_while_the_gap_is_filled_begins_it_anew() -> None:
    loop, inbox = virtual_loop(), Inbox()
    lease, market = Lease(loop.time), Wire(MARKET, inbox)
    lease.beaten(1)
    steps = 0

    async def step() -> None:
        nonlocal steps
        steps += 1
        if steps == 1:
            loop.skip(TERM_S + 1)
            lease.beaten(2)

    async def alone() -> None:
        await until(lease.renew_alone)

    lines = Lines([market], step, alone, lease=lease, bound_s=60, where="the venue")
    market.pull(False)
    market.pull(True)
    task = asyncio.create_task(lines.run())
    await asyncio.sleep(1)
    assert steps == 2
    assert await states(inbox) == [("market", True), ("market", False), ("market", True)][1:]
    task.cancel()
