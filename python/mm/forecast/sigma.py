"""Volatility: each forecast against the variance of the next minute, by QLIKE.

`QLIKE = log(s) + v / s` of a forecast variance `s` and a realised one `v`; noise of an unbiased `v`
changes no order of the forecasts (Patton 2011). `v` is of twelve returns over 5 s of the mids as
they were heard; every 5 s a minute begins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mm.clock import SECOND_NS
from mm.forecast.contest import Contest
from mm.forecast.judged import Series
from mm.forecast.watched import MINUTE_NS, Watched

QUESTION = "sigma"
UNIT = "QLIKE"
GRID_S = 5
STEPS = 12
"""Of the grid in a minute."""
EWMA_LAMBDA = 0.94
"""RiskMetrics (1996), on returns over 5 s: a half-life of 56 s."""
EWMA_STEPS_MIN = 30
BENCHMARKS = ("EWMA", "sigma_prior")
HALF_LIVES = ("2 min", "10 min", "1 h")

Floats = NDArray[np.float64]


def contests(watched: Watched) -> list[Contest]:
    """Each forecast against the benchmark and against the constant that is assumed."""
    times, variances, realised = table(watched)
    found = []
    for name, variance in variances.items():
        for against in BENCHMARKS:
            if name == against or (name, against) == ("EWMA", "sigma_prior"):
                continue
            other = variances[against]
            known = np.isfinite(variance) & np.isfinite(other) & np.isfinite(realised)
            if not known.any():
                continue
            ours = qlike(variance[known], realised[known])
            theirs = qlike(other[known], realised[known])
            found.append(
                Contest(
                    QUESTION,
                    name,
                    against,
                    UNIT,
                    Series.of(times[known] // MINUTE_NS, theirs - ours),
                    (float(ours.mean()), float(theirs.mean())),
                )
            )
    return found


def qlike(forecast: Floats, realised: Floats) -> Floats:
    """The loss; variances per second, in bps squared so that its size can be read."""
    return np.asarray(np.log(forecast) + realised / forecast, dtype=np.float64)


def table(watched: Watched) -> tuple[NDArray[np.int64], dict[str, Floats], Floats]:
    """What was forecast and what came, one element a look on the grid.

    Returns:
        Times in nanoseconds; forecasts and realised variances per second, bps squared, NaN where
        there is none.
    """
    on_grid = [look for look in watched.looks if look.at_ns % (GRID_S * SECOND_NS) == 0]
    times = np.array([look.at_ns for look in on_grid], dtype=np.int64)
    mids = np.array([look.snapshot["mid"] if look.is_fresh else np.nan for look in on_grid], float)
    moves = np.full(len(times), np.nan)
    moves[1:] = np.diff(np.log(mids)) * 1e4
    moves[1:][np.diff(times) != GRID_S * SECOND_NS] = np.nan
    squares = moves**2 / GRID_S
    realised = np.full(len(times), np.nan)
    for at in range(len(times) - STEPS):
        realised[at] = squares[at + 1 : at + 1 + STEPS].mean()
    variances = {"EWMA": ewma(squares)}
    prior = watched.config.limits.sigma_prior
    variances["sigma_prior"] = np.full(len(times), (prior * 1e4) ** 2)
    shown = [look.snapshot for look in on_grid]
    for at, name in enumerate(HALF_LIVES):
        variances[name] = _squared([one["models"]["volatility"]["half_lives"][at] for one in shown])
    variances["quotes"] = _squared([one["sigma_quotes"] for one in shown])
    variances["limits"] = _squared([one["sigma"] for one in shown])
    variances["without jumps"] = _squared([one["models"]["volatility"]["robust"] for one in shown])
    return times, variances, realised


def ewma(squares: Floats) -> Floats:
    """The mean of squares so far, each older one weighing `EWMA_LAMBDA` of the next; what is NaN
    is passed over, and the first half minute has none."""
    found = np.full(len(squares), np.nan)
    weighted = weight = 0.0
    count = 0
    for at, square in enumerate(squares):
        if np.isfinite(square):
            weighted = EWMA_LAMBDA * weighted + square
            weight = EWMA_LAMBDA * weight + 1.0
            count += 1
        if count >= EWMA_STEPS_MIN and weighted > 0.0:
            found[at] = weighted / weight
    return found


def _squared(sigmas: list[float | None]) -> Floats:
    """Fractions per root second to bps squared per second; none where it is 0."""
    return np.array([(sigma * 1e4) ** 2 if sigma else np.nan for sigma in sigmas])
