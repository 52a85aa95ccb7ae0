"""What is written down after a step and on the beat, in which order, and what a bad disk stops."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from engine_desk import EngineDesk
from mm.errors import StateError
from mm.keeper import BEAT_S, CHECKPOINT_BEATS, Keeper, Keepers, Whose
from mm.kill_record import KillRecord
from mm.ledger import DAY_NS
from mm.status import standing
from mm.store import Store
from stage.virtual import virtual_loop

pytestmark = pytest.mark.virtual

Json = Any  # whatever JSON holds
WHOSE = Whose(session=7, coin="BTC", sz_decimals=5, run_dir="/runs/7")
KILL = {
    "reason": "drawdown",
    "at": 1_767_225_600_000_000_000,
    "position": -123,
    "equity": 9_512_340_000,
    "on_kill": "flatten",
}
LATCHED = [{"alarm": "unknown_fill"}, {"alarm": "kill_latched"}]


@dataclass
class Shelf:
    """Engine, database and books in one: what was kept, in its order, and what fails now."""

    snapshot_now: Json
    kept: list[tuple[str, Json]] = field(default_factory=list)
    entries: list[Json] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def _keep(self, kind: str, what: Json) -> None:
        if kind in self.broken:
            raise StateError(f"no room for {kind}")
        self.kept.append((kind, what))

    def snapshot(self) -> Json:
        return self.snapshot_now

    def take_entries(self) -> list[Json]:
        taken, self.entries = self.entries, []
        return taken

    def post(self, entries: list[Json]) -> None:
        self._keep("entries", entries)

    def latch_kill(self, record: KillRecord) -> None:
        self._keep("kill", record)

    def save_budget(self, text: str) -> None:
        self._keep("budget", json.loads(text))

    def save_limit(self, coin: str, text: str) -> None:
        self._keep(f"limit/{coin}", json.loads(text))

    def save(self, kind: str, text: str) -> None:
        self._keep(kind, json.loads(text))

    def checkpoint(self) -> None:
        self._keep("checkpoint", virtual_loop().time())

    def day(self, number: int) -> Json:
        return SimpleNamespace(shown=lambda: {"day": number})

    def of(self, kind: str) -> list[Json]:
        return [what for of, what in self.kept if of == kind]


@pytest.fixture
def shelf() -> Shelf:
    snapshot = EngineDesk().open().engine.snapshot()
    return Shelf({**snapshot, "budget": {"day": 3, "peak": 10_000}, "kept_limit": None})


@pytest.fixture
def keeper(shelf: Shelf) -> Keeper:
    me: Any = shelf
    return Keeper(me, me, me, WHOSE)


def record(detail: str = "", reason: str = "drawdown") -> KillRecord:
    return KillRecord(
        reason=reason,
        detail=detail,
        at_ns=1_767_225_600_000_000_000,
        coin="BTC",
        sz_decimals=5,
        position=-123,
        equity=9_512_340_000,
        on_kill="flatten",
        session=7,
    )


def test_entries_are_posted_and_a_step_without_any_writes_nothing(
    shelf: Shelf, keeper: Keeper
) -> None:
    keeper.after_step([{"alarm": "unknown_fill"}])
    assert shelf.kept == []
    shelf.entries = [{"kind": "fill"}]
    keeper.after_step([])
    assert shelf.kept == [("entries", [{"kind": "fill"}])]
    assert keeper.killed is None


def test_a_kill_is_kept_before_anything_else_of_its_step(shelf: Shelf, keeper: Keeper) -> None:
    shelf.snapshot_now["kill"] = KILL
    shelf.entries = [{"kind": "fill"}]
    keeper.why = "words that are for a manual kill alone"
    with capture_logs() as logged:
        keeper.after_step(LATCHED)
    assert shelf.kept == [
        ("kill", record()),
        ("budget", {"day": 3, "peak": 10_000}),
        ("entries", [{"kind": "fill"}]),
    ]
    assert keeper.killed == record()
    assert logged == [{"event": "killed", "log_level": "error", **record().shown()}]


def test_a_manual_kill_keeps_what_the_operator_gave_as_its_reason(
    shelf: Shelf, keeper: Keeper
) -> None:
    shelf.snapshot_now["kill"] = {**KILL, "reason": "manual"}
    keeper.after_step(LATCHED)
    assert shelf.of("kill")[0].detail == ""
    other = Keeper(shelf, shelf, shelf, WHOSE)  # type: ignore[arg-type]  # all of them in one
    other.why = "the venue halts"
    other.after_step(LATCHED)
    assert other.killed == record("the venue halts", "manual")


def test_a_kill_that_the_disk_refuses_is_told_and_written_on_the_beat(
    shelf: Shelf, keeper: Keeper
) -> None:
    shelf.snapshot_now["kill"] = KILL
    shelf.broken = {"kill", "budget"}
    with capture_logs() as logged:
        keeper.after_step(LATCHED)
    assert [(row["event"], row.get("why")) for row in logged] == [
        ("kill_record_not_written", "no room for kill"),
        ("budget_not_saved", "no room for budget"),
        ("killed", None),
    ]
    assert {row["log_level"] for row in logged} == {"error"}
    assert keeper.killed == record()
    shelf.broken.clear()
    keeper.save()
    keeper.save()
    assert [kind for kind, _ in shelf.kept] == ["kill", "budget"]


def test_an_entry_that_cannot_be_kept_stops_the_step(shelf: Shelf, keeper: Keeper) -> None:
    shelf.entries, shelf.broken = [{"kind": "fill"}], {"entries"}
    with pytest.raises(StateError, match="no room for entries"):
        keeper.after_step([])


def test_how_it_stands_is_saved_whole_and_the_budget_where_it_changed(
    shelf: Shelf, keeper: Keeper
) -> None:
    shelf.snapshot_now |= {"now": 21_000 * DAY_NS - 1, "requests_left": 9_321}
    keepers = Keepers([keeper], cast(Store, shelf), 7, "/runs/7")
    saved = keepers.save()
    own = {
        "sz_decimals": 5,
        "day": {"day": 20_999},
        "requests_left": 9_321,
        "standing": standing(shelf.snapshot_now, "BTC", 5),
    }
    assert saved == {"session": 7, "run_dir": "/runs/7", **own, "coins": [own]}
    assert shelf.kept == [("budget", {"day": 3, "peak": 10_000}), ("status", saved)]
    keepers.also("more", lambda: {"said": 1})
    assert keepers.save() == {**saved, "more": {"said": 1}}
    assert shelf.kept.pop() == ("status", {**saved, "more": {"said": 1}})
    shelf.snapshot_now["budget"] = None
    keepers.save()
    shelf.snapshot_now["budget"] = {"day": 3, "peak": 10_000}
    keepers.save()
    assert len(shelf.of("budget")) == 1
    shelf.snapshot_now["budget"] = {"day": 3, "peak": 10_001}
    keepers.save()
    assert shelf.of("budget")[1] == {"day": 3, "peak": 10_001}
    assert len(shelf.of("status")) == 4


def test_the_limit_is_saved_of_each_coin_and_where_it_changed(shelf: Shelf, keeper: Keeper) -> None:
    shelf.snapshot_now |= {"now": 21_000 * DAY_NS - 1, "requests_left": 9_321}
    for held in (5, 5, None, 6):
        shelf.snapshot_now["kept_limit"] = None if held is None else {"held": held}
        keeper.save()
    assert shelf.of("limit/BTC") == [{"held": 5}, {"held": 6}]


async def test_it_saves_on_the_beat_and_moves_the_log_beside_the_database_now_and_then(
    shelf: Shelf, keeper: Keeper
) -> None:
    began_s = virtual_loop().time()
    task = asyncio.ensure_future(Keepers([keeper], cast(Store, shelf), 7, "/runs/7").run())
    await asyncio.sleep((2 * CHECKPOINT_BEATS + 0.5) * BEAT_S)
    task.cancel()
    assert len(shelf.of("status")) == 2 * CHECKPOINT_BEATS
    assert [at_s - began_s for at_s in shelf.of("checkpoint")] == pytest.approx(
        [CHECKPOINT_BEATS * BEAT_S, 2 * CHECKPOINT_BEATS * BEAT_S]
    )


def test_what_the_watchdog_found_is_latched_like_a_kill(shelf: Shelf, keeper: Keeper) -> None:
    keepers = Keepers([keeper], cast(Store, shelf), 7, "/runs/7")
    ours = shelf.snapshot_now["position"]
    keepers.distrust({"BTC": ours + 8}, "work")
    assert [kind for kind, _ in shelf.kept] == ["kill", "budget"]
    [found] = shelf.of("kill")
    assert keepers.killed == found
    assert (found.reason, found.position) == ("position_unexplained", ours + 8)
    assert (found.on_kill, found.session, found.coin) == ("work", 7, "BTC")
    assert (found.at_ns, found.equity) == (
        shelf.snapshot_now["now"],
        shelf.snapshot_now["account_value"],
    )
    assert found.detail.startswith("found by the watchdog, the engine's was ")
    keepers.distrust({"BTC": ours + 9}, "work")
    shelf.snapshot_now = {**shelf.snapshot_now, "kill": KILL}
    keeper.after_step(LATCHED)
    assert shelf.of("kill") == [found], "the first one stands"


def test_the_coin_that_differs_is_the_one_that_is_latched(shelf: Shelf, keeper: Keeper) -> None:
    me: Any = shelf
    other = Keeper(me, me, me, Whose(session=7, coin="ETH", sz_decimals=4, run_dir="/runs/7"))
    ours = shelf.snapshot_now["position"]
    for positions, coin, held in (
        ({"BTC": ours, "ETH": ours + 2}, "ETH", ours + 2),
        (None, "BTC", ours),
    ):
        keepers = Keepers([Keeper(me, me, me, WHOSE), other], cast(Store, shelf), 7, "/runs/7")
        if positions is None:
            keepers = Keepers([keeper], cast(Store, shelf), 7, "/runs/7")
        keepers.distrust(positions, "flatten")
        assert keepers.killed is not None
        assert (keepers.killed.coin, keepers.killed.position) == (coin, held)
