"""HTTP and websocket front of the paper exchange: it carries bytes and runs the clock."""

import asyncio
import contextlib
import socket
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import BinaryIO, Literal

import structlog
from aiohttp import WSMsgType, web

from mm._core import PaperExchange
from mm.errors import VenueError
from mm.paper.clock import MarketClock
from mm.paper.ip_limits import IpLimits, exchange_weight, info_weight
from mm.paper.mirror import Mirror

log = structlog.get_logger(__name__)

NOT_JSON = b"Expected request with `Content-Type: application/json`"
"""The venue's answer to another content type."""

SILENCE_S = 60.0
"""The venue closes a socket to which it sent nothing for this long, wall seconds."""

DROP_AFTER_S = 0.1
"""Wall seconds between a subscription the venue cannot serve and the loss of the socket."""

ANNOUNCE_S = 0.2
"""Wall seconds between two announcements of the clock; the report is written as often."""

BEHIND_S = 0.05
"""Wall seconds the exchange may lag its clock before it slows the market instead."""

BLOCKS_AT_ONCE = 32
"""Blocks run between two looks at the network."""

QUEUE_FRAMES = 50_000
"""Frames a client may leave unread before its socket is dropped."""

REPLY_WAIT_S = 0.25
"""Longest wall time that stream frames of a block wait for its REST replies to be written."""

BODY_BYTES = 2**20
"""Largest request body and largest frame from a client."""


@dataclass(slots=True)
class _Pending:
    """A REST action whose block has not been run yet."""

    reply: asyncio.Future[tuple[int, bytes]]
    written: asyncio.Event = field(default_factory=asyncio.Event)


class _Socket:
    """One websocket and the frames it has not taken yet."""

    def __init__(self, ws: web.WebSocketResponse, transport: asyncio.Transport | None) -> None:
        self.ws = ws
        self.sent_at = time.monotonic()
        self._transport = transport
        self._frames: deque[bytes] = deque()
        self._wake = asyncio.Event()

    def put(self, frame: bytes) -> None:
        """Queue a frame; a client that does not read is dropped."""
        if len(self._frames) >= QUEUE_FRAMES:
            self.drop()
            return
        self._frames.append(frame)
        self._wake.set()

    def drop(self) -> None:
        """Cut the connection without a close frame."""
        if self._transport is not None:
            self._transport.abort()

    async def send_all(self) -> None:
        """Send what is queued until cancelled or the connection is lost."""
        with contextlib.suppress(ConnectionError):
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._frames:
                    await self.ws.send_frame(self._frames.popleft(), WSMsgType.TEXT)
                self.sent_at = time.monotonic()


class PaperServer:
    """Serves one exchange until told to stop."""

    def __init__(
        self,
        exchange: PaperExchange,
        clock: MarketClock,
        report: BinaryIO | None = None,
        replies: Literal["first", "last"] = "first",
        patience_s: float | None = None,
        ip_limits: bool = False,
        mirror: Mirror | None = None,
    ) -> None:
        """Put the front before an exchange.

        Args:
            exchange: The exchange; this server is its only caller from now on.
            clock: Its clock, started at the exchange's own time.
            report: Where the exchange's own report goes, as JSON lines.
            replies: Whether a client hears its REST replies of a block before the block's stream
                frames or after them; the venue promises neither.
            patience_s: Wall time without a client after which it ends by itself; None: never.
            ip_limits: Whether an address is held to the venue's request weight and sockets.
            mirror: Of the venue whose market this is; None on a market of its own.
        """
        self._mirror = mirror
        self._ip = IpLimits(clock.now_ns) if ip_limits else None
        self._patience_s = patience_s
        self._visited = time.monotonic()
        self._replies = replies
        self._exchange = exchange
        self._clock = clock
        self._report = report
        self._sockets: dict[int, _Socket] = {}
        self._pending: dict[int, _Pending] = {}
        self._closing: set[asyncio.Task[bool]] = set()
        self._reached_ns = exchange.time_ns
        self._stopping = False

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stopping = True

    @contextlib.asynccontextmanager
    async def listening(self, listener: socket.socket) -> AsyncIterator[None]:
        """Answer on a bound socket for the length of an `async with` block.

        At its end the report is finished and every connection is cut.
        """
        app = web.Application(client_max_size=BODY_BYTES)
        app.router.add_route("*", "/info", self._info)
        app.router.add_route("*", "/exchange", self._action)
        app.router.add_get("/ws", self._websocket)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, listener).start()
            yield
        finally:
            self._write_report(self._exchange.finish_report())
            for held in self._sockets.values():
                held.drop()
            await runner.cleanup()

    async def run(self) -> None:
        """Run every block when its time comes, none skipped, until `stop` or out of patience.

        Whatever the exchange raises passes through, a panic of the core included.
        """
        announce_at = 0.0
        while not self._stopping:
            self._set_clock()
            self._reached_ns = self._exchange.advance(self._clock.now_ns(), BLOCKS_AT_ONCE)
            await self._deliver()
            next_ns = self._exchange.next_block_ns
            behind_s = (self._clock.now_ns() - next_ns) / self._clock.speed / 1e9
            if behind_s > BEHIND_S:
                self._clock.hold(self._reached_ns)
            if time.monotonic() >= announce_at:
                announce_at = time.monotonic() + ANNOUNCE_S
                self._announce()
                self._lose_patience()
            await asyncio.sleep(min(self._clock.wall_s_until(next_ns), ANNOUNCE_S))

    async def _deliver(self) -> None:
        """Hand out the REST replies of the blocks just run and their stream frames."""
        if self._replies == "last":
            self._flush()
        answered = []
        for request_id, status, body in self._exchange.take_replies():
            pending = self._pending.get(request_id)
            if pending is not None and not pending.reply.done():
                pending.reply.set_result((status, body))
                answered.append(pending)
        if answered:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REPLY_WAIT_S):
                    for pending in answered:
                        await pending.written.wait()
        self._flush()

    def _flush(self) -> None:
        for connection in self._exchange.take_dropped():
            if (broken := self._sockets.get(connection)) is not None:
                broken.drop()
        for connection, frame in self._exchange.take_frames():
            held = self._sockets.get(connection)
            if held is not None:
                held.put(frame)

    def _set_clock(self) -> None:
        """Tell the exchange the time: never past a block that is due and has not been run."""
        now_ns = min(self._clock.now_ns(), self._exchange.next_block_ns)
        achieved = self._clock.speed_achieved(self._reached_ns)
        self._exchange.set_clock(now_ns, time.time_ns(), achieved)

    def _announce(self) -> None:
        """Push the clock, write the report, close sockets that heard nothing for too long."""
        self._set_clock()
        self._exchange.announce_clock()
        self._flush()
        self._write_report(self._exchange.take_report())
        silent_since = time.monotonic() - SILENCE_S
        for connection, held in self._sockets.items():
            silent = held.sent_at < silent_since and not held.ws.closed
            # Of one that is half-open nobody hears that it was closed.
            if silent and self._exchange.passes(connection):
                self._close(held)

    def _close(self, held: _Socket) -> None:
        held.sent_at = time.monotonic()
        task = asyncio.create_task(held.ws.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _write_report(self, lines: bytes) -> None:
        if self._report is not None and lines:
            self._report.write(lines)
            self._report.flush()

    def _lose_patience(self) -> None:
        if self._sockets:
            self._visited = time.monotonic()
        alone_s = time.monotonic() - self._visited
        if self._patience_s is not None and alone_s > self._patience_s:
            self.stop()

    async def _info(self, request: web.Request) -> web.StreamResponse:
        refusal = _refuse(request)
        if refusal is not None:
            return refusal
        body = await request.read()
        self._visited = time.monotonic()
        address = request.remote or ""
        if self._ip is not None and not self._ip.admits(address, info_weight(body)):
            return _answer(HTTPStatus.TOO_MANY_REQUESTS, b"null")
        if self._mirror is not None:
            try:
                told = await self._mirror.history(body)
            except VenueError as error:
                log.warning("mirrored_history_not_told", why=str(error))
                return _answer(HTTPStatus.BAD_GATEWAY, b"null")
            if told is not None:
                return _answer(HTTPStatus.OK, told)
        self._set_clock()
        status, answer = self._exchange.info(body)
        if self._ip is not None and status == HTTPStatus.OK:
            self._ip.charge_rows(address, body, answer)
        if (hold_s := self._exchange.info_hold_s) > 0:
            await asyncio.sleep(hold_s / self._clock.speed)
        return _answer(status, answer)

    async def _action(self, request: web.Request) -> web.StreamResponse:
        refusal = _refuse(request)
        if refusal is not None:
            return refusal
        body = await request.read()
        self._visited = time.monotonic()
        address = request.remote or ""
        if self._ip is not None and not self._ip.admits(address, exchange_weight(body)):
            return _answer(HTTPStatus.TOO_MANY_REQUESTS, b"null")
        self._set_clock()
        submitted = self._exchange.submit(body)
        if not isinstance(submitted, int):
            return _answer(*submitted)
        pending = _Pending(asyncio.get_running_loop().create_future())
        self._pending[submitted] = pending
        try:
            response = _answer(*await pending.reply)
            # A client that gave up on its answer is no error of ours.
            with contextlib.suppress(ConnectionResetError):
                await response.prepare(request)
                await response.write_eof()
        finally:
            pending.written.set()
            del self._pending[submitted]
        return response

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(compress=False, max_msg_size=BODY_BYTES)
        if not ws.can_prepare(request).ok:
            return web.Response(status=HTTPStatus.BAD_REQUEST)
        if not self._exchange.accepts_sockets:
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        address = request.remote or ""
        if self._ip is not None and not self._ip.opens(address):
            return web.Response(status=HTTPStatus.TOO_MANY_REQUESTS)
        try:
            return await self._converse(request, ws, address)
        finally:
            if self._ip is not None:
                self._ip.closes(address)

    async def _converse(
        self, request: web.Request, ws: web.WebSocketResponse, address: str
    ) -> web.StreamResponse:
        """Carry what is said over one websocket until it ends."""
        await ws.prepare(request)
        held = _Socket(ws, request.transport)
        connection = self._exchange.connect()
        self._sockets[connection] = held
        sender = asyncio.create_task(held.send_all())
        try:
            async for message in ws:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    continue
                said = message.data
                if isinstance(said, bytes):
                    # Nothing here is said in bytes: it is answered as no JSON.
                    said = said.decode(errors="replace")
                if self._ip is not None and not self._ip.says(address):
                    held.drop()
                    break
                self._set_clock()
                if not self._exchange.ws_message(connection, said):
                    await asyncio.sleep(DROP_AFTER_S)
                    held.drop()
                    break
                self._flush()
        finally:
            sender.cancel()
            del self._sockets[connection]
            self._exchange.disconnect(connection)
        return ws


def _refuse(request: web.Request) -> web.Response | None:
    """The venue's answer to a request that is not a JSON post, or None."""
    if request.method != "POST":
        return web.Response(status=HTTPStatus.METHOD_NOT_ALLOWED, headers={"Allow": "POST"})
    kind = request.content_type
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return None
    return web.Response(
        status=HTTPStatus.UNSUPPORTED_MEDIA_TYPE, body=NOT_JSON, content_type="text/plain"
    )


def _answer(status: int, body: bytes) -> web.Response:
    """A reply; the venue says what it refuses to read as text, everything else as JSON."""
    text = status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
    return web.Response(
        status=status,
        body=body,
        content_type="text/plain" if text else "application/json",
        headers={"Access-Control-Allow-Origin": "*"},
    )
