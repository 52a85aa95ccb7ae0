"""Student's t: the quantile, by halving the interval, of the distribution function.

That is `1 - I_x(df / 2, 1 / 2) / 2` for `t > 0`, with `x = df / (df + t^2)` and the regularised
incomplete beta function `I` (Abramowitz and Stegun 26.7.1), by its continued fraction
(DLMF 8.17.22) with the modified method of Lentz.
"""

from __future__ import annotations

import math

PRECISION = 1e-15
TINY = 1e-300
TERMS_MAX = 100_000
MEDIAN = 0.5


def quantile(probability: float, df: float) -> float:
    """What a t-distributed value is below with a probability.

    Args:
        probability: Between a half and 1, both excluded.
        df: Degrees of freedom, above 0.

    Raises:
        ValueError: One of them is outside.
    """
    if not (MEDIAN < probability < 1.0 and 0.0 < df < math.inf):
        raise ValueError(f"no quantile at probability {probability} of {df} degrees of freedom")
    low, high = 0.0, 1.0
    while _beyond(high, df) > 1.0 - probability:
        low, high = high, 2.0 * high
    while high - low > PRECISION * high:
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        if _beyond(middle, df) > 1.0 - probability:
            low = middle
        else:
            high = middle
    return high


def _beyond(t: float, df: float) -> float:
    """The probability of a value above `t`."""
    return _beta_share(df / (df + t * t), df / 2.0, 0.5) / 2.0


def _beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function `I_x(a, b)`."""
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1.0) / (a + b + 2.0):  # there the fraction converges faster from the other end
        return 1.0 - _beta_share(1.0 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    log_front += a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / (a * _fraction(x, a, b))


def _fraction(x: float, a: float, b: float) -> float:
    """`1 + d1 / (1 + d2 / (1 + ...))` of DLMF 8.17.22."""
    value = above = 1.0
    below = 0.0
    for term in range(1, TERMS_MAX):
        m = term // 2
        if term % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        below = 1.0 / ((1.0 + d * below) or TINY)
        above = (1.0 + d / above) or TINY
        value *= above * below
        if abs(above * below - 1.0) < PRECISION:
            break
    return value
