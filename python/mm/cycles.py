"""The log lines that an operator greps, made from what the engine logged.

The sentences about the limit and their field names are fixed by LIMITS.md 2. Warnings are the
engine's alarms, each told once, in the step that raised it.
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
ALARMS_LINE = b'{"w":'
# Alarms that ask nobody to act.
QUIET = frozenset({"mode_changed", "position_explained"})
# Fields in lots, and in micro-USDC.
IN_LOTS = frozenset({"position", "limit", "drift", "sz", "from", "to"})
IN_USD = frozenset({"equity", "fee"})
# What LIMITS.md 2 calls them.
NAMES = {"limit": "effective_max_pos", "utilization_bps": "utilisation_pct"}


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

    def read(self, lines: bytes) -> None:
        """Take the log lines of one step."""
        if not self._debug and ALARMS_LINE not in lines:
            return
        # A frame can carry several events: each has a cycle and alarms of its own.
        for line in lines.splitlines():
            if line.startswith(ALARMS_LINE):
                for alarm in json.loads(line)["w"]:
                    self._say_alarm(alarm)
            elif self._debug and line.startswith(CYCLE_LINE):
                self._cycle(json.loads(line)["c"])

    def _cycle(self, cycle: Mapping[str, Any]) -> None:
        long, short = cycle["limits"]["lots"]
        self._say_limit(cycle, (long, short))
        self._say_inputs(cycle)
        self._lots = (long, short)

    def _say_alarm(self, alarm: Mapping[str, Any]) -> None:
        name = alarm["alarm"]
        fields = {
            NAMES.get(key, key): self._shown(key, value)
            for key, value in alarm.items()
            if key != "alarm"
        }
        say = log.info if name in QUIET else log.warning
        say(name, **fields)

    def _shown(self, key: str, value: object) -> object:
        if key == "utilization_bps":
            return "inf" if value is None else percent(int(str(value)) / 10_000)
        if not isinstance(value, int):
            return value
        if key in IN_LOTS:
            return self._coin(value)
        return f"{value / 1e6:.2f}" if key in IN_USD else value

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
