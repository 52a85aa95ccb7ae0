"""A made-up market beside a recorded one: the named list of BACKTEST.md 2, judged line by line.

The same maker measures both. The made-up market is lived through for as long as the recording
lasts, once a seed; a line is good where the two differ by no more than 20 % of the recorded value
or two standard errors of the difference, whichever is more.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mm._core import Tape, flow_statistics, synthetic_frames
from mm.backtest import Recording
from mm.errors import ConfigError, EventError

MarketKind = Literal["calibrated", "demo"]
Curve = list[tuple[float, float]]

SHARE = 0.2
"""Of the recorded value, that a line may be off."""
ERRORS = 2.0
"""Standard errors of the difference that it may be off."""


@dataclass(frozen=True, slots=True)
class Line:
    """One of the list.

    Attributes:
        name: With its unit.
        recorded: Value; None: the recording shows nothing to tell it from.
        recorded_se: Its standard error.
        synthetic: Mean over the seeds; None: the same.
        synthetic_se: Standard error of that mean.
        n: How many of its kind the recording holds.
    """

    name: str
    recorded: float | None
    recorded_se: float | None
    synthetic: float | None
    synthetic_se: float | None
    n: int

    @property
    def tolerance(self) -> float | None:
        """How far the two may be apart."""
        if self.recorded is None or self.recorded_se is None or self.synthetic_se is None:
            return None
        errors = ERRORS * math.hypot(self.recorded_se, self.synthetic_se)
        return max(SHARE * abs(self.recorded), errors)

    @property
    def is_good(self) -> bool:
        """Whether they are near enough; what is not known on either side is not."""
        if self.tolerance is None or self.recorded is None or self.synthetic is None:
            return False
        return abs(self.synthetic - self.recorded) <= self.tolerance

    @property
    def is_within_share(self) -> bool:
        """Whether they are within 20 % of each other, whatever the errors."""
        if self.recorded is None or self.synthetic is None:
            return False
        return abs(self.synthetic - self.recorded) <= SHARE * abs(self.recorded)

    def as_json(self) -> dict[str, object]:
        """One object."""
        return {
            "name": self.name,
            "recorded": self.recorded,
            "recorded_se": self.recorded_se,
            "synthetic": self.synthetic,
            "synthetic_se": self.synthetic_se,
            "n": self.n,
            "tolerance": self.tolerance,
            "within_20_percent": self.is_within_share,
            "good": self.is_good,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """One recording.

    Attributes:
        coin: The perp.
        path: Where it came from.
        market: What it was compared with.
        seeds: How many markets of it.
        watched_s: Seconds of the recording, silences left out; of each market the same.
        lines: The list.
        recorded_curves: To be drawn.
        synthetic_curves: Of each seed.
    """

    coin: str
    path: str
    market: MarketKind
    seeds: int
    watched_s: float
    lines: tuple[Line, ...]
    recorded_curves: dict[str, Curve]
    synthetic_curves: tuple[dict[str, Curve], ...]

    @property
    def is_good(self) -> bool:
        """Whether every line is."""
        return all(line.is_good for line in self.lines)

    def as_json(self) -> dict[str, object]:
        """One object, curves included."""
        return {
            "coin": self.coin,
            "recording": self.path,
            "market": self.market,
            "seeds": self.seeds,
            "watched_s": self.watched_s,
            "good": self.is_good,
            "lines": [line.as_json() for line in self.lines],
            "curves": {
                "recorded": self.recorded_curves,
                "synthetic": list(self.synthetic_curves),
            },
        }


def compare(
    recordings: Sequence[Recording],
    market: MarketKind,
    seeds: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Comparison]:
    """Compare recordings with a made-up market, one coin each.

    Args:
        recordings: Of the coins.
        market: Which one.
        seeds: How many of it, from seed 0 on; two at least.
        progress: Told of the coin, the seeds done and how many there are.

    Returns:
        One for each recording, in order.

    Raises:
        ConfigError: The market does not list a coin.
        EventError: A recording cannot be read, or is too short.
    """
    return [_one(recording, market, seeds, progress) for recording in recordings]


def _one(
    recording: Recording,
    market: MarketKind,
    seeds: int,
    progress: Callable[[str, int, int], None] | None,
) -> Comparison:
    path, coin = recording.paths[0], recording.instrument.coin
    recorded = _measured(recording, recording.frames)
    made_up = []
    for seed in range(seeds):
        choice: dict[str, object] = {"kind": market, "seed": seed}
        if market == "calibrated":
            choice["coins"] = [coin]
        try:
            frames = synthetic_frames(json.dumps(choice), coin, round(recorded["watched_s"]))
        except ConfigError as error:
            raise ConfigError(f"{path}: the {market} market: {error}") from error
        made_up.append(_measured(recording, frames))
        if progress is not None:
            progress(coin, seed + 1, seeds)
    return Comparison(
        coin=coin,
        path=str(path),
        market=market,
        seeds=seeds,
        watched_s=recorded["watched_s"],
        lines=tuple(_lines(recorded, made_up)),
        recorded_curves=recorded["curves"],
        synthetic_curves=tuple(one["curves"] for one in made_up),
    )


def _measured(recording: Recording, frames: bytes) -> dict[str, Any]:
    try:
        measured: dict[str, Any] = json.loads(flow_statistics(Tape(recording.instrument, frames)))
    except EventError as error:
        raise EventError(f"{recording.paths[0]}: {error}") from error
    return measured


def _lines(recorded: dict[str, Any], made_up: list[dict[str, Any]]) -> list[Line]:
    lines = []
    for index, figure in enumerate(recorded["figures"]):
        values = [one["figures"][index]["value"] for one in made_up]
        known = [value for value in values if value is not None]
        told = len(known) == len(values)
        lines.append(
            Line(
                name=figure["name"],
                recorded=figure["value"],
                recorded_se=figure["se"],
                synthetic=statistics.fmean(known) if told else None,
                synthetic_se=statistics.stdev(known) / math.sqrt(len(known)) if told else None,
                n=figure["n"],
            )
        )
    return lines
