"""Fills: how often each resting order was expected to be met, and how often it was.

Each second that an order of ours was out, each model says a rate: `A exp(-k d)` at its distance
from the mid, and with the queue's model that times the worth of its place. Fills are Poisson of it.
Whom a taker meets is the backtest's own arithmetic of queues: what it gets wrong is not seen here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mm.clock import SECOND_NS
from mm.forecast.adverse import Tenth, tenths
from mm.forecast.contest import Contest
from mm.forecast.judged import Series
from mm.forecast.watched import BPS, MINUTE_NS, SIDES, Look, Watched

QUESTION = "own fills"
UNIT = "log-likelihood a minute"
ASSUMED, USED, OWN = "assumed", "tape, as used", "own"
ASSUMED_PLACE, USED_PLACE = "assumed, with place", "tape, with place"
MODELS = (ASSUMED, USED, OWN, ASSUMED_PLACE, USED_PLACE)
PAIRS = ((USED, ASSUMED), (OWN, ASSUMED), (ASSUMED_PLACE, ASSUMED), (USED_PLACE, USED))
LATE_S = 2.0
"""A fill is of an order that was out so shortly before it was heard."""
RATE_MIN = 1e-9
"""Nothing is impossible: no likelihood is of a rate below this."""


@dataclass(frozen=True, slots=True)
class Rested:
    """Orders that were out, one element a second and order.

    Attributes:
        minutes: Whole minutes since the epoch.
        filled: Takers that met it in that second.
        span_s: How long the second was.
        rates: By model, 1/s.
        strays: Fills of orders that no look saw.
    """

    minutes: NDArray[np.int64]
    filled: NDArray[np.float64]
    span_s: NDArray[np.float64]
    rates: dict[str, NDArray[np.float64]]
    strays: int


def contests(watched: Watched) -> list[Contest]:
    """Each model's likelihood of the fills against another's."""
    rested = table(watched)
    if rested.filled.sum() == 0.0:
        return []
    found = []
    minutes, place = np.unique(rested.minutes, return_inverse=True)
    for model, against in PAIRS:
        ours, theirs = (
            np.bincount(place, _scores(rested, name), len(minutes)).astype(np.float64)
            for name in (model, against)
        )
        found.append(
            Contest(
                QUESTION,
                model,
                against,
                UNIT,
                Series.of(minutes, ours - theirs),
                (float(ours.mean()), float(theirs.mean())),
            )
        )
    return found


def _scores(rested: Rested, model: str) -> NDArray[np.float64]:
    mean = np.maximum(rested.rates[model], RATE_MIN) * rested.span_s
    return np.asarray(rested.filled * np.log(mean) - mean, dtype=np.float64)


def calibration(watched: Watched) -> dict[str, list[Tenth]]:
    """Fills an hour at rest, by model: expected in tenths of the orders' seconds, and counted."""
    rested = table(watched)
    found = {}
    for model in MODELS:
        per_h = rested.rates[model] * 3600.0
        found[model] = tenths(rested.minutes, per_h, 3600.0 * rested.filled / rested.span_s)
    return found


def table(watched: Watched) -> Rested:
    """Each second of each order of the plain pass that was out."""
    minutes: list[int] = []
    filled: list[float] = []
    spans: list[float] = []
    rates: dict[str, list[float]] = {name: [] for name in MODELS}
    place_of: dict[tuple[int, int, int], int] = {}
    quoting = watched.config.quoting
    assumed = (quoting.arrival_per_s, quoting.kappa_per_bps)
    triples = zip(watched.looks, watched.beside["tape"], watched.looks[1:], strict=False)
    for number, (look, tape, after) in enumerate(triples):
        span_s = (after.at_ns - look.at_ns) / SECOND_NS
        if not look.is_fresh or span_s > 1.5:  # noqa: PLR2004 - a second, and no silence
            continue
        for order in look.snapshot["orders"]:
            maker = [side.lower() for side in SIDES].index(order["side"].lower())
            place_of[number, maker, order["px"]] = len(minutes)
            minutes.append(look.at_ns // MINUTE_NS)
            filled.append(0.0)
            spans.append(span_s)
            for name, rate in _rates(look, tape, order, maker, assumed, watched.px_scale).items():
                rates[name].append(rate)
    strays = 0
    times = watched.times()
    for fill in watched.fills:
        last = int(np.searchsorted(times, fill.recv_ns, "left")) - 1
        looks = range(last, last - math.ceil(LATE_S) - 1, -1)
        row = next(
            (place_of[at, fill.maker, fill.px] for at in looks
             if (at, fill.maker, fill.px) in place_of),
            None,
        )  # fmt: skip
        if row is None:
            strays += 1
        else:
            filled[row] += 1.0
    return Rested(
        np.array(minutes, dtype=np.int64),
        np.array(filled),
        np.array(spans),
        {name: np.array(values) for name, values in rates.items()},
        strays,
    )


def _rates(
    look: Look,
    tape: Look,
    order: dict[str, object],
    maker: int,
    assumed: tuple[float, float],
    px_scale: float,
) -> dict[str, float]:
    """What each model expects of one order, 1/s."""
    mid = look.snapshot["mid"] * px_scale
    px = order["px"]
    assert isinstance(px, int)
    outward = 1.0 if maker == 0 else -1.0
    depth_bps = max((1.0 - px / mid) * outward * BPS, 0.0)
    models = tape.snapshot["models"]
    own = look.snapshot["models"]["own"][maker]["fit"]

    def at(arrival_per_s: float, kappa: float) -> float:
        return arrival_per_s * math.exp(-kappa * depth_bps)

    place = order.get("place")
    worth = place.get("worth") if isinstance(place, dict) else None
    share = 1.0 if worth is None else float(worth)
    by_assumed = at(*assumed)
    by_tape = at(models["used"]["arrival_per_s"], models["used"]["kappa_per_bps"])
    return {
        ASSUMED: by_assumed,
        USED: by_tape,
        OWN: at(math.exp(own["log_arrival"]), own["kappa"]),
        ASSUMED_PLACE: by_assumed * share,
        USED_PLACE: by_tape * share,
    }
