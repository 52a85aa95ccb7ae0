"""The end of a run in figures: a summary of each coin, and of the account above several."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mm.audit.breaches import Breach
from mm.audit.verdict import Verdict, judge
from mm.clock import SECOND_NS, PaperClock
from mm.config import MADE_UP
from mm.desk import Desk
from mm.floor import Floor
from mm.report import RunFacts, account_summary, summary
from mm.winding_up import LeftTo

# How the paper exchange queues our orders in a recorded market.
QUEUE_BOUND = "pessimistic"
FILE = "summary.json"


@dataclass(frozen=True, slots=True)
class End:
    """What is known of the end besides what the engines show.

    Attributes:
        reason: Why the run ended.
        anchor_ns: Exchange time of the anchor; `None`: never.
        stopped_ns: Exchange time of the stop; `None`: never.
        verified: Whether the venue confirmed that nothing rests.
        left_to: Who has what is left.
    """

    reason: str
    anchor_ns: int | None
    stopped_ns: int | None
    verified: bool
    left_to: LeftTo | None


@dataclass(frozen=True, slots=True)
class Conclusion:
    """A finished run.

    Attributes:
        result: The summary.
        coins: That of each coin.
        breaches: That the audit found, of all coins; `None`: there was no report to judge by.
    """

    result: dict[str, object]
    coins: list[dict[str, object]]
    breaches: list[Breach] | None


def conclude(floor: Floor, report: Path | None, end: End) -> Conclusion:
    """Judge and sum up; each coin's summary is written beside its log.

    Args:
        floor: Of the run; nothing is stepped any more.
        report: The exchange's own; `None`: not ours to read.
        end: What else is known.
    """
    desks = floor.desks
    verdicts = [_judged(desk, desks, report, floor.shared.venue.user) for desk in desks]
    coins = [_summary(floor, *one, end) for one in zip(desks, verdicts, strict=True)]
    found = [one.breaches for one in verdicts]
    breaches = None
    if all(one is not None for one in found):
        breaches = [breach for one in found for breach in one or ()]
    if len(coins) == 1:
        return Conclusion(coins[0], coins, breaches)
    for desk, own in zip(desks, coins, strict=True):
        write(desk.run_dir, own)
    whole = account_summary(coins, [desk.engine.snapshot() for desk in desks])
    return Conclusion(whole, coins, breaches)


def write(run_dir: Path, result: dict[str, object]) -> None:
    """Write a summary."""
    (run_dir / FILE).write_text(json.dumps(result, indent=1) + "\n")


def _judged(desk: Desk, desks: Sequence[Desk], report: Path | None, user: str) -> Verdict:
    beside = [other.run_dir for other in desks if other is not desk]
    return judge(desk.run_dir, report, user, desk.coin, beside)


def _summary(floor: Floor, desk: Desk, verdict: Verdict, end: End) -> dict[str, object]:
    process, clock = desk.config.process, floor.clock
    snapshot, alone = desk.engine.snapshot(), len(floor.desks) == 1
    duration_s = None
    if end.anchor_ns is not None and end.stopped_ns is not None:
        duration_s = (end.stopped_ns - end.anchor_ns) / SECOND_NS
    left, killed = verdict.open_orders, floor.keepers.killed
    facts = RunFacts(
        session=floor.shared.session_id,
        network=process.network,
        market=process.market,
        coin=desk.coin,
        sz_decimals=desk.instrument.sz_decimals,
        duration_s=duration_s,
        speed_achieved=clock.speed_achieved() if isinstance(clock, PaperClock) else None,
        requests=desk.gateway.requests,
        breaches=None if verdict.breaches is None else len(verdict.breaches),
        open_orders_after_stop=0 if left is None and end.verified else left,
        latency_us=desk.meter.latency_us(),
        queue_bound=None if process.market in MADE_UP else QUEUE_BOUND,
        decision_hash=desk.engine.decision_hash(),
        exit_reason=end.reason,
        kill=None if killed is None else killed.shown(),
        left_to=end.left_to if alone or snapshot["position"] else None,
    )
    return summary(facts, snapshot)
