"""The one queue between everything that hears and the one task that steps the engine.

Readers only put, the session only takes. State-like frames are conflated: while an older one of
its channel still waits, a newer one takes its place, so a slow moment costs history, not time.
Everything else is lossless, and the queue is bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

import structlog

from mm.errors import InvariantError

log = structlog.get_logger(__name__)

# Channels whose newest frame says all.
REFERENCE = "bbo of the reference"
STATE_LIKE = frozenset({"l2Book", "bbo", "allMids", "activeAssetCtx", REFERENCE})
BOUND = 20_000
ALARM = BOUND // 2


class QueueOverflowError(InvariantError):
    """The session could not keep up, and what waits may not be dropped."""


@dataclass(slots=True)
class Frame:
    """A websocket frame.

    Attributes:
        recv_ns: Receive time, exchange nanoseconds.
        arrived_ns: Performance counter at arrival, for the latency figures.
        data: The whole frame.
        about_us: Whether it came on the stream of our own orders, fills and account.
    """

    recv_ns: int
    arrived_ns: int
    data: bytes
    about_us: bool = False


@dataclass(frozen=True, slots=True)
class Info:
    """The body of an answered query.

    Attributes:
        recv_ns: Receive time, exchange nanoseconds.
        kind: Type of the query.
        body: The answer.
        cloid: The order that an `orderStatus` query asked about; `None` for any other type.
    """

    recv_ns: int
    kind: str
    body: bytes
    cloid: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to an action, or its absence.

    Attributes:
        recv_ns: Receive time, exchange nanoseconds.
        action: Id of the action.
        status: HTTP status; `None` when no answer came.
        body: Body of the answer; `None` when no answer came.
    """

    recv_ns: int
    action: int
    status: int | None
    body: bytes | None


@dataclass(frozen=True, slots=True)
class StreamState:
    """A stream came up, proved alive, or went down.

    Attributes:
        recv_ns: Receive time, exchange nanoseconds.
        stream: `market` or `user`.
        up: Whether it delivers.
    """

    recv_ns: int
    stream: str
    up: bool


@dataclass(frozen=True, slots=True)
class Command:
    """An order from the session itself.

    Attributes:
        recv_ns: Receive time, exchange nanoseconds.
        name: As `Engine.on_command` takes it.
        body: What the command carries: for `anchor` the clearinghouse state.
    """

    recv_ns: int
    name: str
    body: bytes | None


Item = Frame | Info | Reply | StreamState | Command


class Inbox:
    """The queue. Single consumer; everything runs on one event loop."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._waiting: dict[str, Frame] = {}
        self._filled = asyncio.Event()
        self._alarmed = False
        self.conflated = 0
        self.longest = 0

    def __len__(self) -> int:
        return len(self._items)

    def put_frame(self, channel: str, frame: Frame) -> None:
        """Put a websocket frame; a newer state-like one replaces the waiting one in its place."""
        if channel in STATE_LIKE:
            waiting = self._waiting.get(channel)
            if waiting is not None:
                waiting.recv_ns, waiting.arrived_ns = frame.recv_ns, frame.arrived_ns
                waiting.data = frame.data
                self.conflated += 1
                return
            self._waiting[channel] = frame
        self.put(frame)

    def put(self, item: Item) -> None:
        """Put what may not be lost.

        Raises:
            QueueOverflowError: The bound is reached.
        """
        depth = len(self._items) + 1
        if depth > BOUND:
            raise QueueOverflowError(
                f"{BOUND} events wait for the session: this machine cannot keep up; lower --speed"
            )
        if depth >= ALARM and not self._alarmed:
            self._alarmed = True
            log.error("queue_half_full", waiting=depth, bound=BOUND)
        self.longest = max(self.longest, depth)
        self._items.append(item)
        self._filled.set()

    def drop_up(self, stream: str) -> None:
        """Drop what waits to say that a stream delivers: it is not to be counted on any more."""
        kept = [
            item
            for item in self._items
            if not (isinstance(item, StreamState) and item.up and item.stream == stream)
        ]
        if len(kept) < len(self._items):
            self._items = deque(kept)

    async def take(self, timeout_s: float | None) -> Item | None:
        """The oldest item; `None` when none came within `timeout_s` seconds of wall time."""
        if not self._items and not await self._wait(timeout_s):
            return None
        item = self._items.popleft()
        if isinstance(item, Frame):
            self._forget(item)
        if not self._items:
            self._alarmed = False
        return item

    def _forget(self, frame: Frame) -> None:
        for channel, waiting in self._waiting.items():
            if waiting is frame:
                del self._waiting[channel]
                return

    async def _wait(self, timeout_s: float | None) -> bool:
        self._filled.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._filled.wait()
        except TimeoutError:
            return False
        return True
