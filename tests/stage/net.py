"""What stands in for aiohttp: HTTP and websockets to the exchange of the stage, and its accidents.

A script makes an accident with `meddle` (requests) or through `cut`, `mute`, `silence` and
`rewrite` (streams). Without one, every message takes `LATENCY_S` each way and keeps its order.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, ClassVar, Self

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from stage.house import House

Json = Any  # whatever JSON holds

LATENCY_S = 0.02
HTTP_OK = 200
HTTP_BAD_GATEWAY = 502
HTTP_UNAVAILABLE = 503


@dataclass(slots=True)
class Meddling:
    """What happens to requests that match.

    Attributes:
        matches: Whether the request (an `/info` query, or an action without its envelope) is meant.
        times: How many it happens to; `None`: all.
        before_s: Longer on the way to the exchange.
        after_s: Longer on the way back.
        arrives: Whether the exchange sees it at all.
        answered: Whether the answer comes back.
        answer: What comes back instead: status and body.
        reword: Changes the body that the exchange answered.
        happened: How often it did.
    """

    matches: Callable[[Json], bool]
    times: int | None = None
    before_s: float = 0.0
    after_s: float = 0.0
    arrives: bool = True
    answered: bool = True
    answer: tuple[int, str] | None = None
    reword: Callable[[Json], Json] | None = None
    happened: int = 0

    @property
    def is_over(self) -> bool:
        """Whether it has happened as often as it was to."""
        return self.times is not None and self.happened >= self.times

    def stop(self) -> None:
        """No further request is meant."""
        self.times = self.happened


@dataclass(slots=True)
class Line:
    """One websocket connection, seen from the client's end.

    Attributes:
        stream: `user` or `market`, by what it subscribed to, or `orders`, by what it posted; empty
            until it did.
        mute: Whether nothing passes either way any more, though nobody hung up.
        silent: Channels of which nothing comes though the line is well; `*`: all but the pongs.
        held: Frames kept back, by channel.
    """

    number: int
    stream: str = ""
    mute: bool = False
    silent: frozenset[str] = frozenset()
    held: dict[str, list[bytes]] = field(default_factory=dict)
    queue: deque[tuple[float, bytes]] = field(default_factory=deque)
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    open: bool = True


class Net:
    """Every request and every frame between the run and the exchange."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.lines: list[Line] = []
        self.meddlings: list[Meddling] = []
        self.is_reachable = True
        # Streams whose every new line is as good as dead.
        self.deaf: set[str] = set()
        self._posts: set[asyncio.Task[None]] = set()
        # Frames as the client gets them, by stream; a script may change or add some.
        self.rewrites: dict[str, Callable[[Json], list[Json]]] = {}
        house.on_frames = self._carry
        house.on_dropped = self._drop

    # ---- accidents -----------------------------------------------------------------------------

    def meddle(self, matches: Callable[[Json], bool], **what: Any) -> Meddling:  # noqa: ANN401 - fields
        """Let something happen to requests; the earliest that matches holds."""
        meddling = Meddling(matches, **what)
        self.meddlings.append(meddling)
        return meddling

    def cut(self, *streams: str) -> None:
        """Break the connections of these streams (all of them by default, the orders' too)."""
        for line in self.of(*streams) if streams else list(self.lines):
            self._hang_up(line)

    def mute(self, stream: str) -> None:
        """Half-open: the peer is gone and nobody says so."""
        for line in self.of(stream):
            line.mute = True

    def silence(self, stream: str, *channels: str) -> None:
        """Nothing of these channels (all by default) comes any more, on a line that is well."""
        for line in self.of(stream):
            line.silent = frozenset(channels or ("*",))

    def speak(self, stream: str) -> None:
        """End a silence."""
        for line in self.of(stream):
            line.silent = frozenset()

    def hold(self, stream: str, *channels: str) -> None:
        """Keep the frames of these channels back until `release`."""
        for line in self.of(stream):
            line.held |= {channel: [] for channel in channels}

    def release(self, stream: str) -> None:
        """Let through what was held, oldest first a channel."""
        for line in self.of(stream):
            held, line.held = line.held, {}
            for frames in held.values():
                for frame in frames:
                    self._queue(line, frame)

    def push(self, stream: str, channel: str, data: Json) -> None:
        """Send a frame that the exchange did not."""
        [line] = self.of(stream)
        self._queue(line, _frame(channel, data))

    def of(self, *streams: str) -> list[Line]:
        """The open lines of these streams."""
        return [
            line
            for line in self.lines
            if line.open and line.stream in (streams or ("market", "user"))
        ]

    # ---- requests ------------------------------------------------------------------------------

    async def request(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Carry a request there and its answer back."""
        loop = asyncio.get_running_loop()
        if not self.is_reachable:
            key = aiohttp.client_reqrep.ConnectionKey("stage", 1, False, True, None, None, None)
            raise aiohttp.ClientConnectorError(key, ConnectionRefusedError(111, "refused"))
        whole = json.loads(body)
        meant = whole["action"] if path == "/exchange" else whole
        meddling = next((m for m in self.meddlings if not m.is_over and m.matches(meant)), None)
        if meddling is not None:
            meddling.happened += 1
        else:
            meddling = Meddling(lambda _: True)
        await asyncio.sleep(LATENCY_S + meddling.before_s)
        status, reply = HTTP_BAD_GATEWAY, b""
        if meddling.arrives:
            status, reply = await self.house.answer(path, body)
        if meddling.answer is not None:
            status, reply = meddling.answer[0], meddling.answer[1].encode()
        if meddling.reword is not None:
            reply = json.dumps(meddling.reword(json.loads(reply))).encode()
        await asyncio.sleep(LATENCY_S + meddling.after_s)
        if not meddling.answered:
            await loop.create_future()
        return status, reply

    # ---- streams -------------------------------------------------------------------------------

    def connect(self) -> Line:
        """Open a connection."""
        if not self.is_reachable:
            key = aiohttp.client_reqrep.ConnectionKey("stage", 1, False, True, None, None, None)
            raise aiohttp.ClientConnectorError(key, ConnectionRefusedError(111, "refused"))
        if not self.house.exchange.accepts_sockets:
            raise _refused(HTTP_UNAVAILABLE)
        line = Line(self.house.exchange.connect())
        self.lines.append(line)
        return line

    def say(self, line: Line, text: str) -> None:
        """Carry a text of the client to the exchange."""
        message = json.loads(text)
        kind = message.get("subscription", {}).get("type", "")
        if kind and not line.stream:
            line.stream = "user" if "user" in message["subscription"] else "market"
            line.mute = line.stream in self.deaf
        if not line.open or line.mute:
            return
        if message["method"] == "post":
            line.stream = "orders"
            post = asyncio.get_running_loop().create_task(self._post(line, message))
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)
        else:
            self.house.hear(line.number, text)

    @property
    def posts_under_way(self) -> int:
        """Actions over sockets without an answer; one that is lost on the way never has one."""
        return len(self._posts)

    async def _post(self, line: Line, message: Json) -> None:
        """Carry an action that came over a socket: the same way, with the same accidents."""
        request = message["request"]
        if not self.house.exchange.passes(line.number):
            return
        try:
            status, reply = await self.request("/exchange", json.dumps(request["payload"]).encode())
        except aiohttp.ClientConnectorError:
            self._hang_up(line)
            return
        text = f"{status} {reply.decode()}"
        kind, payload = ("action", json.loads(reply)) if status == HTTP_OK else ("error", text)
        data = {"id": message["id"], "response": {"type": kind, "payload": payload}}
        if line.open and not line.mute and self.house.exchange.passes(line.number):
            line.queue.append((asyncio.get_running_loop().time(), _frame("post", data)))
            line.woken.set()

    def _carry(self, frames: list[tuple[int, bytes]]) -> None:
        open_lines = {line.number: line for line in self.lines if line.open}
        for number, frame in frames:
            line = open_lines.get(number)
            if line is None or line.mute:
                continue
            message = json.loads(frame)
            channel = message["channel"]
            if channel in line.silent or ("*" in line.silent and channel != "pong"):
                continue
            if channel in line.held:
                line.held[channel].append(frame)
                continue
            rewrite = self.rewrites.get(line.stream)
            if rewrite is None or channel in ("pong", "subscriptionResponse", "paperClock"):
                self._queue(line, frame)
            else:
                for changed in rewrite(message):
                    self._queue(line, json.dumps(changed, separators=(",", ":")).encode())

    def _queue(self, line: Line, frame: bytes) -> None:
        line.queue.append((asyncio.get_running_loop().time() + LATENCY_S, frame))
        line.woken.set()

    def _drop(self, numbers: list[int]) -> None:
        for line in self.lines:
            if line.number in numbers:
                self._hang_up(line)

    def _hang_up(self, line: Line) -> None:
        if line.open:
            line.open = False
            line.queue.clear()
            line.woken.set()
            self.house.exchange.disconnect(line.number)

    def close(self, line: Line) -> None:
        """The client hung up."""
        self._hang_up(line)


def _refused(status: int) -> aiohttp.WSServerHandshakeError:
    """An upgrade that a venue does not grant."""
    url = URL("http://stage/ws")
    info = aiohttp.RequestInfo(url, "GET", CIMultiDictProxy(CIMultiDict()), url)
    return aiohttp.WSServerHandshakeError(info, (), status=status)


def _frame(channel: str, data: Json) -> bytes:
    return json.dumps({"channel": channel, "data": data}).encode()


@dataclass(frozen=True, slots=True)
class Message:
    """A websocket message, as aiohttp shows it."""

    type: aiohttp.WSMsgType
    data: str


class WebSocket:
    """The client's end of a line."""

    def __init__(self, net: Net, line: Line) -> None:
        self._net = net
        self._line = line

    @property
    def closed(self) -> bool:
        return not self._line.open

    async def send_str(self, text: str) -> None:
        self._net.say(self._line, text)

    async def receive(self, timeout: float | None = None) -> Message:  # noqa: ASYNC109 - as aiohttp
        line, loop = self._line, asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            while True:
                if line.queue and line.queue[0][0] <= loop.time():
                    return Message(aiohttp.WSMsgType.TEXT, line.queue.popleft()[1].decode())
                if not line.open:
                    return Message(aiohttp.WSMsgType.CLOSED, "")
                if line.queue:
                    await asyncio.sleep(line.queue[0][0] - loop.time())
                else:
                    line.woken.clear()
                    await line.woken.wait()

    async def close(self) -> None:
        self._net.close(self._line)


class _Connecting:
    """`session.ws_connect(...)`."""

    def __init__(self, net: Net) -> None:
        self._net = net
        self._socket: WebSocket | None = None

    async def __aenter__(self) -> WebSocket:
        await asyncio.sleep(LATENCY_S)
        self._socket = WebSocket(self._net, self._net.connect())
        return self._socket

    async def __aexit__(self, *_: object) -> None:
        if self._socket is not None:
            await self._socket.close()


class _Response:
    """`session.post(...)`: status and body within the session's timeouts."""

    def __init__(self, net: Net, path: str, body: bytes, longest_s: float | None) -> None:
        self._net = net
        self._path = path
        self._sent = body
        self._longest_s = longest_s
        self._body = b""
        self.status = 0

    async def __aenter__(self) -> Self:
        try:
            async with asyncio.timeout(self._longest_s):
                self.status, self._body = await self._net.request(self._path, self._sent)
        except TimeoutError:
            raise aiohttp.SocketTimeoutError("Timeout on reading data from socket") from None
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    async def read(self) -> bytes:
        return self._body


class ClientSession:
    """What aiohttp's session of the same name is to the run."""

    net: ClassVar[Net]

    def __init__(self, *, timeout: aiohttp.ClientTimeout | None = None, **_: object) -> None:
        waits = [] if timeout is None else [timeout.total, timeout.sock_read]
        given = [wait for wait in waits if wait is not None]
        self._longest_s = min(given) if given else None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        return None

    def post(self, url: str, *, data: bytes, **_: object) -> _Response:
        return _Response(self.net, "/" + url.rsplit("/", 1)[1], data, self._longest_s)

    def ws_connect(self, url: str, **_: object) -> _Connecting:
        return _Connecting(self.net)
