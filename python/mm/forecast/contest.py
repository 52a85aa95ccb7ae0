"""What is compared, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mm.forecast.judged import Judged, Series, judged

ALL = "all"


@dataclass(frozen=True, slots=True)
class Contest:
    """A model against another on the same outcomes.

    Attributes:
        question: What is forecast.
        model: Whose forecast.
        against: The other's.
        unit: Of the gain.
        gain: The model's score less the other's of each outcome: above 0 the model is better.
        scores: Mean score of the model and of the other.
        reference: Mean of the other's loss: what gains of several coins are shares of; None: they
            have one scale.
    """

    question: str
    model: str
    against: str
    unit: str
    gain: Series
    scores: tuple[float, float]
    reference: float | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """What a contest came to.

    Attributes:
        coin: The perp, or `all`.
        question: What is forecast.
        model: Whose forecast.
        against: The other's.
        unit: Of the gain.
        scores: Mean score of the model and of the other; None: of several coins.
        judged: The gain; None: too little was seen.
    """

    coin: str
    question: str
    model: str
    against: str
    unit: str
    scores: tuple[float, float] | None
    judged: Judged | None

    @property
    def verdict(self) -> str:
        """In words."""
        return "not measured" if self.judged is None else self.judged.verdict


def result(coin: str, contest: Contest) -> Result:
    """Of one recording."""
    return Result(
        coin,
        contest.question,
        contest.model,
        contest.against,
        contest.unit,
        contest.scores,
        judged(contest.gain),
    )


def together(contests: Sequence[Sequence[Contest]]) -> list[Result]:
    """Of several recordings: those contests that two of them have at least.

    Args:
        contests: By recording.
    """
    found: dict[tuple[str, str, str], list[Contest]] = {}
    for one in (one for some in contests for one in some):
        found.setdefault((one.question, one.model, one.against), []).append(_in_shares(one))
    results = []
    for parts in found.values():
        if len(parts) > 1:
            whole = replace(parts[0], gain=Series.joined([part.gain for part in parts]))
            results.append(replace(result(ALL, whole), scores=None))
    return results


def _in_shares(one: Contest) -> Contest:
    """Its gain as a share of the other's loss, where coins have scales of their own."""
    if not one.reference:
        return one
    return replace(one, gain=one.gain.scaled(100.0 / one.reference), unit="% of the loss")
