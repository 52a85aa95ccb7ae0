"""Every reader of the limit uses the current cycle's: its effect moves in the cycle that moves it.

One event changes the limit and nothing else: the exchange reports that leverage was set from 20
to 1, and 20,000 lots become 8,000 (0.8 of equity as margin at 1x). Nothing is answered after it,
so what shows is of that very step.
"""

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog
import zstandard

from engine_desk import SECOND_NS, START_S, EngineDesk, Json
from mm import explain
from mm.clock import Clock
from mm.cycles import CycleWatch
from mm.heartbeat import Heart, Vitals, read_beat
from mm.lease import Lease

BEFORE, AFTER = 20_000, 8_000
BASE: dict[str, Any] = {"limits.leverage_cap": 2.0}


def desk_of(position: float = 0.0, **settings: Json) -> EngineDesk:
    """A desk whose limit is 20,000 lots."""
    keys = {f"quoting.{key}": value for key, value in settings.items()}
    desk = EngineDesk({**BASE, **keys}, position=position).open()
    assert desk.limits["lots"] == [BEFORE, BEFORE]
    return desk


def lower(desk: EngineDesk) -> list[Json]:
    """The one event; returns what that step sent."""
    desk.accepts = False
    cycle = desk.snapshot()["cycle"]
    sent = desk.head_room(leverage=1)
    assert desk.snapshot()["cycle"] == cycle + 1
    assert desk.limits["lots"] == [AFTER, AFTER]
    return sent


def items(sent: list[Json], *kinds: str) -> list[Json]:
    """The items of the actions of these kinds."""
    wanted = (action for action in sent if action["kind"] in kinds)
    return [item for action in wanted for item in next(iter(action["body"].values()))]


@pytest.mark.parametrize("strategy", ["ladder", "glft", "inventory_aware", "symmetric"])
def test_sizing_of_ladder_and_single_quotes(strategy: str) -> None:
    """A fifth of the limit on each side, in every strategy."""
    desk = desk_of(strategy=strategy)
    assert desk.lots("Bid") == pytest.approx(0.2 * BEFORE, rel=0.02)
    sent = lower(desk)
    assert sent
    assert desk.lots("Bid") == pytest.approx(0.2 * AFTER, rel=0.02)
    assert desk.lots("Ask") == pytest.approx(0.2 * AFTER, rel=0.02)


@pytest.mark.parametrize("strategy", ["ladder", "symmetric"])
def test_reduce_only_filter_of_ladder_and_single_quotes(strategy: str) -> None:
    desk = desk_of(position=0.09, strategy=strategy)
    assert not desk.snapshot()["reduce_only"]
    bids = {order["cloid"] for order in desk.orders("Bid")}
    sent = lower(desk)
    assert desk.snapshot()["reduce_only"]
    cancelled = {item["cloid"] for item in items(sent, "cancel")}
    assert cancelled & bids
    assert desk.lots("Bid") == 0
    refusals = [line["r"] for line in desk.log if "r" in line][-1]
    of_bids = [refusal for refusal in refusals if refusal["side"] == "Bid"]
    assert {refusal["reason"] for refusal in of_bids} == {"OverValueLimit"}
    assert {refusal["limit"] for refusal in of_bids} == {AFTER}
    assert all(order["reduce_only"] for order in items(sent, "place"))


def test_the_gate_cuts_what_a_fallen_limit_no_longer_holds() -> None:
    desk = desk_of(target_liquidity_frac=1.0)
    resting = desk.lots("Bid")
    assert resting > AFTER
    sent = lower(desk)
    over = {item["cloid"] for item in items(sent, "cancel") if item["reason"] == "OverLimit"}
    cut = sum(order["sz"] for order in latest(desk.orders("Bid")) if order["cloid"] in over)
    assert resting - cut <= AFTER


def latest(orders: list[Json]) -> list[Json]:
    """Each order as it was amended last."""
    return list({order["cloid"]: order for order in orders}.values())


@pytest.mark.parametrize(
    ("strategy", "share"), [("ladder", None), ("glft", None), ("inventory_aware", 10.0)]
)
def test_inventory_in_every_strategy_that_skews(strategy: str, share: float | None) -> None:
    """4,000 lots are a fifth of the old limit and half of the new one."""
    desk = desk_of(position=0.04, strategy=strategy)
    before = desk.snapshot()["trace"][0]["skew_bps"]
    lower(desk)
    after = desk.snapshot()["trace"][0]["skew_bps"]
    assert after / before == pytest.approx(BEFORE / AFTER, rel=1e-6)
    if share is not None:
        assert after == pytest.approx(-share * 4_000 / AFTER)


def test_capacity_and_reduce_only_warnings() -> None:
    desk = desk_of(position=0.05)
    desk.watch = CycleWatch(desk.engine.snapshot, 5, "500 USD", debug=False)
    with structlog.testing.capture_logs() as said:
        lower(desk)
    assert [line["event"] for line in said] == ["position_near_limit"]
    assert (said[0]["passed_pct"], said[0]["utilisation_pct"]) == (50, "62.50")
    assert said[0]["cycle"] == desk.snapshot()["cycle"]


def test_head_room_clamps_the_side_it_is_for() -> None:
    """No room beyond what rests: at half of it for sizing every ask is too large, and an amend,
    which counts as both orders, does not fit. Cancelled now, placed after that succeeded."""
    desk = EngineDesk({**BASE, "limits.limit_use_frac": 0.5}).open()
    desk.accepts = False
    resting = desk.snapshot()["pending"][1]
    sent = desk.head_room(buy=50.0, sell=0.0)
    assert desk.limits["lots"] == [BEFORE, resting]
    assert desk.limits["binding"][1] == "head_room"
    asks = {order["cloid"] for order in desk.orders("Ask")}
    assert {item["cloid"] for item in items(sent, "cancel")} == asks
    assert {item["reason"] for item in items(sent, "cancel")} == {"AmendTooLarge"}


def test_the_safety_sync_looks_by_the_verdict_of_the_limit_of_its_own_step() -> None:
    """The sweep falls due in the very step that lowers the limit: it finds what that forbids."""
    desk = EngineDesk({**BASE, "recovery.sweep_s": 10.0}, position=0.09).open()
    bids = {order["cloid"] for order in desk.orders("Bid")}
    due_s = desk.snapshot()["recovery"]["swept"] / SECOND_NS - START_S + 10.0
    while desk.now_s + 0.5 < due_s:
        desk.after(0.5)
    assert desk.snapshot()["recovery"]["findings"]["forbidden"] == []
    desk.now_s = due_s
    sent = lower(desk)
    found = {str(cloid) for cloid in desk.snapshot()["recovery"]["findings"]["forbidden"]}
    assert found
    assert {item["cloid"] for item in items(sent, "cancel")} & bids
    over = [item for item in items(sent, "cancel") if item["reason"] == "OverLimit"]
    assert {item["cloid"] for item in over} == found


def test_recovery_begins_and_is_sized_by_the_limit_of_its_own_step() -> None:
    desk = desk_of(position=0.09)
    assert desk.snapshot()["recovery"]["state"] == "normal"
    lower(desk)
    assert desk.snapshot()["recovery"]["state"] == "passive"
    # What only reduces offers the position, and no more than it; what increases is off.
    assert desk.snapshot()["reduce_only"]
    desk.accepts = True
    desk.after(60.0)
    assert desk.lots("Ask") == 9_000


def test_the_heartbeat_tells_the_watchdog_the_limit_that_it_sizes_by(tmp_path: Path) -> None:
    desk = desk_of(position=0.04)
    clock = cast(Clock, SimpleNamespace(now_ns=lambda: 0, speed=1.0))
    vitals = Vitals(None, time.monotonic() + 60.0, 0, 0, 1)
    path = tmp_path / "heartbeat.json"
    heart = Heart(path, 1, clock, lambda: vitals, {"BTC": desk.snapshot}, Lease())
    for limit in (BEFORE, AFTER):
        heart.beat()
        beat = read_beat(path)
        assert beat is not None
        held = beat.of("BTC")
        assert (held.lots, held.base_lots) == ((limit, limit), limit)
        if limit == BEFORE:
            lower(desk)


SHOWN: dict[str, Callable[[EngineDesk, Path], int]] = {
    "metric": lambda desk, _: round(1e5 * desk.scraped()['mm_effective_max_position{side="long"}']),
    "utilisation": lambda desk, _: round(4_000 / desk.scraped()["mm_inventory_utilization"]),
    "journal": lambda desk, _: int(desk.cycles()[-1]["limits"]["lots"][0]),
    "explain": lambda desk, path: round(1e5 * float(explained(desk, path)["long"])),
    "snapshot": lambda desk, _: int(desk.limits["lots"][0]),
}


def explained(desk: EngineDesk, path: Path) -> Json:
    (path / "events.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(desk.journal))
    return explain.limits(explain.stand(path, None))


@pytest.mark.parametrize("reader", SHOWN)
def test_what_shows_the_limit(reader: str, tmp_path: Path) -> None:
    desk = desk_of(position=0.04)
    assert SHOWN[reader](desk, tmp_path) == BEFORE
    lower(desk)
    assert SHOWN[reader](desk, tmp_path) == AFTER


def test_the_kill_switch_measures_a_runaway_by_the_limit_of_the_step_that_increased() -> None:
    """17,000 lots are twice 8,000 and more, and not twice 20,000."""
    for lowered in (False, True):
        desk = desk_of()
        if lowered:
            assert items(lower(desk), "place", "modify")
        desk.fill(desk.orders("Bid")[-1], 0.17)
        kill = desk.snapshot()["kill"]
        assert (None if kill is None else kill["reason"]) == ("runaway" if lowered else None)


def test_the_kill_switch_measures_a_runaway_in_money_by_the_v_that_admitted() -> None:
    """10,000 lots are less than twice 8,000; at 1.7 of the price they are worth more."""
    for lowered in (False, True):
        desk = desk_of()
        if lowered:
            assert items(lower(desk), "place", "modify")
        desk.fill(desk.orders("Bid")[-1], 0.10)
        assert desk.snapshot()["kill"] is None
        desk.bbo(mid=1.7 * desk.mid)
        kill = desk.snapshot()["kill"]
        assert (None if kill is None else kill["reason"]) == ("runaway" if lowered else None)
