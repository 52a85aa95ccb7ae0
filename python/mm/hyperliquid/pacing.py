"""The venue's weight limit per IP address: 1,200 a minute over all REST requests.

The maker and its watchdog share one address, so each has its share of them. Time is exchange time,
like the venue's own minute. What reduces risk is never delayed: it may drive the balance below
zero, and the rest then waits.
"""

from __future__ import annotations

import asyncio
import json

from mm.clock import SECOND_NS, Clock

WEIGHT_PER_MINUTE = 1_200
MINUTE_NS = 60 * SECOND_NS
# Kept for cancels, reducing orders and the queries that verify them; a third of a small share.
SAFETY_WEIGHT = 200
SAFETY_SHARE = 3
# Exchange seconds before an urgent query that was too much is asked again: enough for a light one.
PAUSE_S = 1.0

LIGHT = frozenset(
    {"l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState"}
    | {"exchangeStatus"}
)
LIGHT_WEIGHT = 2
HEAVY = frozenset({"userRole"})
HEAVY_WEIGHT = 60
QUERY_WEIGHT = 20
# Queries that cost one more for so many rows of their answer.
ROWS_PER_WEIGHT = dict.fromkeys(
    (
        "recentTrades",
        "historicalOrders",
        "userFills",
        "userFillsByTime",
        "fundingHistory",
        "userFunding",
        "userNonFundingLedgerUpdates",
        "userTwapSliceFills",
    ),
    20,
) | {"candleSnapshot": 60}
# Requests of the paper exchange's own; the venue has no such thing and no weight for it.
FREE = frozenset({"paperClock", "paperReport"})


def query_weight(kind: str) -> int:
    """Weight of an `/info` request of this type."""
    if kind in FREE:
        return 0
    if kind in LIGHT:
        return LIGHT_WEIGHT
    return HEAVY_WEIGHT if kind in HEAVY else QUERY_WEIGHT


def action_weight(items: int) -> int:
    """Weight of an `/exchange` action with this many items."""
    return 1 + items // 40


def rows_weight(kind: str, answer: bytes) -> int:
    """What the rows of an answer cost on top of its query."""
    per = ROWS_PER_WEIGHT.get(kind)
    if per is None:
        return 0
    try:
        rows = json.loads(answer)
    except (ValueError, RecursionError):
        # Whoever asked will find that it cannot be read.
        return 0
    return len(rows) // per if isinstance(rows, list) else 0


class Pacer:
    """A bucket of weight that refills over a minute of exchange time."""

    def __init__(self, clock: Clock, weight: int = WEIGHT_PER_MINUTE) -> None:
        """Begin with a full minute.

        Args:
            clock: Exchange time.
            weight: A minute, of the address's `WEIGHT_PER_MINUTE`.
        """
        self._clock = clock
        self._weight = float(weight)
        self._safety = min(SAFETY_WEIGHT, weight // SAFETY_SHARE)
        self._left = self._weight
        self._filled_ns = clock.now_ns()

    @property
    def left(self) -> float:
        """Weight that could be spent now, the safety reserve included."""
        now = self._clock.now_ns()
        gained = (now - self._filled_ns) * self._weight / MINUTE_NS
        self._left = min(self._weight, self._left + gained)
        self._filled_ns = now
        return self._left

    def spend(self, weight: int) -> None:
        """Spend at once: for actions of the engine and for whatever reduces risk."""
        self._left = self.left - weight

    def exhaust(self) -> None:
        """The venue said that it was too much (HTTP 429): others on the address spent the rest."""
        self._left = min(self.left, 0.0)

    async def pause(self) -> None:
        """Wait before something urgent that was too much is asked again."""
        await asyncio.sleep(PAUSE_S / self._clock.speed)

    async def wait(self, weight: int) -> None:
        """Spend as soon as it leaves the safety reserve whole: for routine queries."""
        while (short := weight + self._safety - self.left) > 0:
            refill_s = short * 60 / self._weight / self._clock.speed
            await asyncio.sleep(max(refill_s, 0.001))
        self.spend(weight)
