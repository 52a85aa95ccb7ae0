"""Writes down what a step of the engine brought, before an action of that step is sent.

After each step: new ledger entries, and the kill record when the switch has latched. On a beat:
the day's counters and the last known status, for a process that is killed tells nobody how it
stood. What this costs the loop is in ARCHITECTURE.md.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from mm.errors import StateError
from mm.kill_record import KillRecord
from mm.ledger import DAY_NS, Books
from mm.status import standing
from mm.store import Store

log = structlog.get_logger(__name__)

# Wall seconds between two looks at the day's counters and at how the maker stands.
BEAT_S = 1.0
# Beats between two moves of the log beside the database into it.
CHECKPOINT_BEATS = 30

Json = dict[str, Any]  # Any: whatever JSON holds


class Told(Protocol):
    """What is asked of the engine; see `mm._core.Engine`."""

    def take_entries(self) -> list[Json]:
        """Ledger entries since the last call."""
        ...

    def snapshot(self) -> Json:
        """Everything shown, as of the last step."""
        ...


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose run is written down.

    Attributes:
        session: Its id.
        coin: The perp.
        sz_decimals: Of its sizes.
        run_dir: Of its log.
    """

    session: int
    coin: str
    sz_decimals: int
    run_dir: str


class Keeper:
    """Keeps one run's promises to the next.

    Attributes:
        why: What the operator gave as the reason of a manual kill.
    """

    def __init__(self, engine: Told, store: Store, books: Books, whose: Whose) -> None:
        self._engine, self._store, self._books, self._whose = engine, store, books, whose
        self._budget: Json | None = None
        self._killed: KillRecord | None = None
        self._kill_written = False
        self.why = ""

    @property
    def killed(self) -> KillRecord | None:
        """The kill that was latched in this run; `None`: none."""
        return self._killed

    def after_step(self, alarms: Sequence[Mapping[str, Any]]) -> None:
        """Keep what the step that was just made brought: a kill before anything else.

        Args:
            alarms: Of the step.

        Raises:
            StateError: A ledger entry could not be written.
        """
        if any(alarm["alarm"] == "kill_latched" for alarm in alarms):
            self._latch()
        if entries := self._engine.take_entries():
            self._books.post(entries)

    def _latch(self) -> None:
        """Keep the kill that the engine has just latched, on the disk before this returns.

        With it the day's counters as the kill found them: an acknowledged drawdown counts on from
        that equity. A disk that does not take them stops nothing of what a kill has to do; the
        beat tries again.
        """
        whose, snapshot = self._whose, self._engine.snapshot()
        kill = snapshot["kill"]
        self._killed = KillRecord.of_snapshot(
            kill,
            whose.coin,
            whose.sz_decimals,
            whose.session,
            detail=self.why if kill["reason"] == "manual" else "",
        )
        self._write_kill()
        try:
            self._save_budget(snapshot["budget"])
        except StateError as error:
            log.error("budget_not_saved", why=str(error))
        log.error("killed", **self._killed.shown())

    def _write_kill(self) -> None:
        if self._killed is None or self._kill_written:
            return
        try:
            self._store.latch_kill(self._killed)
            self._kill_written = True
        except StateError as error:
            log.error("kill_record_not_written", why=str(error))

    def save(self) -> Json:
        """Keep the day's counters, where they changed, and how the maker stands.

        Returns:
            How it stands.
        """
        self._write_kill()
        snapshot = self._engine.snapshot()
        self._save_budget(snapshot["budget"])
        whose = self._whose
        status = {
            "session": whose.session,
            "run_dir": whose.run_dir,
            "sz_decimals": whose.sz_decimals,
            "day": self._books.day(snapshot["now"] // DAY_NS).shown(),
            "requests_left": snapshot["requests_left"],
            "standing": standing(snapshot, whose.coin, whose.sz_decimals),
        }
        self._store.save("status", json.dumps(status))
        return status

    def _save_budget(self, budget: Json | None) -> None:
        if budget is not None and budget != self._budget:
            self._store.save_budget(json.dumps(budget))
            self._budget = budget

    async def run(self) -> None:
        """Save on the beat until cancelled, and keep the log beside the database short."""
        beats = 0
        while True:
            await asyncio.sleep(BEAT_S)
            self.save()
            beats += 1
            if beats % CHECKPOINT_BEATS == 0:
                await asyncio.to_thread(self._store.checkpoint)
