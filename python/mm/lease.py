"""The maker's right to trade: it lasts from one heartbeat for less than its watchdog's patience.

    Held --TERM_S without a beat--> Lapsed --a new beat--> Lapsed, asked --the watchdog has read it
      ^                                ^                      |             and watches: `renew`
      |                                +--TERM_S without one--+                        |
      +--------------------------------------------------------------------------------+

A process that was stopped, or whose loop is not proven healthy, cannot know who acted for it
meanwhile. What is measured is the time since *this* process last wrote a beat; the watchdog's
begins when it sees that beat, so it ends later. No two clocks are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable

TERM_S = 4.0
"""Wall seconds: less than any watchdog's patience (`LEAST_WALL_S`)."""


class Lease:
    """Of one run. Nobody needs it before the first beat: nothing is watched until then."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Begin without one.

        Args:
            monotonic: This process's time, seconds; it goes on while the process is stopped.
        """
        self._monotonic = monotonic
        self._beaten_s: float | None = None
        self._lapsed = False
        self._lapses = 0
        # The first beat since it lapsed; `None`: there was none.
        self._asked: int | None = None

    @property
    def lapsed(self) -> bool:
        """Whether the watchdog may be acting, for all we know. Stays so until `renew`."""
        self._look()
        return self._lapsed

    def count_lapses(self) -> int:
        """How often it was lost, the present moment included."""
        self._look()
        return self._lapses

    def beaten(self, number: int) -> None:
        """Take that this beat is about to be written; one that comes late renews nothing."""
        if self.lapsed and self._asked is None:
            self._asked = number
        self._beaten_s = self._monotonic()

    def renew(self, heard: int | None) -> bool:
        """Take what the watchdog says, and return whether the right is ours.

        Args:
            heard: Number of the newest beat that it had read when it said that it watches;
                `None`: it does not watch.
        """
        if self.lapsed and self._asked is not None and heard is not None and heard >= self._asked:
            self._lapsed, self._asked = False, None
        return not self._lapsed

    def renew_alone(self) -> bool:
        """The same where no watchdog runs that could act."""
        return self.renew(self._asked)

    def _look(self) -> None:
        if self._beaten_s is None or self._monotonic() - self._beaten_s <= TERM_S:
            return
        if not self._lapsed or self._asked is not None:
            self._lapses += 1
        self._lapsed, self._asked = True, None
