"""`POST /info` and `POST /exchange`: bytes out, bytes in, every wait bounded, every error typed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp

from mm.errors import RateLimitedError
from mm.hyperliquid.errors import (
    HTTP_OK,
    HTTP_TOO_MANY_REQUESTS,
    HttpStatusError,
    LostReplyError,
    UnreachableError,
    UnreadableError,
)
from mm.hyperliquid.reading import looks_like_json

JSON_HEADERS = {"Content-Type": "application/json"}
# Connections for queries, and so queries at once: one after another takes each in turn, so that the
# most there ever were would be kept open for good. Actions, and queries that verify a cancel, have
# their own: they wait for nothing.
QUERIES_AT_ONCE = 8
# The text of an error body that is worth showing.
SHOWN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Longest waits, in seconds of wall time.

    Attributes:
        connect_s: For a connection, name look-up included.
        send_s: For the whole of a request and its answer.
        reply_s: For the next byte of an answer.
    """

    connect_s: float = 3.0
    send_s: float = 8.0
    reply_s: float = 5.0


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An answer as it came: status and body, unread."""

    status: int
    body: bytes


class HttpClient:
    """One venue's HTTP face. Use as an asynchronous context manager."""

    def __init__(self, base_url: str, timeouts: Timeouts | None = None) -> None:
        """Prepare, without connecting.

        Args:
            base_url: `http://host:port`, without a trailing slash.
            timeouts: Longest waits.
        """
        self.base_url = base_url.rstrip("/")
        waits = timeouts or Timeouts()
        self._timeout = aiohttp.ClientTimeout(
            total=waits.send_s, sock_connect=waits.connect_s, sock_read=waits.reply_s
        )
        self._queries: aiohttp.ClientSession | None = None
        self._urgent: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        few = aiohttp.TCPConnector(limit=QUERIES_AT_ONCE)
        self._queries = aiohttp.ClientSession(
            timeout=self._timeout, headers=JSON_HEADERS, connector=few
        )
        self._urgent = aiohttp.ClientSession(timeout=self._timeout, headers=JSON_HEADERS)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for session in (self._queries, self._urgent):
            if session is not None:
                await session.close()

    async def info(self, query: Mapping[str, object], *, urgent: bool = False) -> bytes:
        """Ask `/info`.

        Args:
            query: The request, with its `type`.
            urgent: Whether it waits for no other query.

        Returns:
            The body of the answer.

        Raises:
            UnreachableError: No connection.
            LostReplyError: No answer in time.
            RateLimitedError: HTTP 429, whose body is `null`.
            HttpStatusError: Any other HTTP error, with its text.
            UnreadableError: Something else than JSON, as a gateway before the venue may answer.
        """
        session = self._urgent if urgent else self._queries
        reply = await self._post(session, "/info", json.dumps(query).encode())
        what = f"info {query.get('type')}"
        if reply.status == HTTP_OK:
            if not looks_like_json(reply.body):
                shown = reply.body.decode(errors="replace")[:SHOWN_CHARS]
                raise UnreadableError(f"{what} at {self.base_url}: expected JSON, got {shown!r}")
            return reply.body
        if reply.status == HTTP_TOO_MANY_REQUESTS:
            raise RateLimitedError(f"{what} at {self.base_url}: too many requests (HTTP 429)")
        shown = reply.body.decode(errors="replace")[:SHOWN_CHARS]
        raise HttpStatusError(
            f"{what} at {self.base_url}: HTTP {reply.status} {shown}", reply.status
        )

    async def exchange(self, body: bytes) -> HttpReply:
        """Send a signed action to `/exchange`.

        Args:
            body: The signed envelope.

        Returns:
            The answer, whatever its status: the core reads it.

        Raises:
            UnreachableError: No connection, so nothing was sent.
            LostReplyError: No answer; the action may have been carried out.
        """
        return await self._post(self._urgent, "/exchange", body)

    async def _post(
        self, session: aiohttp.ClientSession | None, path: str, body: bytes
    ) -> HttpReply:
        if session is None:
            raise RuntimeError("HttpClient is used outside its context")
        url = self.base_url + path
        try:
            async with session.post(url, data=body) as response:
                return HttpReply(response.status, await response.read())
        except aiohttp.ClientConnectorError as error:
            raise UnreachableError(f"no connection to {url}: {error.os_error}") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise UnreachableError(f"no connection to {url} in time") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise LostReplyError(
                f"no answer from {url}: {str(error) or type(error).__name__}"
            ) from error
