"""Whether the venue still lists the coin, asked when its book has been nothing to quote from.

A delisting cancels our orders, settles the position and leaves a feed that goes on with an empty
book: nothing else would end the run.
"""

from __future__ import annotations

import asyncio
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


async def end_when_delisted(desk: Desk, shared: Shared) -> None:
    """Watch one coin until cancelled.

    Raises:
        VenueError: The coin is no longer listed.
    """
    clock = shared.clock
    known_ns = clock.now_ns()
    while True:
        await asyncio.sleep(LOOK_S / clock.speed)
        now_ns = clock.now_ns()
        if desk.engine.snapshot()["not_quoting"] != "market_stale":
            known_ns = now_ns
        elif now_ns - known_ns >= DOUBT_S * SECOND_NS:
            known_ns = now_ns
            await _ask(desk, shared)


async def _ask(desk: Desk, shared: Shared) -> None:
    """Ask once; a venue that does not answer is asked again later."""
    try:
        await load_listing(shared.http, desk.coin)
    except ConfigError as error:
        raise VenueError(
            f"{error}: it has cancelled our orders there and settled what was held"
        ) from error
    except VenueError as error:
        log.warning("listing_not_told", why=str(error))
