"""How often the limit moved in a run, and why; and what the quotes did."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Moves:
    """Of one run.

    Attributes:
        falls: Cycles in which a side's limit fell, by why.
        rises: Cycles in which it rose, by why.
        ready_cycles: Cycles in full quoting.
        two_sided_frac: Of them, with orders on both sides.
        valid_frac: Of them, with a valid limit.
    """

    falls: dict[str, int]
    rises: dict[str, int]
    ready_cycles: int
    two_sided_frac: float | None
    valid_frac: float | None


def moves(log: bytes, summary: dict[str, Any]) -> Moves:
    """Read a run's journal: a cycle is written whenever the limit moved.

    Args:
        log: The event log.
        summary: The run's.
    """
    falls: Counter[str] = Counter()
    rises: Counter[str] = Counter()
    before: dict[str, Any] | None = None
    for line in log.splitlines():
        if not line.startswith(b'{"c":'):
            continue
        limits = json.loads(line)["c"]["limits"]
        if before is not None and limits["lots"] != before["lots"]:
            fell = min(limits["lots"]) < min(before["lots"])
            (falls if fell else rises)[_why(before, limits)] += 1
        before = limits
    ready = summary["ready_cycles"]
    return Moves(
        falls=dict(falls.most_common()),
        rises=dict(rises.most_common()),
        ready_cycles=ready,
        two_sided_frac=summary["two_sided_cycles"] / ready if ready else None,
        valid_frac=summary["limit"]["valid_cycles"] / ready if ready else None,
    )


def _why(before: dict[str, Any], now: dict[str, Any]) -> str:
    """The source when that changed, the mid when the value did not, else the term that binds."""
    if now["source"] != before["source"]:
        return f"{before['source']} to {now['source']}"
    if now["value"] == before["value"]:
        return "mid"
    side = 0 if now["lots"][0] <= now["lots"][1] else 1
    return str(now["binding"][side])
