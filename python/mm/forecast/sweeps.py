"""Takers: how many come to a distance and how far they go on, by the logarithm of the likelihood.

In each second and on each side those that come to the nearest distance are Poisson of
`A exp(-k d)`; how far each goes on is exponential of `k`, seen up to the farthest distance alone
where our ladder is meant (`quoted`), to the end where all takers are (`all`, from where the fit
begins).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mm.clock import SECOND_NS
from mm.forecast.contest import Contest
from mm.forecast.judged import Series
from mm.forecast.watched import BPS, MINUTE_NS, SIDES, Look, Watched

PER_MINUTE, PER_TAKER = "log-likelihood a minute", "log-likelihood a taker"
TOUCH_SHARE = 1e-3
"""Of the nearest distance: one tick of the mid moves the half-spread in bps by less."""
MEAN_S = 600.0
"""What the rolling mean is of."""
MEAN_WATCHED_S = 300.0
"""So long it needs before it says anything."""
RANGES = ("quoted", "all")
ASSUMED, FITTED, USED, ROLLING = "assumed", "tape, as fitted", "tape, as used", "rolling mean"
MODELS = (ASSUMED, FITTED, USED, ROLLING)
PAIRS = ((FITTED, ASSUMED), (USED, ASSUMED), (ROLLING, ASSUMED), (FITTED, ROLLING), (USED, ROLLING))
PARTS = ("count", "depth", "both")


@dataclass(frozen=True, slots=True)
class Rate:
    """`rate_per_s exp(-kappa (d - from))`, of takers that come to `d` or further."""

    rate_per_s: float
    kappa: float


@dataclass(frozen=True, slots=True)
class Cell:
    """A second of one side.

    Attributes:
        minute: Since the epoch.
        near_bps: The nearest distance.
        far_bps: The farthest one; infinite: all are seen to the end.
        span_s: How long it was.
        beyond_bps: Of each taker that came to the nearest one: how far it went on.
        rates: By model, at the nearest distance.
        levels: Distances of the ladder; of `all` none.
    """

    minute: int
    near_bps: float
    far_bps: float
    span_s: float
    beyond_bps: tuple[float, ...]
    rates: dict[str, Rate]
    levels: tuple[float, ...] = ()

    def score(self, model: str) -> tuple[float, float]:
        """Log-likelihood of how many came, and of how far they went on."""
        rate = self.rates[model]
        mean = rate.rate_per_s * self.span_s
        count = len(self.beyond_bps) * math.log(mean) - mean
        room = self.far_bps - self.near_bps
        depth = 0.0
        for beyond in self.beyond_bps if room > 0.0 else ():
            ended = beyond < room
            depth += (math.log(rate.kappa) if ended else 0.0) - rate.kappa * min(beyond, room)
        return count, depth


def contests(watched: Watched) -> list[Contest]:
    """Each model against each it is to beat, on both ranges and of both parts."""
    found = []
    for of in RANGES:
        cells = cells_of(watched, of)
        for model, against in PAIRS:
            both = [cell for cell in cells if model in cell.rates and against in cell.rates]
            found += _compared(both, of, model, against)
    return found


def _compared(cells: list[Cell], of: str, model: str, against: str) -> list[Contest]:
    """Of the seconds in which both speak."""
    minutes = np.array([cell.minute for cell in cells], dtype=np.int64)
    counts = np.array([float(len(cell.beyond_bps)) for cell in cells])
    # A second of one side is half of a second of the market.
    watched_min = np.array([cell.span_s / 120.0 for cell in cells])
    if counts.sum() == 0.0:
        return []
    found = []
    scores = {name: np.array([cell.score(name) for cell in cells]) for name in (model, against)}
    for part in PARTS:
        ours, theirs = (_part(scores[name], part) for name in (model, against))
        # How far takers go on says something where there is one; that none came, always.
        per = counts if part == "depth" else watched_min
        found.append(
            Contest(
                f"takers, {part}, {of}",
                model,
                against,
                PER_TAKER if part == "depth" else PER_MINUTE,
                Series(minutes, ours - theirs, per),
                (float(ours.sum() / per.sum()), float(theirs.sum() / per.sum())),
            )
        )
    return found


def _part(scores: NDArray[np.float64], part: str) -> NDArray[np.float64]:
    if part == "both":
        return np.asarray(scores.sum(axis=1))
    return np.asarray(scores[:, PARTS.index(part)])


def cells_of(watched: Watched, of: str) -> list[Cell]:
    """The seconds, each side's.

    Args:
        watched: The recording.
        of: `quoted` or `all`.
    """
    found = []
    config = watched.config.quoting
    assumed = (config.arrival_per_s, config.kappa_per_bps)
    for maker, side in enumerate(SIDES):
        sweeps = [sweep for sweep in watched.sweeps if sweep.maker == maker]
        heard = np.array([sweep.recv_ns for sweep in sweeps], dtype=np.int64)
        reached = np.array([sweep.reach_bps for sweep in sweeps])
        levels: tuple[float, ...] = ()
        pairs = zip(watched.looks, watched.beside["tape"], strict=True)
        for (look, tape), after in zip(pairs, watched.looks[1:], strict=False):
            if not look.is_fresh or after.at_ns - look.at_ns > 1.5 * SECOND_NS:
                continue
            levels = distances(look, side, watched.px_scale) or levels
            if of == "quoted" and not levels:
                continue
            near = levels[0] if of == "quoted" else nearest_known(look, maker)
            far = levels[-1] if of == "quoted" else math.inf
            begin, end = np.searchsorted(heard, (look.at_ns, after.at_ns))
            now = reached[begin:end]
            rates = _rates(look, tape, maker, near, assumed)
            since = np.searchsorted(heard, look.at_ns - round(MEAN_S * SECOND_NS))
            first_s = (look.at_ns - watched.looks[0].at_ns) / SECOND_NS
            if first_s >= MEAN_WATCHED_S:
                rolling = reached[since:begin]
                rates[ROLLING] = _rolling(rolling, near, far, min(first_s, MEAN_S), assumed[1])
            found.append(
                Cell(
                    minute=look.at_ns // MINUTE_NS,
                    near_bps=near,
                    far_bps=far,
                    span_s=(after.at_ns - look.at_ns) / SECOND_NS,
                    beyond_bps=_beyond(now, near),
                    rates=rates,
                    levels=levels if of == "quoted" else (),
                )
            )
    return found


def _beyond(reached: NDArray[np.float64], near: float) -> tuple[float, ...]:
    """How far those went on that came to the nearest distance."""
    came = reached[reached >= near * (1.0 - TOUCH_SHARE)]
    return tuple(float(beyond) for beyond in np.maximum(came - near, 0.0))


def nearest_known(look: Look, maker: int) -> float:
    """From where all takers are seen: the half-spread, or where the fit begins, which says nothing
    of what is nearer."""
    fit = look.snapshot["models"]["fits"][maker]
    half_bps: float = look.snapshot["spread_bps"] / 2.0
    return half_bps if fit is None else max(half_bps, fit["range_bps"][0])


def distances(look: Look, side: str, px_scale: float) -> tuple[float, ...]:
    """Of our orders from the mid, bps, the nearest first; never within the spread."""
    mid = look.snapshot["mid"] * px_scale
    least = look.snapshot["spread_bps"] / 2.0
    orders = [order for order in look.snapshot["orders"] if order["side"] == side.lower()]
    orders = orders or [order for order in look.snapshot["orders"] if order["side"] == side]
    return tuple(sorted(max(abs(order["px"] / mid - 1.0) * BPS, least) for order in orders))


def _rates(
    look: Look, tape: Look, maker: int, near: float, assumed: tuple[float, float]
) -> dict[str, Rate]:
    """Of each model that knows one then."""

    def at(arrival_per_s: float, kappa: float) -> Rate:
        return Rate(arrival_per_s * math.exp(-kappa * near), kappa)

    found = {ASSUMED: at(*assumed)}
    fit, used = look.snapshot["models"]["fits"][maker], tape.snapshot["models"]["used"]
    if fit is not None:
        found[FITTED] = at(math.exp(fit["log_arrival"]), fit["kappa"])
        found[USED] = at(used["arrival_per_s"], used["kappa_per_bps"])
    return found


def _rolling(
    reached: NDArray[np.float64], near: float, far: float, seconds: float, kappa: float
) -> Rate:
    """Those of the last minutes that came so far, and how far they went on. What was not seen is
    not impossible: half a taker more came, and one went on as is assumed."""
    beyond = np.array(_beyond(reached, near))
    room = far - near
    ended = float(np.sum(beyond < room))
    went = float(np.minimum(beyond, room).sum())
    return Rate((len(beyond) + 0.5) / seconds, (ended + 1.0) / (went + 1.0 / kappa))


@dataclass(frozen=True, slots=True)
class Reached:
    """How many takers came to a level of the ladder.

    Attributes:
        level: From the touch on, from 1.
        bps: Its mean distance.
        seen: Takers that came there.
        expected: How many each model expected.
    """

    level: int
    bps: float
    seen: int
    expected: dict[str, float]


def reached_levels(watched: Watched) -> list[Reached]:
    """The ladder, level by level, where every model speaks."""
    cells = [c for c in cells_of(watched, "quoted") if all(m in c.rates for m in MODELS)]
    found = []
    for level in range(max((len(cell.levels) for cell in cells), default=0)):
        of = [cell for cell in cells if len(cell.levels) > level]
        beyond = [cell.levels[level] - cell.near_bps for cell in of]
        seen = sum(
            sum(went >= by for went in cell.beyond_bps) for cell, by in zip(of, beyond, strict=True)
        )
        expected = {
            model: sum(
                cell.span_s * cell.rates[model].rate_per_s * math.exp(-cell.rates[model].kappa * by)
                for cell, by in zip(of, beyond, strict=True)
            )
            for model in MODELS
        }
        bps = sum(cell.levels[level] for cell in of) / len(of)
        found.append(Reached(level + 1, bps, seen, expected))
    return found
