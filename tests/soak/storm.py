"""What goes wrong in a soak: every kind of fault that comes again, by seed."""

import os
from typing import Any

Json = Any  # whatever JSON holds

WHOLE = os.environ.get("MM_SOAK") == "whole"
"""Market hours instead of market minutes."""
SEED = int(os.environ.get("MM_SOAK_SEED", "7"))
"""Of the market and of every fault: a soak that failed is repeated with its seed."""

CHANCES: dict[str, float] = {
    **dict.fromkeys(("lost_reply", "never_arrives", "late_arrival", "late_reply", "hung"), 0.01),
    **dict.fromkeys(("refused_batch", "partial_batch", "failed_cancel"), 0.015),
    **dict.fromkeys(("http429", "http5xx"), 0.015),
    **dict.fromkeys(("duplicate_frame", "reorder_frame", "drop_frame"), 0.01),
}
"""Of an action or a frame of the account: how many there are is the maker's choice."""

TIMES_AN_HOUR: dict[str, float] = {
    # What takes a line away: each takes up to 40 s to be noticed.
    **dict.fromkeys(("disconnect", "half_open", "silent_stream", "stale_book"), 40.0),
    **dict.fromkeys(("clock_skew", "snapshot_replay", "post_only"), 90.0),
    **dict.fromkeys(("oracle_jump", "funding_spike", "funding", "transfer"), 90.0),
    **dict.fromkeys(("burst", "sweep"), 160.0),
    **dict.fromkeys(("price_jump", "leverage"), 20.0),
}
"""Together one every three market seconds, whatever the maker does.

No order by hand: whoever places one takes it away.
"""
LEAST_A_MINUTE = 15
"""Faults met: fewer are no storm."""


def plan(seed: int, share: float = 1.0) -> Json:
    """A plan of faults, all of them so much rarer."""
    rates = {kind: rate * share for kind, rate in (CHANCES | TIMES_AN_HOUR).items()}
    return {"seed": seed, "rates": rates}


# The guards on losses stand wide open: where everything goes wrong all day they would end every run
# within minutes, and what is looked at here is whether it goes on, and what it holds.
LOSING = {"limits.daily_loss_frac": 0.9, "limits.drawdown_frac": 0.9}
