"""Where receive time comes from: the paper exchange's clock, or this machine's.

Every engine deadline, nonce and expiry is in exchange time and reads a clock of this module.
Transport timeouts read the event loop's own wall time and never come here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

SECOND_NS = 1_000_000_000
# A paper exchange announces its time every 0.2 s of wall time. One that has been silent for ten
# announcements has stopped, and so has its market: time must not run away from it.
EXTRAPOLATION_NS = 2 * SECOND_NS


class Clock(Protocol):
    """Exchange time, nanoseconds since the epoch; never goes back."""

    @property
    def speed(self) -> float:
        """Exchange seconds per second of wall time."""
        ...

    def now_ns(self) -> int:
        """Exchange time now, nanoseconds since the epoch."""
        ...


class LiveClock:
    """Monotonic time anchored to the wall clock once, at the start."""

    speed = 1.0

    def __init__(
        self,
        wall: Callable[[], int] = time.time_ns,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._monotonic = monotonic
        self._anchor_ns = wall() - monotonic()

    def now_ns(self) -> int:
        """Exchange time now, nanoseconds since the epoch."""
        return self._anchor_ns + self._monotonic()


class PaperClock:
    """Announced time plus monotonic time elapsed times speed, never back.

    A machine that cannot keep up slows the market below its nominal speed. Between announcements
    the clock therefore runs at the speed seen between the last two, at most the nominal one.
    """

    def __init__(
        self,
        time_ns: int,
        speed: float,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """Start at an announcement.

        Args:
            time_ns: Announced exchange time, nanoseconds since the epoch.
            speed: Announced exchange seconds per wall second, above 0.
            monotonic: Monotonic nanoseconds; replaced in tests.
        """
        if not speed > 0:
            raise ValueError(f"speed was {speed}, expected above 0")
        self._monotonic = monotonic
        self._nominal = speed
        self._rate = speed
        self._announced_ns = time_ns
        self._heard_ns = monotonic()
        self._last_ns = time_ns
        self._first = (time_ns, self._heard_ns)

    @property
    def speed(self) -> float:
        """Nominal exchange seconds per wall second."""
        return self._nominal

    def announce(self, time_ns: int) -> None:
        """Take an announcement of the exchange's time.

        One behind the last (an exchange that fell behind and slowed its market) moves the anchor
        back; what `now_ns` returns then stands still until the market has caught up.
        """
        heard_ns = self._monotonic()
        gained, waited = time_ns - self._announced_ns, heard_ns - self._heard_ns
        if waited > 0:
            self._rate = min(self._nominal, max(gained, 0) / waited)
        self._announced_ns, self._heard_ns = time_ns, heard_ns

    def now_ns(self) -> int:
        """Exchange time now, nanoseconds since the epoch."""
        elapsed = min(self._monotonic() - self._heard_ns, EXTRAPOLATION_NS)
        self._last_ns = max(self._last_ns, self._announced_ns + int(elapsed * self._rate))
        return self._last_ns

    def speed_achieved(self) -> float | None:
        """Exchange seconds per wall second since the start; `None` until announced again."""
        first_ns, first_heard_ns = self._first
        waited = self._heard_ns - first_heard_ns
        return (self._announced_ns - first_ns) / waited if waited > 0 else None
