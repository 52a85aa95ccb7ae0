"""A mean difference of scores with its interval: the test of Diebold and Mariano (1995).

The scores of a minute are summed, and the long-run variance of these sums is the mean of their
first `B` squared cosine transforms; the mean over its error is then Student's t of `B` degrees of
freedom, with `B = 0.4 T^(2/3)` of `T` minutes (Lazarus, Lewis, Stock and Watson 2018). Newey and
West's error with a normal quantile finds far too many differences in half an hour.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mm.student import quantile

UPPER = 0.975
"""Of a value, the upper end of its 95 % interval."""
MINUTES_MIN = 10
"""Fewer minutes in which something was counted say nothing."""

Verdict = Literal["gains", "loses", "cannot be told"]


@dataclass(frozen=True, slots=True)
class Series:
    """What single observations brought.

    Attributes:
        minutes: Of each: whole minutes since the epoch, shape (n,).
        values: What is summed, shape (n,).
        counts: What that is divided by, shape (n,).
    """

    minutes: NDArray[np.int64]
    values: NDArray[np.float64]
    counts: NDArray[np.float64]

    def scaled(self, by: float) -> Series:
        """The same with each value multiplied."""
        return Series(self.minutes, self.values * by, self.counts)

    @classmethod
    def of(cls, minutes: NDArray[np.int64], values: NDArray[np.float64]) -> Series:
        """Each observation counts once."""
        return cls(minutes, values, np.ones(len(values)))

    @classmethod
    def joined(cls, parts: Sequence[Series]) -> Series:
        """Those of several recordings: what happened in one minute stays together."""
        return cls(
            np.concatenate([one.minutes for one in parts]),
            np.concatenate([one.values for one in parts]),
            np.concatenate([one.counts for one in parts]),
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """A mean.

    Attributes:
        value: Sum of the values over sum of the counts.
        low: Lower end of its 95 % interval.
        high: Upper end of it.
        t: The value over its standard error; nought where both are.
        df: Degrees of freedom of that.
        n: Sum of the counts.
        minutes: From the first to the last.
    """

    value: float
    low: float
    high: float
    t: float
    df: int
    n: float
    minutes: int

    @property
    def verdict(self) -> Verdict:
        """Of a gain: whether the interval leaves nothing out."""
        if self.low > 0.0:
            return "gains"
        return "loses" if self.high < 0.0 else "cannot be told"


def judged(series: Series) -> Judged | None:
    """The mean of a series and its interval.

    Args:
        series: Any order.

    Returns:
        None where fewer than ten minutes have something to divide by.
    """
    if len(np.unique(series.minutes[series.counts > 0.0])) < MINUTES_MIN:
        return None
    total = float(series.counts.sum())
    at = series.minutes - series.minutes.min()
    span = int(at.max()) + 1
    sums = np.bincount(at, series.values, span)
    counts = np.bincount(at, series.counts, span)
    value = float(series.values.sum()) / total
    residuals = sums - value * counts
    df = max(1, round(0.4 * span ** (2 / 3)))
    places = (np.arange(span) + 0.5) / span
    waves = np.sqrt(2.0 / span) * np.cos(np.pi * np.outer(np.arange(1, df + 1), places))
    variance = float(np.mean((waves @ residuals) ** 2))
    se = math.sqrt(variance * span) / total
    if se == 0.0:
        return Judged(value, value, value, math.copysign(math.inf, value) if value else 0.0, df,
                      total, span)  # fmt: skip
    half = quantile(UPPER, df) * se
    return Judged(value, value - half, value + half, value / se, df, total, span)
