"""The one task that owns the engine: what it does with an event, in which order, when it waits.

Everything around the session is one recorder here, so that the order of its calls can be seen.
"""

import asyncio
import json
import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from mm._core import EventError
from mm.errors import InvariantError, VenueError
from mm.inbox import Command, Frame, Info, Reply, StreamState
from mm.lease import TERM_S, Lease
from mm.meter import Meter
from mm.session import (
    AGAIN_S,
    ANSWERS_BOUND,
    LONGEST_WAIT_S,
    SHORTEST_WAIT_S,
    UNREADABLE_BOUND,
    Session,
)

MS = 1_000_000


class House:
    """Engine, clock, inbox and everybody who listens."""

    speed = 1.0

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.wake_ns: int | None = None
        self.now = 1_000 * MS
        self.actions: list[str] = []
        self.asks: list[tuple[str, str | None]] = []
        self.unreadable = False
        self.items: list[Any] = []
        self.waited: list[float] = []
        self.meter = Meter()
        self.decided: list[int] = []
        self.monotonic_s = 0.0
        self.lease = Lease(lambda: self.monotonic_s)
        me: Any = self
        self.session = Session(
            engine=me,
            clock=me,
            inbox=me,
            outlet=me,
            recorder=me,
            meter=self.meter,
            listener=me,
            diary=me,
            asker=me,
            lease=self.lease,
            streams=[me],
        )

    # ---- the engine
    def wake_at(self) -> int | None:
        return self.wake_ns

    def _step(self, *call: Any) -> list[str]:  # noqa: ANN401 - as the engine takes it
        self.calls.append(call)
        if call[0] == "timer":
            self.wake_ns = None
        if self.unreadable:
            raise EventError("no event")
        return self.actions

    def on_timer(self, recv: int) -> list[str]:
        return self._step("timer", recv)

    def on_frame(self, recv: int, data: bytes) -> list[str]:
        return self._step("frame", recv, data)

    def on_info(self, recv: int, kind: str, body: bytes, cloid: str | None) -> list[str]:
        return self._step("info", recv, kind, body, cloid)

    def on_reply(self, recv: int, action: int, status: int, body: bytes) -> list[str]:
        return self._step("reply", recv, action, status, body)

    def on_stream(self, recv: int, stream: str, up: bool) -> list[str]:
        return self._step("stream", recv, stream, up)

    def on_command(self, recv: int, name: str, body: bytes) -> list[str]:
        return self._step("command", recv, name, body)

    def take_log(self) -> bytes:
        return b'{"a":1}\n'

    def take_alarms(self) -> list[dict[str, str]]:
        return [{"alarm": "kill_latched"}]

    def take_asks(self) -> list[tuple[str, str | None]]:
        return self.asks

    # ---- those around it
    def now_ns(self) -> int:
        return self.now

    async def take(self, timeout_s: float) -> Any:  # noqa: ANN401 - any item
        self.waited.append(timeout_s)
        if not self.items:
            raise asyncio.CancelledError
        return self.items.pop(0)

    def retract(self) -> StreamState:
        return StreamState(self.now, "market", False)

    def write(self, lines: bytes) -> None:
        self.calls.append(("record", lines))

    def after_step(self, alarms: list[Any]) -> None:
        self.calls.append(("diary", tuple(alarm["alarm"] for alarm in alarms)))

    def dispatch(self, action: str, decided_ns: int) -> int:
        self.decided.append(decided_ns)
        self.calls.append(("send", action))
        return 5_000

    def read(self, lines: bytes) -> None:
        self.calls.append(("listen", lines))

    def ask(self, kind: str, cloid: str | None) -> None:
        self.calls.append(("ask", kind, cloid))

    async def runs(self, *items: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - any item
        """Run over these and end; returns the calls after the first record."""
        self.items = list(items)
        self.calls.clear()
        with pytest.raises(asyncio.CancelledError):
            await self.session.run()
        assert self.calls[0] == ("record", b'{"a":1}\n'), "what was logged before the first event"
        return self.calls[1:]


LOG = b'{"a":1}\n'
AFTER = [("record", LOG), ("diary", ("kill_latched",)), ("listen", LOG)]


@pytest.mark.parametrize(
    ("item", "call"),
    [
        (Frame(7, 1, b"data"), ("frame", 7, b"data")),
        (Info(7, "userFills", b"[]"), ("info", 7, "userFills", b"[]", None)),
        (Info(7, "orderStatus", b"{}", "0x1"), ("info", 7, "orderStatus", b"{}", "0x1")),
        (Reply(7, 3, 200, b"ok"), ("reply", 7, 3, 200, b"ok")),
        (Reply(7, 4, None, None), ("reply", 7, 4, None, None)),
        (StreamState(7, "user", False), ("stream", 7, "user", False)),
        (Command(7, "stop", b"x"), ("command", 7, "stop", b"x")),
    ],
)
async def test_each_event_reaches_the_engine_whole(item: Any, call: Any) -> None:  # noqa: ANN401
    assert await House().runs(item) == [call, *AFTER]


async def test_a_process_that_stood_still_takes_its_lines_back_before_it_decides() -> None:
    house = House()
    house.lease.beaten(1)
    house.monotonic_s = TERM_S + 0.1
    # A beat that comes late, and even one that the watchdog has heard, gives nothing back.
    house.lease.beaten(2)
    assert house.lease.renew(2)
    house.wake_ns = 9 * MS
    down = ("stream", 1_000 * MS, "market", False)
    calls = await house.runs(StreamState(9 * MS, "market", True), Frame(9 * MS, 1, b""))
    steps = [call for call in calls if call[0] in ("stream", "timer", "frame")]
    # The loop counts from the latest time it has seen.
    assert steps == [down, ("timer", 1_000 * MS), ("frame", 1_000 * MS, b"")]
    house.monotonic_s += TERM_S
    again = await house.runs(Frame(9 * MS, 1, b""))
    assert again[0] == ("frame", 1_000 * MS, b"")


async def test_the_life_of_an_action_begins_with_the_step_that_wanted_it() -> None:
    house = House()
    house.actions = ["place"]

    begun = house.now

    def stop(alarms: list[Any]) -> None:
        assert alarms
        house.now += 20_000 * MS

    house.after_step = stop  # type: ignore[method-assign]  # stopped in the middle of a step
    await house.runs(Frame(7, 1, b""))
    assert (house.decided, house.now) == ([begun], begun + 20_000 * MS)


async def test_an_action_is_sent_after_the_log_and_the_diary_have_it() -> None:
    house = House()
    house.actions, house.asks = ["place", "cancel"], [("orderStatus", "0x1")]
    assert await house.runs(Frame(7, 2_000, b"")) == [
        ("frame", 7, b""),
        ("record", LOG),
        ("diary", ("kill_latched",)),
        ("send", "place"),
        ("send", "cancel"),
        ("ask", "orderStatus", "0x1"),
        ("listen", LOG),
    ]
    assert list(house.meter.tick_to_bytes_ns) == [3_000, 3_000]
    assert house.meter.alarms == {"kill_latched": 1}
    [step_ns] = house.meter.step_ns
    assert 0 <= step_ns < 60 * 10**9
    shown = json.loads(house.session.blackbox.text({}, {}))
    assert (shown["log"], shown["alarms"]) == ([{"a": 1}], [{"alarm": "kill_latched"}])


async def test_what_is_sent_is_begun_before_the_next_step() -> None:
    house = House()
    house.actions = ["place"]
    order: list[str] = []
    step = house._step

    def sent(action: str, decided_ns: int) -> int:
        asyncio.get_running_loop().call_soon(order.append, "written")
        return 0

    def stepped(*call: Any) -> list[str]:  # noqa: ANN401 - as the engine takes it
        order.append("step")
        return step(*call)

    house._step = stepped  # type: ignore[method-assign]  # watched here alone
    house.dispatch = sent  # type: ignore[method-assign]  # a send is a task
    async with asyncio.timeout(0.5):
        await house.runs(Frame(7, 1, b""), Frame(8, 1, b""))
    assert order[:3] == ["step", "written", "step"]
    # What a timer wanted is begun too, when the event after it wants nothing.
    order.clear()
    house.wake_ns = 9
    timer = house.on_timer

    def due(recv: int) -> list[str]:
        house.actions = []
        timer(recv)
        return ["place"]

    house.on_timer = due  # type: ignore[method-assign]  # wants what the event does not
    await house.runs(Frame(9, 1, b""), Frame(10, 1, b""))
    assert order == ["step", "step", "written", "step"]


async def test_only_a_frame_counts_from_the_tick() -> None:
    house = House()
    house.actions = ["place"]
    await house.runs(Reply(7, 3, 200, b""))
    assert list(house.meter.tick_to_bytes_ns) == []


async def test_time_never_goes_back() -> None:
    calls = await House().runs(Frame(9, 1, b""), Frame(5, 1, b""), Frame(10, 1, b""))
    assert [call[1] for call in calls if call[0] == "frame"] == [9, 9, 10]


async def test_a_timer_that_is_due_comes_before_the_event() -> None:
    for wake_ns, comes in ((7, True), (6, True), (8, False), (None, False)):
        house = House()
        house.wake_ns = wake_ns
        calls = await house.runs(Frame(7, 1, b""))
        steps = [call[:2] for call in calls if call[0] in ("timer", "frame")]
        assert steps == [("timer", 7)] * comes + [("frame", 7)], wake_ns


async def test_without_an_event_the_clock_says_what_is_due() -> None:
    for wake_ns, comes in ((1_000 * MS, True), (1_000 * MS + 1, False)):
        house = House()
        house.wake_ns = wake_ns
        calls = await house.runs(None)
        assert [call for call in calls if call[0] == "timer"] == [("timer", 1_000 * MS)] * comes


@pytest.mark.parametrize(
    ("wake_ms", "speed", "wait_s"),
    [
        (None, 1.0, LONGEST_WAIT_S),
        (1_100, 1.0, 0.1),
        (1_100, 10.0, 0.01),
        (900, 1.0, SHORTEST_WAIT_S),
        (9_000, 1.0, LONGEST_WAIT_S),
    ],
)
async def test_it_waits_for_the_timer_within_bounds(
    wake_ms: int | None, speed: float, wait_s: float
) -> None:
    house = House()
    house.speed = speed
    house.wake_ns = None if wake_ms is None else wake_ms * MS
    await house.runs()
    assert house.waited == [pytest.approx(wait_s)]


async def test_a_market_frame_that_cannot_be_read_is_skipped() -> None:
    house = House()
    house.unreadable = True
    bad = [Frame(7, 1, b"\xff" + b"x" * 400)] * (UNREADABLE_BOUND - 1)
    with capture_logs() as logged:
        calls = await house.runs(*bad)
    shown = "\N{REPLACEMENT CHARACTER}" + "x" * 299
    assert logged[0] == {
        "log_level": "error",
        "event": "frame_unreadable",
        "why": "no event",
        "frame": shown,
    }
    assert calls == [("frame", 7, bad[0].data)] * (UNREADABLE_BOUND - 1)
    house.unreadable = False
    await house.runs(Frame(7, 1, b""))
    house.unreadable = True
    await house.runs(*bad)


async def ends(house: House, *items: Any) -> BaseException:  # noqa: ANN401 - any item
    house.items = list(items)
    with pytest.raises((InvariantError, VenueError)) as ended:
        await house.session.run()
    assert house.session.broken is ended.value
    return ended.value


async def test_too_many_of_them_in_a_row_end_the_session() -> None:
    house = House()
    house.unreadable = True
    error = await ends(house, *[Frame(7, 1, b"")] * UNREADABLE_BOUND)
    assert isinstance(error, InvariantError)
    assert str(error) == f"{UNREADABLE_BOUND} market frames in a row were unreadable"


@pytest.mark.parametrize("item", [Frame(7, 1, b"", about_us=True), Info(7, "userFills", b"")])
async def test_anything_about_our_account_that_cannot_be_read_ends_it(item: Frame | Info) -> None:
    """A frame always, for it comes once; an answer before the anchor, where nobody asks again."""
    house = House()
    house.unreadable = True
    error = await ends(house, item)
    assert isinstance(error, VenueError)
    assert str(error) == "the venue sent what cannot be read: no event"


async def test_an_answer_that_cannot_be_read_is_asked_for_again() -> None:
    """Until it happened too often in a row: then another protocol is spoken there."""
    house = House()
    await house.runs(Command(1, "anchor", b"{}"))
    fills, status = Info(7, "userFills", b"{"), Info(7, "orderStatus", b"[]", "0x1")
    most = [fills] * (ANSWERS_BOUND - 1)
    house.unreadable = True
    with capture_logs() as logged:
        calls = await house.runs(*most, status)
        assert not [call for call in calls if call[0] == "ask"]
        house.calls.clear()
        await asyncio.sleep(AGAIN_S)
    assert [line["kind"] for line in logged] == ["userFills", "orderStatus"], "once an outage"
    assert house.calls == [("ask", "userFills", None)] * len(most) + [("ask", "orderStatus", "0x1")]
    house.unreadable = False
    await house.runs(fills)
    house.unreadable = True
    error = await ends(house, *most, fills)
    assert isinstance(error, VenueError)
    assert (
        str(error) == f"{ANSWERS_BOUND} answers to userFills in a row could not be read: no event"
    )


async def test_a_turn_of_the_loop_is_noted() -> None:
    house = House()
    assert house.session.broken is None
    assert 0 <= time.monotonic() - house.session.turned_at < 60
    before = house.session.turned_at = -1.0
    await house.runs(None)
    assert house.session.turned_at > before
    assert isinstance(house.session.broken, asyncio.CancelledError)
