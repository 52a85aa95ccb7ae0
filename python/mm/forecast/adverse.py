"""Adverse selection: what a fill at each level was expected to cost against how the mid then went.

An outcome of `takers` is one taker and a distance that it came to, of those where the core tells
its curve: how far the mid had gone its way from before it until 5 s after it, bps. Of `quoted` it
is a taker and a level of our ladder. Of `own fills` it is a fill of ours: how far the mid had gone
against it 5 s after, from where it stood at the look before the fill, when the order stood at its
distance: a price that walks up to an order costs too, and comes to no distance from its own mid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mm.forecast.contest import Contest
from mm.forecast.judged import Judged, Series, judged
from mm.forecast.sweeps import distances
from mm.forecast.watched import BPS, LOOK_S, MINUTE_NS, SIDES, Watched

RANGES = ("takers", "quoted", "own fills")
UNIT = "bps squared"
ASSUMED, USED, SEEN, NONE = "assumed", "tape, as used", "tape, as measured", "none"
PAIRS = ((USED, ASSUMED), (SEEN, ASSUMED), (ASSUMED, NONE), (USED, NONE))
DEPTHS_BPS = (
    0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 14.0, 20.0, 30.0, 50.0, 70.0, 100.0,
)  # fmt: skip
"""Where a curve is told; as `estimators::adverse` of the core."""
AFTER_S = 5.0
TENTHS = 10
MINUTES_APART = 3
"""A tenth with outcomes in fewer minutes has no interval."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Takers that came to levels, one element a taker and level.

    Attributes:
        minutes: Whole minutes since the epoch.
        came: Move of the mid on the taker's way, bps.
        expected: By model, bps.
    """

    minutes: NDArray[np.int64]
    came: NDArray[np.float64]
    expected: dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Tenth:
    """Outcomes of like forecasts.

    Attributes:
        expected: Mean forecast.
        came: What came, with its interval; None: too few minutes.
        mean: The same without one.
        n: Outcomes.
    """

    expected: float
    came: Judged | None
    mean: float
    n: int


def contests(watched: Watched) -> list[Contest]:
    """Each model's squared error against another's."""
    return [one for of in RANGES for one in _compared(table(watched, of), of)]


def _compared(costs: Costs, of: str) -> list[Contest]:
    found = []
    for model, against in PAIRS if len(costs.came) else ():
        ours = (costs.came - costs.expected[model]) ** 2
        theirs = (costs.came - costs.expected[against]) ** 2
        found.append(
            Contest(
                f"cost after 5 s, {of}",
                model,
                against,
                UNIT,
                Series.of(costs.minutes, theirs - ours),
                (float(ours.mean()), float(theirs.mean())),
                reference=float(theirs.mean()),
            )
        )
    return found


def table(watched: Watched, of: str) -> Costs:
    """What was expected of each outcome, and what came.

    Args:
        watched: The recording.
        of: One of `RANGES`.
    """
    minutes: list[int] = []
    came: list[float] = []
    expected: dict[str, list[float]] = {name: [] for name in (ASSUMED, USED, SEEN, NONE)}
    assumed = watched.config.quoting.adverse_selection_bps
    outcomes = _of_fills(watched) if of == "own fills" else _of_takers(watched, of)
    for one in outcomes:
        models = watched.beside["tape"][one.look].snapshot["models"]
        curve = models["used"]["adverse"][one.maker]
        seen = [cost and cost["mean_bps"] for cost in models["costs"][one.maker]]
        minutes.append(one.minute)
        came.append(one.came_bps)
        expected[ASSUMED].append(assumed)
        expected[USED].append(float(np.interp(one.at_bps, DEPTHS_BPS, curve)))
        expected[SEEN].append(_measured(one.at_bps, seen, assumed))
        expected[NONE].append(0.0)
    return Costs(
        np.array(minutes, dtype=np.int64),
        np.array(came),
        {name: np.array(values) for name, values in expected.items()},
    )


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Of a distance: by what look it was forecast, and how far the mid went, bps."""

    look: int
    minute: int
    maker: int
    at_bps: float
    came_bps: float


def _of_takers(watched: Watched, of: str) -> Iterator[_Outcome]:
    times = watched.times()
    for sweep in watched.sweeps:
        at = int(np.searchsorted(times, sweep.recv_ns, "right")) - 1
        if at < 0 or sweep.moved_bps is None or not watched.looks[at].is_fresh:
            continue
        levels: tuple[float, ...] = DEPTHS_BPS
        if of == "quoted":
            levels = distances(watched.looks[at], SIDES[sweep.maker], watched.px_scale)
        for level in levels:
            if level > sweep.reach_bps:
                break
            minute = sweep.exch_ns // MINUTE_NS
            yield _Outcome(at, minute, sweep.maker, level, sweep.moved_bps)


def _of_fills(watched: Watched) -> Iterator[_Outcome]:
    times = watched.times()
    steps = round(AFTER_S / LOOK_S)
    for fill in watched.fills:
        # The look before the block that brought it: replies take their time.
        at = int(np.searchsorted(times, fill.recv_ns, "left")) - 2
        if at < 0 or at + 1 + steps >= len(times):
            continue
        before, after = watched.looks[at], watched.looks[at + 1 + steps]
        if not (before.is_fresh and after.is_fresh):
            continue
        outward = 1.0 if fill.maker == 0 else -1.0
        mid = before.snapshot["mid"]
        at_bps = (1.0 - fill.px / watched.px_scale / mid) * outward * BPS
        came_bps = -outward * float(np.log(after.snapshot["mid"] / mid)) * BPS
        yield _Outcome(at, fill.recv_ns // MINUTE_NS, fill.maker, max(at_bps, 0.0), came_bps)


def _measured(level: float, seen: list[float | None], assumed: float) -> float:
    """The curve as it is, without what is assumed; that alone where nothing was seen yet."""
    known = [(at, bps) for at, bps in zip(DEPTHS_BPS, seen, strict=True) if bps is not None]
    if not known:
        return assumed
    return float(np.interp(level, [at for at, _ in known], [bps for _, bps in known]))


def tenths(
    minutes: NDArray[np.int64], expected: NDArray[np.float64], came: NDArray[np.float64]
) -> list[Tenth]:
    """Outcomes by the size of their forecast, in ten parts of about one size; like ones together.

    Args:
        minutes: Of each outcome.
        expected: Its forecast.
        came: The outcome.
    """
    if len(expected) == 0:
        return []
    edges = np.unique(np.quantile(expected, np.linspace(0.0, 1.0, TENTHS + 1)))
    place = np.clip(np.searchsorted(edges, expected, "right") - 1, 0, max(len(edges) - 2, 0))
    found = []
    for part in np.unique(place):
        of = place == part
        apart = len(np.unique(minutes[of])) >= MINUTES_APART
        found.append(
            Tenth(
                float(expected[of].mean()),
                judged(Series.of(minutes[of], came[of])) if apart else None,
                float(came[of].mean()),
                int(of.sum()),
            )
        )
    return found
