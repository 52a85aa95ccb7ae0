"""Lines that break and come back, a hundred times: nothing adds up to an end, and nothing grows."""

import asyncio
import gc
import os
from dataclasses import dataclass
from decimal import Decimal

import pytest

from stage.script import Stage

RECONNECTS = 120
DEEP = os.environ.get("MM_LAWS") == "deep"
EVERY_S = 90 if DEEP else 20
"""Three hours of virtual time in depth; otherwise as many losses in less of it."""
LONGEST_S = 3_600 if DEEP else 900
"""Wall time. What cuts a test short is raised inside the run: it ends, and nothing rests."""
SETTLED = 20
"""Reconnects after which every ring and cache of the run is in use."""
BACK_S = 3.0
"""For a line to be there again: a backoff that remembered earlier losses would be tens of them."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the process holds.

    Attributes:
        tasks: Of the loop.
        descriptors: Open.
        objects: Alive, of classes of the package.
    """

    tasks: int
    descriptors: int
    objects: int

    @classmethod
    def now(cls) -> "Held":
        """Count."""
        gc.collect()
        alive = sum(str(type(one).__module__).split(".")[0] == "mm" for one in gc.get_objects())
        return cls(len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd")), alive)


def hit(stage: Stage, side: str) -> None:
    """Let a taker go through the first levels of a side, ours among them."""
    px = stage.house.px(Decimal(stage.mid), Decimal(4 if side == "ask" else -4))
    taker = "bid" if side == "ask" else "ask"
    stage.house.place(stage.house.taker, (taker, px, "0.004", "Ioc"))


async def lose(stage: Stage, number: int) -> None:
    """One line breaks, or the other, or both at an exchange that is away for a moment."""
    lost = (("market",), ("user",), ("market", "user"))[number % 3]
    stage.net.is_reachable = len(lost) == 1
    stage.net.cut(*lost)
    hit(stage, "bid" if number % 2 else "ask")
    stage.crowd(stage.mid)
    await stage.wait(1.5)
    stage.net.is_reachable = True
    await stage.until(lambda: len(stage.net.of()) == 2, BACK_S)
    await stage.wait(EVERY_S - 1.5)


@pytest.mark.timeout(LONGEST_S)
async def test_healthy_reconnects_add_up_to_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Virtual hours cost what is done in them: fewer blocks, looks and fsyncs.
    for wait in ("run.LOOK_S", "session.LONGEST_WAIT_S"):
        monkeypatch.setattr(f"mm.{wait}", 1.0)
    monkeypatch.setattr("mm.keeper.BEAT_S", 10.0)
    stage.open(block_ms=1_000)
    stage.inherit("0.01")
    settings = {"process.log_fsync_s": 60.0, "process.log_flush_s": 10.0}
    await stage.quoting(**settings)
    early = None
    for number in range(RECONNECTS):
        await lose(stage, number)
        assert stage.believed == stage.position
        assert stage.bids or stage.asks
        if number == SETTLED:
            early = Held.now()
    late = Held.now()
    assert early is not None
    # A moment may have a task fewer than another; more of anything is what adds up.
    assert late.tasks <= early.tasks
    assert late.descriptors == early.descriptors
    assert late.objects == early.objects
    counts = stage.shown["counts"]
    assert counts["fills_buy"] > SETTLED
    assert counts["fills_sell"] > SETTLED
    assert (counts["stranger_fills"], counts["discontinuities"]) == (0, 0)
    assert stage.shown["kill"] is None
    await stage.ends_well()
    [ended] = [line for line in stage.logs if line["event"] == "session_ended"]
    assert ended["reconnects"] == 4 * RECONNECTS // 3
