"""The log lines about limits that an operator greps, made from what the engine logged.

Sentences and field names are fixed by LIMITS.md 2. Only what changed is written: a warning when
the position passes 50, 75 or 90 % of the limit, or reduce-only begins or ends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from mm.figures import coin_text, decimal_text
from mm.report import Snapshot, binding_text

log = structlog.get_logger(__name__)

CYCLE_LINE = b'{"c":'
CAPACITY_MARKS = (0.5, 0.75, 0.9)
# A mark is passed anew only after the position has fallen to this share of it.
REARM = 0.8
# Utilisation from which reduce-only is possible at all, so that the snapshot is worth a look.
NEAR = CAPACITY_MARKS[0]


class CycleWatch:
    """Reads each step's log lines and says what an operator must know."""

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        sz_decimals: int,
        static_max_position: str,
        *,
        debug: bool,
    ) -> None:
        """Watch one engine.

        Args:
            snapshot: Of the engine.
            sz_decimals: Of the coin's sizes.
            static_max_position: The configured warm-up limit with its unit, for comparison.
            debug: Whether debug lines are written at all; making them costs a snapshot a cycle.
        """
        self._snapshot = snapshot
        self._sz_decimals = sz_decimals
        self._static = static_max_position
        self._debug = debug
        self._lots: tuple[int, int] | None = None
        self._mark = 0
        self._reduce_only = False

    def read(self, lines: bytes) -> None:
        """Take the log lines of one step."""
        at = lines.find(CYCLE_LINE)
        # A frame can carry several events: each has a cycle of its own.
        while at >= 0:
            end = lines.find(b"\n", at)
            if at == 0 or lines[at - 1 : at] == b"\n":
                self._cycle(json.loads(lines[at:end])["c"])
            at = lines.find(CYCLE_LINE, end)

    def _cycle(self, cycle: Mapping[str, Any]) -> None:
        limits = cycle["limits"]
        long, short = limits["lots"]
        position = cycle["position"]
        bound = long if position > 0 else short
        used = utilisation(position, bound)
        if self._debug:
            self._say_limit(cycle, (long, short))
            self._say_inputs(cycle)
        self._lots = (long, short)
        self._say_capacity(cycle, used, bound)
        if used >= NEAR or self._reduce_only:
            self._say_reduce_only(cycle, used, bound)

    def _say_limit(self, cycle: Mapping[str, Any], lots: tuple[int, int]) -> None:
        if lots == self._lots:
            return
        old = self._lots
        log.debug(
            "Effective max position updated from first principles",
            cycle=cycle["cycle"],
            old_long=None if old is None else self._coin(old[0]),
            old_short=None if old is None else self._coin(old[1]),
            new_long=self._coin(lots[0]),
            new_short=self._coin(lots[1]),
            binding=binding_text(cycle["limits"]),
            source=cycle["limits"]["source"],
        )

    def _say_inputs(self, cycle: Mapping[str, Any]) -> None:
        snapshot = self._snapshot()
        limits = cycle["limits"]
        long, short = limits["lots"]
        valid = limits["source"] == "valid"
        log.debug(
            "Quote inputs",
            cycle=cycle["cycle"],
            effective_max_pos=self._coin(min(long, short)),
            dynamic_max_pos=self._coin(min(long, short)) if valid else None,
            static_max_pos=self._static,
            position=self._coin(cycle["position"]),
            mid=limits["inputs"]["mid"],
            microprice=snapshot["microprice"],
            sigma=limits["inputs"]["sigma"],
            kappa=snapshot["kappa_per_bps"],
        )

    def _say_capacity(self, cycle: Mapping[str, Any], used: float, bound: int) -> None:
        mark = sum(used >= level for level in CAPACITY_MARKS)
        if mark < self._mark and used > REARM * CAPACITY_MARKS[self._mark - 1]:
            return
        if mark > self._mark:
            log.warning(
                "position_near_limit",
                cycle=cycle["cycle"],
                passed_pct=int(100 * CAPACITY_MARKS[mark - 1]),
                utilisation_pct=percent(used),
                position=self._coin(cycle["position"]),
                effective_max_pos=self._coin(bound),
            )
        self._mark = mark

    def _say_reduce_only(self, cycle: Mapping[str, Any], used: float, bound: int) -> None:
        reduce_only = bool(self._snapshot()["reduce_only"])
        if reduce_only != self._reduce_only:
            log.warning(
                "reduce_only_entered" if reduce_only else "reduce_only_left",
                cycle=cycle["cycle"],
                effective_max_pos=self._coin(bound),
                utilisation_pct=percent(used),
                position=self._coin(cycle["position"]),
            )
        self._reduce_only = reduce_only

    def _coin(self, lots: int) -> str:
        return decimal_text(lots, self._sz_decimals)


def utilisation(position: int, bound: int) -> float:
    """Share of the limit that a position uses; infinite when there is a position and no limit."""
    if position == 0:
        return 0.0
    return abs(position) / bound if bound > 0 else float("inf")


def percent(share: float) -> str:
    """A share as percent with two decimals."""
    return f"{100 * share:.2f}"


def position_text(snapshot: Snapshot, sz_decimals: int, coin: str) -> str:
    """A position with its coin, signed."""
    text = coin_text(snapshot["position"], sz_decimals)
    return f"{'+' if snapshot['position'] > 0 else ''}{text} {coin}"
