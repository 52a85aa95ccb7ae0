"""`scheduleCancel`: the venue cancels every order of the account when nobody renews the date.

The venue takes it from accounts that have traded $1,000,000 only, lets it fire ten times a day, and
never closes a position with it. Where it says so it is asked again an hour later; anything else
that came between, no answer or no request left, is tried again when a renewal is due.

It cancels every order of the account, a stop that rests to close a position too. Whether it is to
stand is asked anew all the time: it is taken back at once where it is not, and set again as soon as
a renewal would have been due, so that a change of mind costs no more than standing still.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

import structlog

from mm.clock import SECOND_NS, Clock
from mm.errors import RejectedError, VenueError
from mm.hyperliquid.account import check
from mm.hyperliquid.errors import HTTP_OK, LostReplyError
from mm.hyperliquid.gateway import Gateway
from mm.hyperliquid.nonces import MILLISECOND_NS

log = structlog.get_logger(__name__)

LIFE_S = 60.0
"""Exchange seconds from a renewal to the cancel."""
LIFE_WALL_S = 6.0
"""The same in wall seconds, at least."""
RENEWALS = 3
"""Renewals in a life: two of them may be lost."""
AGAIN_S = 5.0
"""Exchange seconds after which taking it back is tried again."""
REFUSED_S = 3_600.0
"""Exchange seconds after which it is asked for again where the venue refused it."""
ABOUT_IT = "cheduled cancel"
"""In the venue's words where it refuses a date, not a request."""
LOOK_S = 0.1
"""Wall seconds between two looks at whether it is to stand."""

DateState = Literal["stands", "taken_back", "refused", "lapsed"]
"""Lapsed: it is to stand, and no renewal came through for the length of its life."""


class ScheduledCancel:
    """Keeps the date ahead for as long as it is to stand and the loop is proven healthy."""

    def __init__(
        self,
        gateway: Gateway,
        clock: Clock,
        healthy: Callable[[], bool],
        wanted: Callable[[], bool],
    ) -> None:
        """Prepare, without asking.

        Args:
            gateway: Signs.
            clock: Exchange time.
            healthy: Whether the loop is proven healthy now.
            wanted: Whether it is to stand now.
        """
        self._gateway = gateway
        self._clock = clock
        self._healthy = healthy
        self._wanted = wanted
        self._lock = asyncio.Lock()
        self.life_s = max(LIFE_S, LIFE_WALL_S * clock.speed)
        self.refused: str | None = None
        self._set = False
        self._ended = False
        # The date, when it may be renewed, and when taking it back may be tried again.
        self._at_ns = 0
        self._due_ns = 0
        self._back_ns = 0

    @property
    def state(self) -> DateState:
        """What stands at the venue, as far as it answered."""
        if self.refused is not None:
            return "refused"
        if not self._set:
            return "taken_back"
        return "stands" if self._clock.now_ns() < self._at_ns else "lapsed"

    async def begin(self) -> None:
        """Ask for the first date."""
        async with self._lock:
            await self._renew()

    async def run(self) -> None:
        """Keep it until cancelled."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.tend()

    async def tend(self) -> None:
        """Take it back, renew it or leave it."""
        async with self._lock:
            now_ns = self._clock.now_ns()
            if self._ended:
                return
            if not self._wanted():
                if self._set and now_ns >= self._back_ns:
                    await self._take_back()
            elif now_ns >= self._due_ns and self._healthy():
                await self._renew()

    async def end(self) -> None:
        """For good: there is nothing left that it should cancel, and it would use up a firing."""
        async with self._lock:
            self._ended = True
            if self._set:
                await self._take_back()

    async def _take_back(self) -> None:
        self._back_ns = self._clock.now_ns() + int(AGAIN_S * SECOND_NS)
        try:
            await self._ask({"type": "scheduleCancel"})
            self._set = False
        except VenueError as error:
            log.warning("schedule_cancel_not_taken_back", why=str(error))

    async def _renew(self) -> None:
        now_ns, life_ns = self._clock.now_ns(), int(self.life_s * SECOND_NS)
        self._due_ns = now_ns + life_ns // RENEWALS
        at_ms = (now_ns + life_ns) // MILLISECOND_NS
        stood, self._set = self._set, True
        try:
            await self._ask({"type": "scheduleCancel", "time": at_ms})
        except RejectedError as error:
            self._set = stood
            self._on_refusal(str(error))
        except VenueError as error:
            # It may stand all the same.
            log.warning("schedule_cancel_not_renewed", why=str(error))
        else:
            self._at_ns, self.refused = at_ms * MILLISECOND_NS, None

    def _on_refusal(self, why: str) -> None:
        if ABOUT_IT not in why:
            log.warning("schedule_cancel_not_renewed", why=why)
            return
        self._due_ns = self._clock.now_ns() + int(REFUSED_S * SECOND_NS)
        if why != self.refused:
            log.info("schedule_cancel_not_available", why=why)
        self.refused = why

    async def _ask(self, action: dict[str, object]) -> None:
        reply = await self._gateway.request(action)
        if reply.status != HTTP_OK:
            # Nothing that the venue itself said of the date.
            raise LostReplyError(f"scheduleCancel: HTTP {reply.status}")
        check(reply, "scheduleCancel")
