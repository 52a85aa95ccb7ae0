"""One websocket to the venue that stays: resubscribes, backs off, notices a half-open line.

The socket only carries. Whole frames go to a sink as bytes; what they mean is read in the core.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import aiohttp
import structlog

log = structlog.get_logger(__name__)

PING = json.dumps({"method": "ping"})
FIRST_DELAY_S = 0.25
LONGEST_DELAY_S = 15.0
# Kinds of frames that carry no market or account data: they prove the line, not the stream.
BOOKKEEPING = frozenset({"subscriptionResponse", "pong", "error"})
CHANNEL_PREFIX = b'{"channel":"'


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Waits of a socket, in seconds of wall time.

    Attributes:
        connect_s: For the connection and the upgrade.
        ping_s: Between our pings.
        pong_s: From a ping to the next frame of any kind; then the line counts as dead.
    """

    connect_s: float = 5.0
    ping_s: float = 30.0
    pong_s: float = 10.0


class Backoff:
    """Exponential delays with full jitter: up to 0.25 s, 0.5 s, 1 s, ... 15 s."""

    def __init__(self, dice: random.Random | None = None) -> None:
        self._dice = dice or random.Random()
        self._failures = 0

    def next_s(self) -> float:
        """Seconds to wait before the next attempt."""
        longest = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2**self._failures)
        self._failures += 1
        return self._dice.uniform(longest / 2, longest)

    def reset(self) -> None:
        """Data came: the next failure is a first one again."""
        self._failures = 0


def channel_of(frame: bytes) -> str | None:
    """The `channel` of a frame; `None` when it has none (an older server greets in plain text)."""
    start = len(CHANNEL_PREFIX)
    try:
        if frame.startswith(CHANNEL_PREFIX) and (end := frame.find(b'"', start)) > 0:
            return frame[start:end].decode()
        message = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    channel = message.get("channel") if isinstance(message, dict) else None
    return channel if isinstance(channel, str) else None


class Socket:
    """Keeps one connection with its subscriptions alive until cancelled."""

    def __init__(
        self,
        url: str,
        name: str,
        subscriptions: Sequence[dict[str, object]],
        *,
        on_frame: Callable[[str, bytes], None],
        on_state: Callable[[bool], None],
        on_lost: Callable[[], None] | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        """Prepare, without connecting.

        Args:
            url: `ws://host:port/ws`.
            name: Of the stream, for the log.
            subscriptions: What to subscribe to, on every connection.
            on_frame: Takes the channel and the whole frame, pongs included.
            on_state: Takes `True` at the first data of a connection, `False` when it is lost.
            on_lost: Called when a connection ends, whether or not it delivered anything.
            deadlines: Longest waits.
        """
        self._url = url
        self._name = name
        self._subscriptions = subscriptions
        self._on_frame = on_frame
        self._on_state = on_state
        self._on_lost = on_lost
        self._open: aiohttp.ClientWebSocketResponse | None = None
        self._deadlines = deadlines or Deadlines()
        self._backoff = Backoff()
        self._up = False
        self.connections = 0

    async def run(self) -> None:
        """Connect, read, reconnect; returns only by cancellation."""
        while True:
            try:
                async with self._connection() as socket:
                    await self._serve(socket)
                why = "closed by the venue"
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                why = str(error) or type(error).__name__
            self._went_down(why)
            await asyncio.sleep(self._backoff.next_s())

    @property
    def connected(self) -> bool:
        """Whether a connection is open now, as far as this side knows."""
        return self._open is not None and not self._open.closed

    async def send(self, text: str) -> bool:
        """Send a message over the open connection.

        Returns:
            Whether there was one; `False`: nothing was sent.

        Raises:
            ConnectionError: It was lost on the way; the message may have been sent.
        """
        if self._open is None or self._open.closed:
            return False
        await self._open.send_str(text)
        return True

    def _went_down(self, why: str) -> None:
        if self._on_lost is not None:
            self._on_lost()
        if self._up:
            log.warning("stream_lost", stream=self._name, url=self._url, why=why)
            self._up = False
            self._on_state(False)
        else:
            log.debug("stream_refused", stream=self._name, url=self._url, why=why)

    @contextlib.asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        connect_s = self._deadlines.connect_s
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            async with asyncio.timeout(connect_s):
                socket = await stack.enter_async_context(
                    session.ws_connect(self._url, compress=0, max_msg_size=0, autoping=True)
                )
            self.connections += 1
            for subscription in self._subscriptions:
                request = {"method": "subscribe", "subscription": subscription}
                await socket.send_str(json.dumps(request))
            self._open = socket
            try:
                yield socket
            finally:
                self._open = None

    async def _serve(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        loop = asyncio.get_running_loop()
        heard = loop.time()
        ping_at = heard + self._deadlines.ping_s
        dead_at: float | None = None
        while True:
            wake_at = ping_at if dead_at is None else min(ping_at, dead_at)
            try:
                message = await socket.receive(timeout=max(wake_at - loop.time(), 0.001))
            except TimeoutError:
                now = loop.time()
                if dead_at is not None and now >= dead_at:
                    raise TimeoutError(f"no pong in {self._deadlines.pong_s:g} s") from None
                if now >= ping_at:
                    await socket.send_str(PING)
                    ping_at = now + self._deadlines.ping_s
                    dead_at = dead_at or now + self._deadlines.pong_s
                continue
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            dead_at = None
            self._take(message.data.encode())
            if (now := loop.time()) >= ping_at:
                await socket.send_str(PING)
                ping_at = now + self._deadlines.ping_s

    def _take(self, frame: bytes) -> None:
        channel = channel_of(frame)
        if channel is None:
            return
        if channel == "error":
            log.warning("venue_error", stream=self._name, frame=frame.decode(errors="replace"))
        elif channel not in BOOKKEEPING:
            self._backoff.reset()
            if not self._up:
                self._up = True
                self._on_state(True)
        self._on_frame(channel, frame)
