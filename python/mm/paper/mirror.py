"""A paper exchange whose market is a venue's live public data: where it comes from, carried in."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import structlog

from mm._core import PaperExchange
from mm.errors import ConfigError, EventError, VenueError
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.meta import load_listing
from mm.hyperliquid.networks import BASE_URLS
from mm.hyperliquid.socket import BOOKKEEPING, Socket
from mm.hyperliquid.streams import market_subscriptions
from mm.waiting import until

log = structlog.get_logger(__name__)

MIRROR = "mirror"
FIRST_BOOK_S = 15.0
"""Wall seconds for the first book."""

HISTORY = frozenset({"candleSnapshot", "fundingHistory"})
"""Queries about the market's past, which only the venue itself knows."""


def source_url(market: str) -> str | None:
    """Base URL of what a market mirrors.

    Args:
        market: `mirror` (of mainnet), `mirror:testnet`, `mirror:URL`, or another market.

    Returns:
        The URL; `None` where the market is no mirror.

    Raises:
        ConfigError: It mirrors something that is neither a network nor a URL.
    """
    kind, _, source = market.partition(":")
    if kind != MIRROR:
        return None
    url = BASE_URLS.get(source or "mainnet", source)
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"market was {market!r}, expected mirror, mirror:testnet or mirror:URL")
    return url.rstrip("/")


@dataclass(frozen=True, slots=True)
class Source:
    """What is mirrored.

    Attributes:
        url: Of the venue.
        coin: The perp.
        meta: The venue's listing of it alone, JSON.
    """

    url: str
    coin: str
    meta: str

    def market(self, bound: Literal["pessimistic", "prorata", "optimistic"]) -> dict[str, object]:
        """The market that the core opens for it."""
        return {"kind": MIRROR, "coin": self.coin, "meta": self.meta, "bound": bound}


async def find(url: str, coin: str) -> Source:
    """Look a coin up where it is to be mirrored from.

    Raises:
        ConfigError: It is not listed there.
        VenueError: No answer.
    """
    async with HttpClient(url) as http:
        return Source(url, coin, json.dumps(await load_listing(http, coin)))


class Mirror:
    """Carries the public frames of one coin into an exchange, for as long as it serves."""

    def __init__(self, exchange: PaperExchange, source: Source) -> None:
        """Prepare, without connecting.

        Args:
            exchange: Its market is `source.market`.
            source: What is mirrored.
        """
        self._exchange = exchange
        self._source = source
        self._has_book = False
        self._http = HttpClient(source.url)
        self._socket = Socket(
            f"ws{source.url.removeprefix('http')}/ws",
            MIRROR,
            market_subscriptions(source.coin),
            on_frame=self._take,
            on_state=self._change,
        )

    @contextlib.asynccontextmanager
    async def carrying(self) -> AsyncIterator[None]:
        """Carry for the length of an `async with` block, which begins with the first book.

        Raises:
            VenueError: None came in time.
        """
        task = asyncio.create_task(self._socket.run())
        try:
            async with self._http:
                await self._first_book()
                yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _first_book(self) -> None:
        try:
            async with asyncio.timeout(FIRST_BOOK_S):
                await until(lambda: self._has_book)
        except TimeoutError:
            raise VenueError(
                f"no book of {self._source.coin} from {self._source.url}"
                f" in {FIRST_BOOK_S:g} s: nothing to mirror"
            ) from None

    async def history(self, body: bytes) -> bytes | None:
        """The venue's own answer to a query about the market's past.

        Args:
            body: Of a query to `/info`.

        Returns:
            The answer; `None` where the paper exchange itself has to answer.

        Raises:
            VenueError: The venue does not answer.
        """
        try:
            query = json.loads(body)
        except (ValueError, RecursionError):
            return None
        if not isinstance(query, dict) or query.get("type") not in HISTORY:
            return None
        return await self._http.info(query)

    def _take(self, channel: str, frame: bytes) -> None:
        if channel in BOOKKEEPING:
            return
        try:
            self._exchange.hear(frame)
        except EventError as error:
            log.warning("mirrored_frame_refused", channel=channel, why=str(error))
            return
        self._has_book = self._has_book or channel == "l2Book"

    def _change(self, up: bool) -> None:
        if not up:
            log.warning("mirror_lost", source=self._source.url)
            self._exchange.feed_lost()
