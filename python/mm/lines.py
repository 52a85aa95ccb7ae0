"""What happens when a line is lost: notice, wait, resynchronise, or give up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import structlog

from mm.errors import VenueError
from mm.hyperliquid.streams import Stream
from mm.waiting import until

log = structlog.get_logger(__name__)

LOOK_S = 0.1
STILL_S = 4.0
"""Wall seconds between two looks after which this process counts as having stood still: less than
any watchdog's patience."""


class GoneError(VenueError):
    """The venue did not come back, or what came back is not what we were connected to."""


class Lines:
    """Watches the streams of one session."""

    def __init__(
        self,
        streams: Sequence[Stream],
        resync: Callable[[], Awaitable[None]],
        *,
        bound_s: float,
        where: str,
    ) -> None:
        """Watch.

        Args:
            streams: All of them have been up once.
            resync: Fills the gap; raises `GoneError` when that is impossible for good.
            bound_s: Longest time without a stream, wall seconds.
            where: The venue, for messages.
        """
        self._streams = streams
        self._resync = resync
        self._bound_s = bound_s
        self._where = where
        self._doubt: str | None = None
        self._looked_s = time.monotonic()

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
        """A process that was stopped does not know who acted for it meanwhile."""
        now_s = time.monotonic()
        still_s, self._looked_s = now_s - self._looked_s, now_s
        if still_s > STILL_S:
            log.warning("process_stood_still", for_s=round(still_s, 1))
            self._doubt = f"this process stood still for {still_s:.1f} s"
        return self._doubt is not None or not self._all_up()

    def _all_up(self) -> bool:
        return all(stream.up for stream in self._streams)

    async def _bring_back(self) -> None:
        lost = ", ".join(stream.name for stream in self._streams if not stream.up)
        trouble = f"the {lost} stream is down" if lost else str(self._doubt)
        if self._doubt is not None:
            for stream in self._streams:
                stream.withdraw()
        self._doubt = None
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
                    break
        except TimeoutError:
            raise GoneError(
                f"{self._where} did not come back within {self._bound_s:g} s: {trouble}"
            ) from None
        self._looked_s = time.monotonic()
        for stream in self._streams:
            stream.announce()
        log.info("reconnected", lost=lost or trouble)
