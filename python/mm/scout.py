"""What is left for a maker at each distance, from a recording, before money is risked.

A maker at `depth` earns `depth - cost - fee` bps of a sweep that reaches it; the cost is the mean
move of the mid against it (MODELS.md P1.2b). Only an interval that leaves zero out says anything,
and many distances are looked at: the intervals hold for all of them at once (Bonferroni), by
Student's t of each distance's own number of moves. Fee tiers need no wider ones: a fee is known,
and only shifts the one interval of the cost that all tiers of a distance are judged by.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mm._core import Tape
from mm._core import scout as scout_core
from mm.backtest import Recording
from mm.errors import EventError
from mm.student import quantile

Verdict = Literal["edge", "loss", "cannot tell", "too few"]

MOVES_MIN = 10
"""Moves apart below which a mean has no interval worth a verdict."""


@dataclass(frozen=True, slots=True)
class Tier:
    """One distance at one fee tier of the venue.

    Attributes:
        volume_usd: Of fourteen days, from which the tier holds; 0: the base.
        maker_bps: Its maker fee.
        net_bps: Left after the cost and that fee.
        verdict: What the interval of the net says.
    """

    volume_usd: int
    maker_bps: float
    net_bps: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Row:
    """One distance of one side.

    Attributes:
        side: Of the maker: `bid` or `ask`.
        depth_bps: From the mid before a sweep.
        sweeps_per_h: Sweeps that came there or further.
        n: Moves apart from each other.
        cost_bps: Mean move against the maker.
        half_width_bps: Half of the interval of it that holds for all rows at once.
        net_bps: Left after the cost and the fee.
        verdict: What the interval of the net says.
        tiers: The same at each fee tier of the venue, base first.
    """

    side: str
    depth_bps: float
    sweeps_per_h: float
    n: float
    cost_bps: float
    half_width_bps: float
    net_bps: float
    verdict: Verdict
    tiers: tuple[Tier, ...]

    @property
    def break_even_fee_bps(self) -> float:
        """The fee that leaves nothing."""
        return self.depth_bps - self.cost_bps

    @property
    def edge_from(self) -> Tier | None:
        """The first tier with an edge; `None`: no tier has one."""
        return next((tier for tier in self.tiers if tier.verdict == "edge"), None)


@dataclass(frozen=True, slots=True)
class Scouted:
    """What one recording says at one horizon and fee.

    Attributes:
        seen: As the core tells it.
        horizon_s: After a sweep.
        fee_bps: Maker fee.
        level: Of the intervals, all of them together.
        rows: By depth, bid before ask.
    """

    seen: dict[str, Any]  # Any: JSON
    horizon_s: int
    fee_bps: float
    level: float
    rows: tuple[Row, ...]

    def as_json(self) -> dict[str, Any]:
        """One object: what was seen, and the rows."""
        rows = [
            {
                "side": row.side,
                "depth_bps": row.depth_bps,
                "sweeps_per_h": row.sweeps_per_h,
                "n": row.n,
                "cost_bps": row.cost_bps,
                "half_width_bps": row.half_width_bps,
                "net_bps": row.net_bps,
                "break_even_fee_bps": row.break_even_fee_bps,
                "verdict": row.verdict,
                "tiers": [asdict(tier) for tier in row.tiers],
                "edge_from_volume_usd": row.edge_from.volume_usd if row.edge_from else None,
            }
            for row in self.rows
        ]
        given = {"horizon_s": self.horizon_s, "fee_bps": self.fee_bps, "level": self.level}
        return self.seen | given | {"rows": rows}


def scout(
    recordings: Sequence[Recording], horizon_s: int, fee_bps: float | None, level: float
) -> list[Scouted]:
    """Look at recordings, one coin each.

    Args:
        recordings: Of the coins.
        horizon_s: After a sweep: 1, 5 or 30.
        fee_bps: Maker fee; None: the venue's base.
        level: Probability that all intervals of all recordings hold, between 0 and 1.

    Returns:
        One for each recording, in order.

    Raises:
        EventError: A recording cannot be read, or holds no market for a moment.
    """
    seen = [_seen(recording) for recording in recordings]
    judged = [cell for one in seen for cell in _cells(one, horizon_s) if _is_enough(cell)]
    within = 1.0 - (1.0 - level) / (2.0 * max(len(judged), 1))
    found = []
    for one in seen:
        fee = one["fee_tiers"][0]["maker_bps"] if fee_bps is None else fee_bps
        cells = _cells(one, horizon_s)
        rows = tuple(_row(cell, within, fee, one["fee_tiers"]) for cell in cells)
        found.append(Scouted(one, horizon_s, fee, level, rows))
    return found


def _seen(recording: Recording) -> dict[str, Any]:
    path = recording.paths[0]
    try:
        seen: dict[str, Any] = json.loads(scout_core(Tape(recording.instrument, recording.frames)))
    except EventError as error:
        raise EventError(f"{path}: {error}") from error
    if not seen["watched_s"]:
        raise EventError(f"{path}: no two books of {seen['coin']} within 15 s of each other")
    return seen


Cell = tuple[str, dict[str, Any], dict[str, Any]]


def _is_enough(cell: Cell) -> bool:
    return bool(cell[2]["n"] >= MOVES_MIN)


def _cells(seen: dict[str, Any], horizon_s: int) -> list[Cell]:
    """Side, depth and cost where any is known: by depth, bid before ask."""
    cells = [
        (side["side"].lower(), depth, cost)
        for side in seen["sides"]
        for depth in side["depths"]
        for cost in depth["costs"]
        if cost["horizon_s"] == horizon_s
    ]
    return sorted(cells, key=lambda cell: (cell[1]["depth_bps"], cell[0] != "bid"))


def _row(cell: Cell, within: float, fee_bps: float, tiers: Sequence[dict[str, Any]]) -> Row:
    """`within`: the probability of a mean below the upper end of its interval."""
    side, depth, cost = cell
    half = quantile(within, cost["n"] - 1.0) * cost["se_bps"]

    def judged(fee_bps: float) -> tuple[float, Verdict]:
        net = depth["depth_bps"] - cost["mean_bps"] - fee_bps
        if not _is_enough(cell):
            return net, "too few"
        return net, "edge" if net > half else "loss" if net < -half else "cannot tell"

    net, verdict = judged(fee_bps)
    return Row(
        side=side,
        depth_bps=depth["depth_bps"],
        sweeps_per_h=depth["sweeps_per_h"],
        n=cost["n"],
        cost_bps=cost["mean_bps"],
        half_width_bps=half,
        net_bps=net,
        verdict=verdict,
        tiers=tuple(
            Tier(tier["volume_usd"], tier["maker_bps"], *judged(tier["maker_bps"]))
            for tier in tiers
        ),
    )
