"""`scheduleCancel`: the venue cancels every order of the account when nobody renews the date.

The venue takes it from accounts that have traded $1,000,000 only, lets it fire ten times a day, and
never closes a position with it. A refusal is final for the run: it is asked for once.

It cancels every order of the account, a stop that rests to close a position too. So while one does
the date is taken back, and set again when none does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from mm.clock import SECOND_NS, Clock
from mm.errors import VenueError
from mm.hyperliquid.account import check
from mm.hyperliquid.gateway import Gateway
from mm.hyperliquid.nonces import MILLISECOND_NS

log = structlog.get_logger(__name__)

LIFE_S = 60.0
"""Exchange seconds from a renewal to the cancel."""
LIFE_WALL_S = 6.0
"""The same in wall seconds, at least."""
RENEWALS = 3
"""Renewals in a life: two of them may be lost."""


class ScheduledCancel:
    """Keeps the date ahead for as long as the loop is proven healthy."""

    def __init__(
        self,
        gateway: Gateway,
        clock: Clock,
        healthy: Callable[[], bool],
        stop_rests: Callable[[], bool],
    ) -> None:
        """Prepare, without asking.

        Args:
            gateway: Signs.
            clock: Exchange time.
            healthy: Whether the loop is proven healthy now.
            stop_rests: Whether a stop rests that the date would take away.
        """
        self._gateway = gateway
        self._clock = clock
        self._healthy = healthy
        self._stop_rests = stop_rests
        self._news = asyncio.Event()
        self._life_s = max(LIFE_S, LIFE_WALL_S * clock.speed)
        self.refused: str | None = None
        self._set = False

    async def begin(self) -> bool:
        """Ask for the first date; returns whether the venue takes it."""
        try:
            await self._renew()
        except VenueError as error:
            self.refused = str(error)
            log.info("schedule_cancel_not_available", why=self.refused)
            return False
        return True

    async def run(self) -> None:
        """Renew until cancelled; does nothing where it was refused."""
        if self.refused is not None:
            return
        while True:
            await self._wait()
            if self._stop_rests():
                await self.end()
                continue
            if not self._healthy():
                continue
            try:
                await self._renew()
            except VenueError as error:
                log.warning("schedule_cancel_not_renewed", why=str(error))

    def look(self) -> None:
        """A stop began or ceased to rest: what is to be done about the date is done at once."""
        self._news.set()

    async def _wait(self) -> None:
        """Until the next renewal is due, or a stop came or went."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._life_s / RENEWALS / self._clock.speed):
                await self._news.wait()
        self._news.clear()

    async def end(self) -> None:
        """Take the date back, so that an orderly end does not use up one of the day's firings."""
        if not self._set:
            return
        try:
            check(await self._gateway.request({"type": "scheduleCancel"}), "scheduleCancel")
            self._set = False
        except VenueError as error:
            log.warning("schedule_cancel_not_taken_back", why=str(error))

    async def _renew(self) -> None:
        at_ms = (self._clock.now_ns() + int(self._life_s * SECOND_NS)) // MILLISECOND_NS
        action: dict[str, object] = {"type": "scheduleCancel", "time": at_ms}
        check(await self._gateway.request(action), "scheduleCancel")
        self._set = True
