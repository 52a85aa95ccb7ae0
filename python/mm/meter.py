"""How long things take: the core, from a frame's arrival to signed bytes, until an answer."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import accumulate

NS_PER_US = 1_000
NS_PER_S = 1_000_000_000
# Durations remembered of each kind, so that a long run takes no more memory than a short one.
REMEMBERED = 10_000
BOUNDS_NS = tuple(
    int(step * NS_PER_US * decade)
    for decade in (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
    for step in (1, 2, 5)
)
"""Upper bounds of the buckets, 1 us to 5 s."""


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


class Durations:
    """Durations of one kind: the last ones as they were, all of them counted in buckets."""

    __slots__ = ("_buckets", "_last", "total_ns")

    def __init__(self) -> None:
        self._last: deque[int] = deque(maxlen=REMEMBERED)
        self._buckets = [0] * (len(BOUNDS_NS) + 1)
        # Sum of every duration ever added, nanoseconds.
        self.total_ns = 0

    def append(self, duration_ns: int) -> None:
        """Add one."""
        self._last.append(duration_ns)
        self._buckets[bisect_left(BOUNDS_NS, duration_ns)] += 1
        self.total_ns += duration_ns

    def buckets(self) -> list[tuple[float, int]]:
        """How many took at most so long: (seconds, count), rising; the last is (inf, all)."""
        bounds = [bound / NS_PER_S for bound in BOUNDS_NS]
        return list(zip([*bounds, float("inf")], accumulate(self._buckets), strict=True))

    def __iter__(self) -> Iterator[int]:
        return iter(self._last)

    def __len__(self) -> int:
        return len(self._last)

    def __contains__(self, duration_ns: object) -> bool:
        return duration_ns in self._last


@dataclass(slots=True)
class Meter:
    """Durations of each step, of each action that a frame led to, and of each answer.

    Beside them, how often the engine raised each kind of alarm, and by which line actions went.
    """

    step_ns: Durations = field(default_factory=Durations)
    tick_to_bytes_ns: Durations = field(default_factory=Durations)
    ack_ns: Durations = field(default_factory=Durations)
    alarms: Counter[str] = field(default_factory=Counter)
    carried: Counter[str] = field(default_factory=Counter)

    def latency_us(self) -> dict[str, float | None]:
        """The summary's `latency_us`."""
        return {
            "step_p50": percentile_us(self.step_ns, 0.5),
            "step_p99": percentile_us(self.step_ns, 0.99),
            "tick_to_bytes_p50": percentile_us(self.tick_to_bytes_ns, 0.5),
            "tick_to_bytes_p99": percentile_us(self.tick_to_bytes_ns, 0.99),
            "ack_p50": percentile_us(self.ack_ns, 0.5),
            "ack_p99": percentile_us(self.ack_ns, 0.99),
        }
