"""Market hours in which something goes wrong every few seconds, in virtual time, by seed."""

import asyncio
import gc
import json
import os
from dataclasses import astuple, dataclass

import pytest

from mm.cli import run
from soak.storm import LOSING, SEED, WHOLE, plan
from stage.script import Stage

pytestmark = pytest.mark.virtual

MINUTES = 120 if WHOLE else 3
LIVES = 60 if WHOLE else 3
LONGEST_S = 7_200 if WHOLE else 118
DRIFT_S = 90.0
"""Longest that belief and exchange may differ: a line that is dead is noticed within 40 s, and the
next one may be as bad."""
LOOKS = 12
"""Seconds that a count takes: longer than any request hangs."""
WARM = 3
"""Part of the time after which every ring and cache is in use: one in so many."""


@dataclass(frozen=True, slots=True)
class Held:
    """What the process holds: tasks of the loop, descriptors, and objects of the package."""

    tasks: int
    descriptors: int
    objects: int

    @classmethod
    def now(cls, stage: Stage) -> "Held":
        """Count, without what the stage itself keeps of answers that never come."""
        gc.collect()
        alive = sum(str(type(one).__module__).split(".")[0] == "mm" for one in gc.get_objects())
        tasks = len(asyncio.all_tasks()) - stage.net.posts_under_way
        return cls(tasks, len(os.listdir("/proc/self/fd")), alive)

    def is_flat(self, later: "Held") -> bool:
        """Whether what is held later is no more, but for what is under way in a storm."""
        return (
            later.tasks <= self.tasks + 10
            and later.descriptors <= self.descriptors + 3
            and later.objects <= self.objects + 60
        )


async def look(stage: Stage) -> tuple[Held, bool]:
    """The least that is held over some seconds, and whether anything rested in one of them.

    What waits for an answer that hangs is held for as long, and a pull of the quotes lasts.
    """
    seen, quoted = [], False
    for _ in range(LOOKS):
        await asyncio.sleep(1)
        seen.append(astuple(Held.now(stage)))
        quoted = quoted or bool(stage.bids or stage.asks)
    return Held(*(min(values) for values in zip(*seen, strict=True))), quoted


def open_storm(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, share: float = 1.0
) -> dict[str, object]:
    """The demo market with everything in it; returns the settings of a run."""
    # Virtual hours cost what is done in them: fewer looks and fsyncs.
    for wait in ("run.LOOK_S", "session.LONGEST_WAIT_S"):
        monkeypatch.setattr(f"mm.{wait}", 1.0)
    monkeypatch.setattr("mm.keeper.BEAT_S", 10.0)
    # A venue is waited for; only a paper exchange that is away is taken to be gone.
    monkeypatch.setattr("mm.run.GONE_S", 600.0)
    market = {"kind": "demo", "seed": SEED}
    stage.open(block_ms=200, usdc="100000", faults=plan(SEED, share), market=market)
    return {"process.log_fsync_s": 60.0, "process.log_flush_s": 10.0, **LOSING}


async def ended(stage: Stage) -> str:
    """Why a run ended by itself: a guard, or no venue at its start. Nothing of it rests."""
    assert stage.code in (3, 4), stage.logs[-5:]
    if stage.code == 4:
        result = await stage.ends(4)
        assert run(["unlock", "--by", "soak"]) == 0
        return str(result["exit_reason"])
    await stage.ends(3)
    return next(str(line["why"]) for line in stage.logs if line["event"] == "run_failed")


async def agreed(stage: Stage) -> None:
    """Wait until belief and exchange agree."""
    await stage.until(lambda: stage.code is not None or stage.believed == stage.position, DRIFT_S)


@pytest.mark.timeout(LONGEST_S)
async def test_a_storm(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on: no breach, no drift that lasts, nothing that grows, nothing left at its end."""
    settings = open_storm(stage, monkeypatch)
    stage.begin(**settings)
    held: list[Held] = []
    ends: list[str] = []
    quoted = 0
    for _ in range(MINUTES):
        await asyncio.sleep(60 - LOOKS)
        if stage.code is not None:
            ends.append(await ended(stage))
            assert stage.verdict().breaches == []
            stage.begin(**settings)
            continue
        await agreed(stage)
        least, quotes = await look(stage)
        held.append(least)
        quoted += quotes
    counts = stage.house.exchange.fault_counts()
    print(json.dumps({"seed": SEED, "minutes": MINUTES, "quoted": quoted, "ends": ends}))
    print(json.dumps({"faults": counts, "held": [str(held[0]), str(held[-1])]}))
    assert sum(counts.values()) > 15 * MINUTES
    assert quoted > MINUTES // 2
    early = held[len(held) // WARM]
    assert early.is_flat(held[-1]), (early, held[-1])
    await stage.ends_well()


async def quotes(stage: Stage, settings: dict[str, object]) -> bool:
    """Begin a life that places orders of its own; `False`: it ended before."""
    mark = stage.mark()
    stage.begin(**settings)
    await stage.until(lambda: stage.code is not None or stage.received("order", since=mark), 300)
    return stage.code is None


@pytest.mark.timeout(LONGEST_S)
async def test_killed_every_minute(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between any two steps, in half the storm: the next one finds all of it, or ends it."""
    settings = open_storm(stage, monkeypatch, share=0.5)
    sessions = set()
    for life in range(LIVES):
        stage.begin(**settings)
        await asyncio.sleep(50 + 20 * ((life * 7919) % 101) / 101)
        if stage.code is not None:
            await ended(stage)
            continue
        sessions.add(stage.run_dir)
        await stage.vanish()
    while not await quotes(stage, settings):
        await ended(stage)
    await agreed(stage)
    cloids = [order["c"] for r in stage.received("order") for order in r.orders if "c" in order]
    assert len(cloids) == len(set(cloids)), "no place is ever repeated"
    # But for those that are burnt by a `noop`, so that what bore them cannot come late.
    nonces = [r.nonce for r in stage.received() if r.kind != "noop"]
    assert len(nonces) == len(set(nonces)), "no nonce is ever used twice"
    assert len(sessions) > LIVES // 2
    fills = stage.house.ask(type="userFills", user=stage.house.maker.address)
    assert fills
    await stage.ends_well()
