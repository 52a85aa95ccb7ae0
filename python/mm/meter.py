"""How long the core takes, and how long from a frame's arrival to signed bytes."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

NS_PER_US = 1_000
# Durations remembered of each kind, so that a long run takes no more memory than a short one.
REMEMBERED = 100_000


def percentile_us(samples_ns: Collection[int], share: float) -> float | None:
    """A percentile by nearest rank.

    Args:
        samples_ns: Durations in nanoseconds, in any order.
        share: 0.5 for the median, 0.99 for the 99th percentile.

    Returns:
        Microseconds to a tenth; `None` without samples.
    """
    if not samples_ns:
        return None
    ordered = sorted(samples_ns)
    rank = min(len(ordered) - 1, int(share * len(ordered)))
    return round(ordered[rank] / NS_PER_US, 1)


@dataclass(slots=True)
class Meter:
    """The last durations in nanoseconds, of each step and of each action that a frame led to."""

    step_ns: deque[int] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    tick_to_bytes_ns: deque[int] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def latency_us(self) -> dict[str, float | None]:
        """The summary's `latency_us`."""
        return {
            "step_p50": percentile_us(self.step_ns, 0.5),
            "step_p99": percentile_us(self.step_ns, 0.99),
            "tick_to_bytes_p50": percentile_us(self.tick_to_bytes_ns, 0.5),
            "tick_to_bytes_p99": percentile_us(self.tick_to_bytes_ns, 0.99),
        }
