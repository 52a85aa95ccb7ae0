"""The evaluation for people: tables, and the verdicts at the end."""

from __future__ import annotations

from collections.abc import Iterator

from mm.forecast.adverse import Tenth
from mm.forecast.contest import Result
from mm.forecast.evaluation import SAYS, Evaluation
from mm.forecast.sweeps import MODELS


def lines(one: Evaluation) -> Iterator[str]:
    """One recording's, or of all together."""
    yield (
        f"{one.coin}  {one.looks:,} seconds looked at, {one.takers:,} takers,"
        f" {one.fills} fills of ours ({one.strays} of orders that no look saw)"
        + (f"  ({one.path})" if one.path else "")
    )
    yield (
        f"  {'question':<26}{'model':<20}{'against':<18}{'its score':>11}{'other':>11}"
        f"{'gain':>10}  [95 %]                  t   minutes  verdict"
    )
    for found in one.results:
        yield "  " + result_line(found)
    if one.reached:
        yield "  takers that came to each level of the ladder, and how many were expected"
        yield "  " + f"{'level':<8}{'bps':>8}{'came':>8}" + "".join(f"{m:>17}" for m in MODELS)
        for level in one.reached:
            yield (
                f"  {level.level:<8}{level.bps:>8.2f}{level.seen:>8}"
                + "".join(f"{level.expected[model]:>17.1f}" for model in MODELS)
            )
    for of, tenths in (one.costs or {}).items():
        yield from _table(f"cost after 5 s, {of}: expected by the tape, and what came, bps", tenths)
    for model, tenths in (one.own or {}).items():
        yield from _table(f"fills an hour at rest: expected ({model}), and counted", tenths)
    yield "  what it says of each default, by forecasts alone (make ablation: PnL)"
    for decides, verdict in one.verdicts():
        yield f"    {decides.key:<46}{verdict:<16}{SAYS[verdict]}"


def result_line(found: Result) -> str:
    """One contest."""
    scores = found.scores or (None, None)
    ours, theirs = ("-" if score is None else f"{score:.4f}" for score in scores)
    head = f"{found.question:<26}{found.model:<20}{found.against:<18}{ours:>11}{theirs:>11}"
    judged = found.judged
    if judged is None:
        return f"{head}{'-':>10}  {'':<22}{'':>7}{'':>9}  {found.verdict}"
    interval = f"[{judged.low:+.4f}, {judged.high:+.4f}]"
    return (
        f"{head}{judged.value:>+10.4f}  {interval:<22}{judged.t:>+7.2f}{judged.minutes:>9}"
        f"  {found.verdict} ({found.unit})"
    )


def _table(title: str, tenths: list[Tenth]) -> Iterator[str]:
    if not tenths:
        return
    yield f"  {title}"
    for tenth in tenths:
        within = "" if tenth.came is None else f" +- {tenth.came.high - tenth.came.value:.3g}"
        yield f"  {tenth.expected:>14.4g}{tenth.mean:>12.4g}{within:<14}n {tenth.n:,}"
