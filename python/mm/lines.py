"""What happens when a line is lost: notice, wait, resynchronise, or give up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from mm.errors import VenueError
from mm.hyperliquid.streams import Stream
from mm.lease import Lease
from mm.waiting import until

log = structlog.get_logger(__name__)

LOOK_S = 0.1


class GoneError(VenueError):
    """The venue did not come back, or what came back is not what we were connected to."""


class Lines:
    """Watches the streams of one session."""

    def __init__(
        self,
        streams: Sequence[Stream],
        resync: Callable[[], Awaitable[None]],
        alone: Callable[[], Awaitable[None]],
        *,
        lease: Lease,
        bound_s: float | None,
        where: str,
    ) -> None:
        """Watch.

        Args:
            streams: All of them have been up once.
            resync: Fills the gap; raises `GoneError` when that is impossible for good.
            alone: Returns when the lease is ours again: nobody acts for us any more.
            lease: Our right to trade; lost lines or none, nothing is announced without it.
            bound_s: Longest time without a stream, wall seconds; `None`: any.
            where: The venue, for messages.
        """
        self._streams = streams
        self._resync = resync
        self._alone = alone
        self._lease = lease
        self._bound_s = bound_s
        self._where = where
        self._doubt: str | None = None

    async def run(self) -> None:
        """Watch until cancelled.

        Raises:
            GoneError: The venue is gone for good.
        """
        while True:
            await until(self._is_in_doubt, LOOK_S)
            await self._bring_back()

    def doubt(self, why: str) -> None:
        """Resynchronise although no line was lost: what we know may not be true any more."""
        self._doubt = why

    def _is_in_doubt(self) -> bool:
        if self._lease.lapsed:
            self._doubt = "the heartbeat stood still for longer than a watchdog may wait"
        # One that was lost and came back between two looks is up, and not announced.
        return self._doubt is not None or not all(stream.announced for stream in self._streams)

    def _all_up(self) -> bool:
        return all(stream.up for stream in self._streams)

    async def _bring_back(self) -> None:
        lost = ", ".join(stream.name for stream in self._streams if not stream.announced)
        trouble = f"the {lost} stream is down" if self._doubt is None else self._doubt
        if self._doubt is not None:
            for stream in self._streams:
                stream.withdraw()
        self._doubt = None
        # What was found while somebody else could act is found again.
        while True:
            await self._alone()
            await self._synchronise(trouble)
            if not self._lease.lapsed:
                break
        for stream in self._streams:
            stream.announce()
        log.info("reconnected", lost=lost or trouble)

    async def _synchronise(self, trouble: str) -> None:
        """Wait for the lines, and fill the gap."""
        try:
            async with asyncio.timeout(self._bound_s):
                while True:
                    await until(self._all_up, LOOK_S)
                    try:
                        await self._resync()
                    except GoneError:
                        raise
                    except VenueError as error:
                        trouble = str(error)
                        await asyncio.sleep(LOOK_S)
                        continue
                    return
        except TimeoutError:
            if self._bound_s is None:
                raise
            raise GoneError(
                f"{self._where} did not come back within {self._bound_s:g} s: {trouble}"
            ) from None
