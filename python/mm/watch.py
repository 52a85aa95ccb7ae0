"""What keeps a session's knowledge fresh: polls, and the snapshots that fill a gap."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from mm.clock import Clock
from mm.errors import VenueError
from mm.hyperliquid.account import Account
from mm.inbox import Inbox, Info

log = structlog.get_logger(__name__)

# Wall seconds between two polls of one kind, at least: at high speed the machine sets the pace.
FASTEST_POLL_S = 0.2
# What a lost line may have hidden, in the order in which the engine should hear it.
AFTER_RECONNECT = ("userFills", "frontendOpenOrders", "clearinghouseState", "activeAssetData")


@dataclass(frozen=True, slots=True)
class Poll:
    """A query asked again and again.

    Attributes:
        kind: Its type.
        every_s: Exchange seconds between two.
    """

    kind: str
    every_s: float


# The user stream pushes these on change; polls prove them when nothing changes, and are the
# checks of the reconciler (10 s) and of the safety sweep (60 s).
POLLS = (
    Poll("clearinghouseState", 10.0),
    Poll("activeAssetData", 30.0),
    Poll("frontendOpenOrders", 60.0),
    Poll("userRateLimit", 60.0),
)


class Watch:
    """Asks on its beats, and at once when told that something must be looked at."""

    def __init__(self, account: Account, clock: Clock, inbox: Inbox) -> None:
        self._account = account
        self._clock = clock
        self._inbox = inbox
        self._look = asyncio.Event()
        self._failing: set[str] = set()

    def look(self) -> None:
        """Query orders and fills soon: the fate of an action has just become knowable."""
        self._look.set()

    async def run(self) -> None:
        """Poll until cancelled. A query that fails is tried again on its next beat."""
        async with asyncio.TaskGroup() as group:
            for poll in POLLS:
                group.create_task(self._poll(poll))
            group.create_task(self._looks())

    async def fill_gap(self) -> None:
        """After a lost line: hear from snapshots what it may have hidden.

        Raises:
            VenueError: The venue does not answer.
        """
        for kind in AFTER_RECONNECT:
            await self._ask(kind)
        log.info("resynchronised", coin=self._account.coin)

    async def _poll(self, poll: Poll) -> None:
        while True:
            await asyncio.sleep(max(poll.every_s / self._clock.speed, FASTEST_POLL_S))
            await self._try(poll.kind)

    async def _looks(self) -> None:
        while True:
            await self._look.wait()
            self._look.clear()
            for kind in ("userFills", "frontendOpenOrders"):
                await self._try(kind)

    async def _try(self, kind: str) -> None:
        try:
            await self._ask(kind)
        except VenueError as error:
            # Said once an outage: a venue that is gone is asked many times a second at high speed.
            say = log.debug if kind in self._failing else log.warning
            self._failing.add(kind)
            say("query_failed", kind=kind, why=str(error))

    async def _ask(self, kind: str) -> None:
        body = await self._account.ask(kind)
        self._failing.discard(kind)
        self._inbox.put(Info(self._clock.now_ns(), kind, body))
