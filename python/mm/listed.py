"""Whether the venue still lists the coins, asked when a book has been nothing to quote from.

A delisting cancels our orders, settles the position and leaves a feed that goes on with an empty
book: nothing else would end the run. One of several coins takes itself out and nothing more: the
others are quoted on, and the run ends with the last of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

import structlog

from mm.clock import SECOND_NS
from mm.errors import ConfigError, VenueError
from mm.hyperliquid.meta import load_listing

if TYPE_CHECKING:
    from mm.desk import Desk
    from mm.shared import Shared

log = structlog.get_logger(__name__)

DOUBT_S = 30.0
"""Exchange seconds without a market before the venue is asked, and between two such questions."""
LOOK_S = 5.0
"""Exchange seconds between two looks."""


class Listed:
    """The coins of a run that the venue lists, as far as it was asked."""

    def __init__(self, desks: Iterable[Desk], shared: Shared) -> None:
        """All of them, for they were looked up at the start."""
        self._desks = {desk.coin: desk for desk in desks}
        self._shared = shared

    async def watch(self, coin: str) -> None:
        """Watch one coin until cancelled.

        Raises:
            VenueError: It is no longer listed, and no other coin is left.
        """
        desk, clock = self._desks[coin], self._shared.clock
        known_ns = clock.now_ns()
        while coin in self._desks:
            await asyncio.sleep(LOOK_S / clock.speed)
            now_ns = clock.now_ns()
            if desk.engine.snapshot()["not_quoting"] != "market_stale":
                known_ns = now_ns
            elif now_ns - known_ns >= DOUBT_S * SECOND_NS:
                known_ns = now_ns
                await self._ask(coin)
        await asyncio.Event().wait()

    async def _ask(self, coin: str) -> None:
        """Ask once; a venue that does not answer is asked again later."""
        try:
            await load_listing(self._shared.http, coin)
        except ConfigError as error:
            del self._desks[coin]
            what = f"{error}: it has cancelled our orders there and settled what was held"
            if not self._desks:
                raise VenueError(what) from error
            log.error("coin_delisted", coin=coin, why=what, quoted_on=", ".join(self._desks))
        except VenueError as error:
            log.warning("listing_not_told", why=str(error))
