"""The venue's weight limit per IP address: 1,200 a minute over all REST requests.

Time is exchange time, like the venue's own minute. What reduces risk is never delayed: it may
drive the balance below zero, and the rest then waits.
"""

from __future__ import annotations

import asyncio

from mm.clock import SECOND_NS, Clock

WEIGHT_PER_MINUTE = 1_200
MINUTE_NS = 60 * SECOND_NS
# Kept for cancels, reducing orders and the queries that verify them.
SAFETY_WEIGHT = 200

LIGHT = frozenset(
    {"l2Book", "allMids", "clearinghouseState", "orderStatus", "spotClearinghouseState"}
    | {"exchangeStatus"}
)
LIGHT_WEIGHT = 2
HEAVY = frozenset({"userRole"})
HEAVY_WEIGHT = 60
QUERY_WEIGHT = 20
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


class Pacer:
    """A bucket of weight that refills over a minute of exchange time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._left = float(WEIGHT_PER_MINUTE)
        self._filled_ns = clock.now_ns()

    @property
    def left(self) -> float:
        """Weight that could be spent now, the safety reserve included."""
        now = self._clock.now_ns()
        gained = (now - self._filled_ns) * WEIGHT_PER_MINUTE / MINUTE_NS
        self._left = min(float(WEIGHT_PER_MINUTE), self._left + gained)
        self._filled_ns = now
        return self._left

    def spend(self, weight: int) -> None:
        """Spend at once: for actions of the engine and for whatever reduces risk."""
        self._left = self.left - weight

    async def wait(self, weight: int) -> None:
        """Spend as soon as it leaves the safety reserve whole: for routine queries."""
        while (short := weight + SAFETY_WEIGHT - self.left) > 0:
            refill_s = short * 60 / WEIGHT_PER_MINUTE / self._clock.speed
            await asyncio.sleep(max(refill_s, 0.001))
        self.spend(weight)
