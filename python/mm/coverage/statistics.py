"""Kupiec's proportion-of-failures test, with its power.

A window fails when `|log move| > k x sigma x sqrt(h)`. With sigma right and moves normal that
happens with probability `p = 2 (1 - Phi(k))`. The test compares p with the share that failed,

    LR = -2 ln[(1-p)^(n-x) p^x / ((1-x/n)^(n-x) (x/n)^x)]  ~  chi-square, 1 degree of freedom

and says nothing where n is small: the power is stated beside it. Kupiec (1995).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CHI2_95 = 3.841458820694124
"""Of one degree of freedom, 95 %."""
POWER = 0.8
"""At which a rate counts as detectable."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Of one number of sigmas at one horizon.

    Attributes:
        sigmas: k.
        n: Windows that do not overlap.
        failures: Of them.
        expected_rate: If sigma is right and moves are normal.
        rate: Share that failed.
        p_value: Of Kupiec's test, both sides; `None` without windows.
        detectable_rate: Smallest rate above the expected that this n finds in 80 % of cases;
            `None`: none below 50 %.
        overlapping_rate: Share of all windows, one a second, that failed: the same thing with less
            noise, and not independent.
        sigmas_needed: The k at which the expected share of all windows fails.
    """

    sigmas: float
    n: int
    failures: int
    expected_rate: float
    rate: float
    p_value: float | None
    detectable_rate: float | None
    overlapping_rate: float
    sigmas_needed: float

    @property
    def verdict(self) -> str:
        """What the figures allow to be said."""
        if self.p_value is None:
            return "no windows"
        if self.p_value >= 0.05:  # noqa: PLR2004 - the usual level
            return "not rejected"
        return "too many failures" if self.rate > self.expected_rate else "too few failures"


def expected_rate(sigmas: float) -> float:
    """`2 (1 - Phi(k))`."""
    return math.erfc(sigmas / math.sqrt(2.0))


def likelihood_ratio(n: int, failures: int, p: float) -> float:
    """Kupiec's LR; 0 without windows."""

    def log_likelihood(rate: float) -> float:
        kept, failed = n - failures, failures
        return (kept * math.log1p(-rate) if kept else 0.0) + (
            failed * math.log(rate) if failed else 0.0
        )

    if n == 0:
        return 0.0
    return max(0.0, 2.0 * (log_likelihood(failures / n) - log_likelihood(p)))


def p_value(n: int, failures: int, p: float) -> float:
    """Probability of an LR at least as large."""
    return math.erfc(math.sqrt(likelihood_ratio(n, failures, p) / 2.0))


def power(n: int, p: float, rate: float) -> float:
    """Probability that the test at 5 % rejects p when failures come at `rate`, exact."""
    total, log_rate, log_kept = 0.0, math.log(rate), math.log1p(-rate)
    for failures in range(n + 1):
        if likelihood_ratio(n, failures, p) <= CHI2_95:
            chance = math.lgamma(n + 1) - math.lgamma(failures + 1) - math.lgamma(n - failures + 1)
            total += math.exp(chance + failures * log_rate + (n - failures) * log_kept)
        elif failures > n * p:
            break
    return 1.0 - total


def detectable_rate(n: int, p: float) -> float | None:
    """The smallest rate above p that n windows find with a power of 80 %."""
    low, high = p, 0.5
    if n == 0 or power(n, p, high) < POWER:
        return None
    while high - low > 1e-3 * low:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if power(n, p, middle) >= POWER else (middle, high)
    return high


def cover(scores: Floats, overlapping: Floats, sigmas: float) -> Coverage:
    """Test one number of sigmas.

    Args:
        scores: `move / (sigma sqrt(h))` of windows that do not overlap.
        overlapping: The same of all windows.
        sigmas: k.
    """
    p, n = expected_rate(sigmas), len(scores)
    failures = int(np.count_nonzero(np.abs(scores) > sigmas))
    every = np.abs(overlapping)
    return Coverage(
        sigmas=sigmas,
        n=n,
        failures=failures,
        expected_rate=p,
        rate=failures / n if n else math.nan,
        p_value=p_value(n, failures, p) if n else None,
        detectable_rate=detectable_rate(n, p),
        overlapping_rate=float(np.mean(every > sigmas)) if n else math.nan,
        sigmas_needed=float(np.quantile(every, 1.0 - p)) if n else math.nan,
    )
