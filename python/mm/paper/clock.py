"""The exchange's clock: wall time turned into exchange time."""

import time


class MarketClock:
    """Exchange time = start + wall time elapsed x speed, slowed when the machine cannot keep up.

    `hold` moves its anchor back to what was really carried out, so that a machine that falls
    behind lengthens the run and skips nothing; otherwise the clock never goes back.
    """

    def __init__(self, start_ns: int, speed: float) -> None:
        """Start the clock.

        Args:
            start_ns: Exchange time now, nanoseconds since the Unix epoch.
            speed: Exchange seconds in one wall second, positive.
        """
        self.speed = speed
        self._start_ns = start_ns
        self._start_wall_ns = time.monotonic_ns()
        self._anchor_ns = start_ns
        self._anchor_wall_ns = self._start_wall_ns

    def now_ns(self) -> int:
        """Exchange time, nanoseconds since the Unix epoch."""
        wall_ns = time.monotonic_ns() - self._anchor_wall_ns
        return self._anchor_ns + int(wall_ns * self.speed)

    def hold(self, at_ns: int) -> None:
        """Continue from `at_ns`, the time really reached, and forget the backlog."""
        self._anchor_ns = at_ns
        self._anchor_wall_ns = time.monotonic_ns()

    def wall_s_until(self, at_ns: int) -> float:
        """Wall seconds until exchange time `at_ns`; zero when it has passed."""
        return max(0.0, (at_ns - self.now_ns()) / self.speed / 1e9)

    def speed_achieved(self, reached_ns: int) -> float:
        """Exchange seconds carried out per wall second since the start."""
        wall_ns = time.monotonic_ns() - self._start_wall_ns
        return (reached_ns - self._start_ns) / wall_ns if wall_ns else self.speed
