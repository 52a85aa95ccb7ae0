"""The market's past, from which the core takes the limit's floor and prior of volatility."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

from mm.clock import Clock
from mm.hyperliquid.account import Account
from mm.hyperliquid.nonces import MILLISECOND_NS

KIND: Final = "candleSnapshot"
HOUR_MS = 3_600_000
# Interval and span: minutes of a day for the floor (and, at the start, for the running estimates),
# and 30 days for the prior. Quarter hours, as one return says little of its hour. Rows: 1,440
# and 2,880 rows, where an answer has 5,000 at most.
LISTS = (("1m", 24 * HOUR_MS), ("15m", 30 * 24 * HOUR_MS))


async def history(account: Account, clock: Clock) -> AsyncIterator[bytes]:
    """Ask for each list of candles up to now.

    Args:
        account: Asks for its coin, within the address's weight.
        clock: Exchange time.

    Yields:
        Each answer, unread.

    Raises:
        VenueError: No answer, or an error.
    """
    for interval, span_ms in LISTS:
        now_ms = clock.now_ns() // MILLISECOND_NS
        yield await account.candles(interval, now_ms - span_ms, now_ms)
