"""Writes down what a step of the engine brought, before an action of that step is sent.

After each step: new ledger entries, and the kill record when the switch has latched. On a beat:
the day's counters and the last known status, for a process that is killed tells nobody how it
stood. What this costs the loop is in ARCHITECTURE.md.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from mm.errors import StateError
from mm.figures import coin_text
from mm.inbox import Command, Inbox
from mm.kill_record import KillRecord
from mm.ledger import DAY_NS, Books
from mm.status import standing
from mm.store import Store

log = structlog.get_logger(__name__)

# Wall seconds between two looks at the day's counters and at how the maker stands.
BEAT_S = 1.0
# Beats between two moves of the log beside the database into it.
CHECKPOINT_BEATS = 30
# Of a kill that followed another coin's.
ELSEWHERE = "other_coin"
# Of a position that neither fills nor a correction explain.
UNEXPLAINED = "position_unexplained"

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
    """Keeps what one coin's engine promises to the next run.

    Attributes:
        why: What the operator gave as the reason of a manual kill.
    """

    def __init__(
        self,
        engine: Told,
        store: Store,
        books: Books,
        whose: Whose,
        beside: Sequence[Inbox] = (),
        *,
        leads: bool = True,
    ) -> None:
        """Prepare.

        Args:
            engine: Of the coin.
            store: The account's database.
            books: The coin's ledger.
            whose: Run and coin.
            beside: Queues of the other coins: a latch is the account's.
            leads: Whether it keeps the account's loss budgets, which every engine has alike.
        """
        self._engine, self._store, self._books, self._whose = engine, store, books, whose
        self._beside, self._leads = beside, leads
        self._budget: Json | None = None
        self._limit: Json | None = None
        self._killed: KillRecord | None = None
        self._kill_written = False
        self.why = ""

    @property
    def killed(self) -> KillRecord | None:
        """The kill that was latched in this run; `None`: none."""
        return self._killed

    @property
    def coin(self) -> str:
        """The perp."""
        return self._whose.coin

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
        snapshot = self._engine.snapshot()
        kill = snapshot["kill"]
        for inbox in self._beside:
            inbox.put(Command(snapshot["now"], "kill_elsewhere", None))
        self._keep(snapshot, kill, self.why if kill["reason"] == "manual" else "")

    def disagrees(self, lots: int) -> bool:
        """Whether the engine's position is not this one, signed lots."""
        return bool(self._engine.snapshot()["position"] != lots)

    def distrust(self, lots: int | None, on_kill: str) -> None:
        """Latch what the watchdog found, as the engine would have: a position not explained.

        Args:
            lots: The exchange's position, signed; `None`: not told.
            on_kill: What is to happen to the position: work, flatten or hold.
        """
        snapshot = self._engine.snapshot()
        ours = snapshot["position"]
        kill = {
            "reason": UNEXPLAINED,
            "at": snapshot["now"],
            "position": ours if lots is None else lots,
            "equity": snapshot["account_value"],
            "on_kill": on_kill,
        }
        whose = self._whose
        said = f"{coin_text(ours, whose.sz_decimals)} {whose.coin}"
        self._keep(snapshot, kill, f"found by the watchdog, the engine's was {said}")

    def _keep(self, snapshot: Json, kill: Mapping[str, Any], detail: str) -> None:
        whose = self._whose
        # The watchdog may have found it before the engine did: the first one stands.
        if self._killed is not None:
            return
        self._killed = KillRecord.of_snapshot(
            kill, whose.coin, whose.sz_decimals, whose.session, detail
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
        """Keep the day's counters and the last valid limit, where they changed.

        Returns:
            How the coin stands.
        """
        self._write_kill()
        snapshot = self._engine.snapshot()
        self._save_budget(snapshot["budget"])
        self._save_limit(snapshot["kept_limit"])
        whose = self._whose
        return {
            "sz_decimals": whose.sz_decimals,
            "day": self._books.day(snapshot["now"] // DAY_NS).shown(),
            "requests_left": snapshot["requests_left"],
            "standing": standing(snapshot, whose.coin, whose.sz_decimals),
        }

    def _save_budget(self, budget: Json | None) -> None:
        if self._leads and budget is not None and budget != self._budget:
            self._store.save_budget(json.dumps(budget))
            self._budget = budget

    def _save_limit(self, limit: Json | None) -> None:
        if limit is not None and limit != self._limit:
            self._store.save_limit(self._whose.coin, json.dumps(limit))
            self._limit = limit


class Keepers:
    """Those of all coins of a run."""

    def __init__(self, keepers: Sequence[Keeper], store: Store, session: int, run_dir: str) -> None:
        """Take them.

        Args:
            keepers: One a coin.
            store: The account's database.
            session: Id of the run.
            run_dir: Of the run.
        """
        self._keepers, self._store = keepers, store
        self._session, self._run_dir = session, run_dir
        self._beside: dict[str, Callable[[], Json]] = {}

    def also(self, name: str, tell: Callable[[], Json]) -> None:
        """Keep one thing more of the account's with how the maker stands.

        Args:
            name: Of it.
            tell: Says it, whenever all is kept.
        """
        self._beside[name] = tell

    @property
    def killed(self) -> KillRecord | None:
        """The kill that was latched first in this run, whichever coin's; `None`: none."""
        latched = [keeper.killed for keeper in self._keepers if keeper.killed is not None]
        # The others heard of it no earlier.
        return min(latched, key=lambda kill: (kill.reason == ELSEWHERE, kill.at_ns), default=None)

    def distrust(self, positions: Mapping[str, int] | None, on_kill: str) -> None:
        """Latch that the watchdog found another position than the engine's, where none is yet.

        Args:
            positions: The exchange's, signed lots by coin; `None`: not told.
            on_kill: What is to happen to the position: work, flatten or hold.
        """
        if self.killed is not None:
            return
        told = positions or {}
        differing = (
            keeper
            for keeper in self._keepers
            if keeper.coin in told and keeper.disagrees(told[keeper.coin])
        )
        keeper = next(differing, self._keepers[0])
        keeper.distrust(told.get(keeper.coin), on_kill)

    def give_reason(self, why: str) -> None:
        """Take the operator's words for a manual kill."""
        for keeper in self._keepers:
            keeper.why = why

    def save(self) -> Json:
        """Keep the day's counters, where they changed, and how the maker stands.

        Returns:
            How it stands: each of `coins`, and at the top level what is the same for all. A maker
            of one coin has that coin's there too.
        """
        coins = [keeper.save() for keeper in self._keepers]
        alone = coins[0] if len(coins) == 1 else dict.fromkeys(coins[0])
        status = {
            "session": self._session,
            "run_dir": self._run_dir,
            **alone,
            "requests_left": coins[0]["requests_left"],
            "coins": coins,
            **{name: tell() for name, tell in self._beside.items()},
        }
        self._store.save("status", json.dumps(status))
        return status

    async def run(self) -> None:
        """Save on the beat until cancelled, and keep the log beside the database short."""
        beats = 0
        while True:
            await asyncio.sleep(BEAT_S)
            self.save()
            beats += 1
            if beats % CHECKPOINT_BEATS == 0:
                await asyncio.to_thread(self._store.checkpoint)
