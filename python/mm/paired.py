"""Two series of the same minutes, compared: a difference with its interval, by a block bootstrap.

Minutes are drawn in circular blocks, both series together, so that what one market did to both
cancels, and what lasts a few minutes stays in one piece. The draws are seeded: the same numbers
every time.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

Json = Any  # whatever JSON holds

BLOCK = 5
DRAWS = 4_000
TAIL = 0.025
DETECTABLE_SES = 2.8
"""A true difference of so many standard errors is told from none in four cases of five."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate.

    Attributes:
        value: Of the series as they are.
        low: Lower end of the 95 % interval.
        high: Upper end of it.
        detectable: The least true value that this much data would mostly tell from zero.
    """

    value: float
    low: float
    high: float
    detectable: float


def interval_of(
    minutes: int, statistic: Callable[[Sequence[int]], float], block: int = BLOCK
) -> Interval:
    """The interval of a statistic of minutes.

    Args:
        minutes: How many there are, at least one.
        statistic: From the numbers of the minutes drawn, each as often as it was; NaN: they have
            none, which all the minutes must not be.
        block: Minutes that are drawn together.

    Returns:
        With the percentiles of those draws that have the statistic.
    """
    dice = random.Random(0)
    drawn = []
    for _ in range(DRAWS):
        starts = [dice.randrange(minutes) for _ in range(math.ceil(minutes / block))]
        picked = [(start + by) % minutes for start in starts for by in range(block)]
        drawn.append(statistic(picked[:minutes]))
    drawn = sorted(value for value in drawn if math.isfinite(value))
    at = math.floor(TAIL * len(drawn))
    return Interval(
        value=statistic(range(minutes)),
        low=drawn[at],
        high=drawn[-1 - at],
        detectable=DETECTABLE_SES * statistics.pstdev(drawn),
    )


def each(minutes: Sequence[Mapping[str, Json]], what: str) -> list[float]:
    """What each minute brought, from where the pass stood at the end of each.

    Args:
        minutes: As the core tells of them.
        what: The sum.
    """
    stood = [0.0, *(float(minute[what]) for minute in minutes)]
    return [now - before for before, now in pairwise(stood)]


def summed(series: Sequence[Sequence[float]], over: int = 1) -> list[float]:
    """The sums of several series, minute by minute, divided by `over`.

    Args:
        series: What is longer than the shortest is cut.
        over: How many lives one market had.
    """
    minutes = min(map(len, series))
    columns = zip(*(one[:minutes] for one in series), strict=True)
    return [sum(column) / over for column in columns]


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Ours less theirs, summed over the minutes of both.

    Args:
        ours: What each minute brought.
        theirs: The same of the other.
    """
    each = [mine - other for mine, other in zip(ours, theirs, strict=True)]
    return interval_of(len(each), lambda picked: sum(each[at] for at in picked))


def rate_difference(
    ours: tuple[Sequence[float], Sequence[float]], theirs: tuple[Sequence[float], Sequence[float]]
) -> Interval | None:
    """Ours less theirs, each a sum over another sum of the same minutes.

    Args:
        ours: Numerator and denominator of each minute.
        theirs: The same of the other.

    Returns:
        `None` where one of them has nothing to divide by.
    """

    def rate(series: tuple[Sequence[float], Sequence[float]], picked: Sequence[int]) -> float:
        above, below = (sum(part[at] for at in picked) for part in series)
        return above / below if below else math.nan

    if not sum(ours[1]) or not sum(theirs[1]):
        return None
    return interval_of(len(ours[0]), lambda picked: rate(ours, picked) - rate(theirs, picked))
