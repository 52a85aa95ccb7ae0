"""Signed actions over a websocket of their own, with HTTP behind it.

One connection keeps the order in which actions were sent and saves the hand-shakes. It only
carries: what an answer means is read in the core, whichever way it came.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from typing import Any

import structlog

from mm.hyperliquid.errors import HTTP_OK, LostReplyError
from mm.hyperliquid.http import HttpClient, HttpReply, Timeouts
from mm.hyperliquid.socket import PING, Deadlines, Socket

log = structlog.get_logger(__name__)

POSTS_IN_FLIGHT = 100
"""The venue lets one user wait for no more."""

UNKNOWN_STATUS = 500
"""Of an error whose text has no HTTP status: the core then asks what became of the action."""


class OrderLine:
    """Carries actions to one venue; use `run` as a task beside it.

    An action goes over the socket when that is open, was not silent to an earlier one, and has a
    place left; otherwise over HTTP. It goes one way only: an answer that does not come is lost, and
    never a reason to send the action again.
    """

    def __init__(
        self,
        http: HttpClient,
        carried: Counter[str],
        *,
        timeouts: Timeouts | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        """Prepare, without connecting.

        Args:
            http: The venue; it carries what the socket cannot.
            carried: Counts actions by the way they went, `websocket` or `http`.
            timeouts: `reply_s` is the longest wait for an answer over the socket.
            deadlines: Of the socket.
        """
        self._http = http
        self._carried = carried
        self._reply_s = (timeouts or Timeouts()).reply_s
        self._waiting: dict[int, asyncio.Future[HttpReply]] = {}
        self._last_id = 0
        self._silent = False
        self._socket = Socket(
            f"ws{http.base_url.removeprefix('http')}/ws",
            "orders",
            (),
            on_frame=self._take,
            on_state=lambda _: None,
            on_lost=self._lose,
            deadlines=deadlines,
        )

    async def run(self) -> None:
        """Keep the connection until cancelled."""
        await self._socket.run()

    @property
    def ready(self) -> bool:
        """Whether the next action goes over the socket."""
        full = len(self._waiting) >= POSTS_IN_FLIGHT
        return self._socket.connected and not self._silent and not full

    async def exchange(self, body: bytes) -> HttpReply:
        """Send a signed action.

        Args:
            body: The signed envelope, JSON, as for `POST /exchange`.

        Returns:
            The answer, as HTTP would have brought it.

        Raises:
            UnreachableError: Neither way has a connection, so nothing was sent.
            LostReplyError: No answer; the action may have been carried out.
        """
        if not self.ready:
            return await self._by_http(body)
        self._last_id += 1
        number = self._last_id
        reply: asyncio.Future[HttpReply] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        try:
            if not await self._socket.send(_post(number, body)):
                return await self._by_http(body)
            self._carried["websocket"] += 1
            async with asyncio.timeout(self._reply_s):
                return await reply
        except TimeoutError:
            await self._doubt()
            raise LostReplyError(f"no answer over the order line in {self._reply_s:g} s") from None
        except ConnectionError as error:
            raise LostReplyError(f"the order line was cut: {error}") from error
        finally:
            del self._waiting[number]

    async def _by_http(self, body: bytes) -> HttpReply:
        self._carried["http"] += 1
        return await self._http.exchange(body)

    async def _doubt(self) -> None:
        """Leave the socket alone until it says anything again."""
        if not self._silent:
            log.warning("order_line_silent", waited_s=self._reply_s, instead="http")
            self._silent = True
        with contextlib.suppress(ConnectionError):
            await self._socket.send(PING)

    def _take(self, channel: str, frame: bytes) -> None:
        self._silent = False
        if channel != "post":
            return
        read = _answer(frame)
        if read is None:
            log.warning("order_line_answer_unreadable", frame=frame.decode(errors="replace"))
            return
        number, answer = read
        waiting = self._waiting.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def _lose(self) -> None:
        self._silent = False
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(LostReplyError("the order line was cut before the answer"))


def _post(number: int, body: bytes) -> str:
    request = f'{{"type":"action","payload":{body.decode()}}}'
    return f'{{"method":"post","id":{number},"request":{request}}}'


def _answer(frame: bytes) -> tuple[int, HttpReply] | None:
    """Number and answer of a `post` frame; `None` where it is none."""
    try:
        data: dict[str, Any] = json.loads(frame)["data"]  # Any: JSON
        number, response = data["id"], data["response"]
        kind, payload = response["type"], response["payload"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if not isinstance(number, int):
        return None
    if kind == "action":
        return number, HttpReply(HTTP_OK, json.dumps(payload).encode())
    text = payload if isinstance(payload, str) else json.dumps(payload)
    code, _, rest = text.partition(" ")
    known = len(code) == len("200") and code.isdigit()
    return number, HttpReply(
        int(code) if known else UNKNOWN_STATUS, (rest if known else text).encode()
    )
