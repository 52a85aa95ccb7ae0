"""When the watchdog acts: a pure function of heartbeats, the maker's life and the exchange's word.

    Watching --silent, dead, drift, asked--> Working --flat, goodbye, fresh beat--> Done, Watching

What is measured is the time since this process last *saw a new beat*, on its own clock, so no two
clocks are ever compared, and a watchdog that was itself asleep looks before it judges.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mm.heartbeat import Beat

# Looks at a position that stood still, each of which must differ, before that is called drift.
DRIFT_LOOKS = 3

Why = Literal["silent", "dead", "drift", "asked"]


@dataclass(frozen=True, slots=True)
class Patience:
    """Wall seconds.

    Attributes:
        silence_s: Without a new beat, after which the maker counts as silent.
        drift_s: For which the exchange's position must differ from the engine's.
    """

    silence_s: float
    drift_s: float


@dataclass(slots=True)
class _Differing:
    """A coin whose position is not the exchange's: since when, and in how many looks."""

    since_s: float
    looks: int = 0


class Judgement:
    """Watches one maker."""

    def __init__(self, patience: Patience, now_s: float) -> None:
        """Begin to watch.

        Args:
            patience: How long to wait for what.
            now_s: This process's monotonic time, seconds.
        """
        self._patience = patience
        self._beat: Beat | None = None
        self._seen_s = now_s
        self._dead = False
        # The exchange's positions since the last beat; judged when the next beat says ours.
        self._asked: Mapping[str, int] | None = None
        self._differing: dict[str, _Differing] = {}

    @property
    def beat(self) -> Beat | None:
        """The newest beat."""
        return self._beat

    def hear(self, beat: Beat | None, now_s: float) -> bool:
        """Take what the heartbeat file says now; returns whether it is new."""
        old = self._beat
        if beat is None or (old is not None and _same(old, beat)):
            return False
        if old is not None and old.session != beat.session:
            self._differing.clear()
        elif old is not None and self._asked is not None:
            self._compare(old, beat, self._asked, now_s)
        self._asked = None
        self._beat = beat
        self._seen_s = now_s
        return True

    def alive(self, lives: bool) -> None:
        """Take whether the maker's process lives, as found before the newest beat was read."""
        self._dead = not lives

    def positions(self, lots: Mapping[str, int]) -> None:
        """Take the exchange's position in each coin, asked for and answered since the last beat."""
        self._asked = lots

    def why_act(self, now_s: float) -> Why | None:
        """Why the watchdog must act; `None`: the maker looks after itself."""
        beat = self._beat
        if beat is None or beat.asks == "goodbye":
            return None
        if beat.asks != "watch":
            return "asked"
        if self._dead:
            return "dead"
        if now_s - self._seen_s > self._patience.silence_s:
            return "silent"
        for found in self._differing.values():
            if found.looks >= DRIFT_LOOKS and now_s - found.since_s > self._patience.drift_s:
                return "drift"
        return None

    def over(self) -> bool:
        """Whether the maker has said goodbye."""
        return self._beat is not None and self._beat.asks == "goodbye"

    def _compare(self, before: Beat, after: Beat, asked: Mapping[str, int], now_s: float) -> None:
        """A position that moved between two beats cannot be compared with one asked in between."""
        for coin, lots in asked.items():
            position = after.of(coin).position
            if position is None or before.of(coin).position != position:
                continue
            if lots == position:
                self._differing.pop(coin, None)
                continue
            found = self._differing.setdefault(coin, _Differing(now_s))
            found.looks += 1


def _same(old: Beat, new: Beat) -> bool:
    return (old.session, old.pid, old.number) == (new.session, new.pid, new.number)
