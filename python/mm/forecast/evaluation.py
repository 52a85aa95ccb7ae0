"""Everything that is asked of recordings, and what the answers say of each default.

The rule: a model that loses no log-likelihood and no PnL when it is removed is dropped. What it is
worth in PnL `make ablation` says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mm.backtest import Followed, Recording
from mm.clock import SECOND_NS
from mm.compare import Curve
from mm.config import Config
from mm.forecast import adverse, fair, fills, sigma, sweeps
from mm.forecast.adverse import Tenth
from mm.forecast.contest import ALL, Contest, Result, result, together
from mm.forecast.sweeps import Reached
from mm.forecast.watched import Watched, watch

QUESTIONS = (sigma, sweeps, fair, adverse, fills)
DRAWN = ("EWMA", "sigma_prior", "10 min", "quotes")
"""Forecasts of volatility that are shown beside what came."""


@dataclass(frozen=True, slots=True)
class Decides:
    """The contest that a default goes by.

    Attributes:
        key: Of the configuration, with the value that would put the model to work.
        question: Which contest.
        model: Of it.
        against: What the default stands on now.
    """

    key: str
    question: str
    model: str
    against: str


DECIDES = (
    Decides("measured sigma for quotes", sigma.QUESTION, "quotes", "sigma_prior"),
    Decides("measured sigma for quotes, not an EWMA", sigma.QUESTION, "quotes", "EWMA"),
    Decides("measured sigma for limits", sigma.QUESTION, "limits", "sigma_prior"),
    Decides("models.intensity = tape", "takers, both, quoted", sweeps.USED, sweeps.ASSUMED),
    Decides("models.intensity = tape (own fills)", fills.QUESTION, fills.USED, fills.ASSUMED),
    Decides("models.intensity = own", fills.QUESTION, fills.OWN, fills.ASSUMED),
    Decides("models.queue = true", fills.QUESTION, fills.ASSUMED_PLACE, fills.ASSUMED),
    Decides("models.fair_price = weighted", "mid in 1 s", "weighted", "mid"),
    Decides("models.fair_price = micro", "mid in 1 s", "micro", "mid"),
    Decides("models.ofi = true", "mid in 1 s", "ofi", "mid"),
    Decides("models.lead = true", "mid in 1 s", "lead", "mid"),
    Decides("models.adverse_selection = tape", "cost after 5 s, quoted", adverse.USED,
            adverse.ASSUMED),
    Decides("models.adverse_selection = tape (own fills)", "cost after 5 s, own fills",
            adverse.USED, adverse.ASSUMED),
)  # fmt: skip

SAYS = {
    "gains": "it forecasts better: PnL decides",
    "loses": "it forecasts worse: it is not to be used",
    "cannot be told": "no loss without it is shown here: by the rule it stays out",
    "not measured": "too little came",
}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One recording, or all of them.

    Attributes:
        coin: The perp, or `all`.
        path: Of the recording; of all: none.
        looks: Seconds at which the engine was looked at.
        takers: That came.
        fills: Of our orders.
        strays: Of them, those that no look saw the order of.
        results: Of each contest.
        reached: Of the ladder's levels.
        costs: By outcomes, the tape's forecast and what came, bps.
        own: By model, fills an hour at rest.
        sigmas: By forecast, and of the minute that followed: seconds since the first look and bps
            per root second.
    """

    coin: str
    path: str
    looks: int
    takers: int
    fills: int
    strays: int
    results: tuple[Result, ...]
    reached: tuple[Reached, ...] = ()
    costs: dict[str, list[Tenth]] | None = None
    own: dict[str, list[Tenth]] | None = None
    sigmas: dict[str, Curve] | None = None

    def verdicts(self) -> list[tuple[Decides, str]]:
        """Of each default that was asked about here: gains, loses, cannot be told, not measured."""
        table = {(one.question, one.model, one.against): one for one in self.results}
        found = []
        for one in DECIDES:
            came = table.get((one.question, one.model, one.against))
            if came is not None:
                found.append((one, came.verdict))
        return found

    def as_json(self) -> dict[str, Any]:
        """One object."""
        whole = asdict(self)
        for shown, one in zip(whole["results"], self.results, strict=True):
            shown["verdict"] = one.verdict
        whole["verdicts"] = {one.key: verdict for one, verdict in self.verdicts()}
        return whole


def evaluate(
    recordings: Sequence[Recording],
    configs: Sequence[Config],
    followed: Followed | None = None,
) -> list[Evaluation]:
    """Each recording by itself, and several together.

    Args:
        recordings: One coin each.
        configs: One for each.
        followed: Frames of a coin whose price may lead the others.

    Returns:
        In order; with several recordings `all` is the last.

    Raises:
        ConfigError: As `mm backtest`.
        EventError: A recording cannot be used.
    """
    found, asked = [], []
    for recording, config in zip(recordings, configs, strict=True):
        watched = watch(recording, config, followed)
        contests = [one for question in QUESTIONS for one in question.contests(watched)]
        asked.append(contests)
        found.append(_one(watched, contests))
    if len(found) > 1:
        found.append(
            Evaluation(
                ALL,
                "",
                sum(one.looks for one in found),
                sum(one.takers for one in found),
                sum(one.fills for one in found),
                sum(one.strays for one in found),
                tuple(together(asked)),
            )
        )
    return found


def _one(watched: Watched, contests: Sequence[Contest]) -> Evaluation:
    costs = {}
    for of in adverse.RANGES:
        table = adverse.table(watched, of)
        costs[of] = adverse.tenths(table.minutes, table.expected[adverse.USED], table.came)
    return Evaluation(
        watched.coin,
        watched.path,
        len(watched.looks),
        len(watched.sweeps),
        len(watched.fills),
        fills.table(watched).strays,
        tuple(result(watched.coin, one) for one in contests),
        tuple(sweeps.reached_levels(watched)),
        costs,
        fills.calibration(watched),
        _sigmas(watched),
    )


def _sigmas(watched: Watched) -> dict[str, Curve]:
    times, variances, realised = sigma.table(watched)
    seconds = (times - times[0]) / SECOND_NS if len(times) else times
    drawn = {"next minute": realised, **{name: variances[name] for name in DRAWN}}
    return {
        name: [
            (float(second), math.sqrt(float(variance)))
            for second, variance in zip(seconds, series, strict=True)
            if variance >= 0.0
        ]
        for name, series in drawn.items()
    }
