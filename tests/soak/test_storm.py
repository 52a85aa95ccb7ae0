"""Market hours in which something goes wrong every few seconds, in virtual time, by seed."""

import asyncio
import gc
import json
import os
from dataclasses import astuple, dataclass

import pytest

from soak.storm import LEAST_A_MINUTE, SEED, WHOLE
from soak.storm_run import StormRun
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

both = pytest.mark.parametrize("coins", [("BTC",), ("BTC", "ETH")], ids=["one", "two"])


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


async def look(storm: StormRun) -> tuple[Held, bool]:
    """The least that is held over some seconds, and whether every coin was quoted in one of them.

    What waits for an answer that hangs is held for as long, and a pull of the quotes lasts.
    """
    seen, quoted = [], False
    for _ in range(LOOKS):
        await asyncio.sleep(1)
        seen.append(astuple(Held.now(storm.stage)))
        quoted = quoted or storm.quotes
    return Held(*(min(values) for values in zip(*seen, strict=True))), quoted


async def agreed(storm: StormRun) -> None:
    """Wait until belief and exchange agree."""
    stage = storm.stage
    await stage.until(lambda: stage.code is not None or (storm.is_up and storm.agrees), DRIFT_S)


@both
@pytest.mark.timeout(LONGEST_S)
async def test_a_storm(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, coins: tuple[str, ...]
) -> None:
    """It goes on: no breach, no drift that lasts, nothing that grows, nothing left at its end."""
    storm = StormRun(stage, coins)
    storm.open(monkeypatch)
    storm.begin()
    held: list[Held] = []
    ends: list[str] = []
    quoted = 0
    for _ in range(MINUTES):
        await asyncio.sleep(60 - LOOKS)
        if stage.code is not None:
            ends.append(await storm.ended())
            storm.begin()
            continue
        await agreed(storm)
        least, quotes = await look(storm)
        held.append(least)
        quoted += quotes
    counts = stage.house.exchange.fault_counts()
    print(json.dumps({"seed": SEED, "minutes": MINUTES, "quoted": quoted, "ends": ends}))
    print(json.dumps({"faults": counts, "held": [str(held[0]), str(held[-1])]}))
    print(json.dumps({"met": sum(counts.values()), "lag_s": storm.lag_s}))
    assert sum(counts.values()) > LEAST_A_MINUTE * MINUTES
    assert quoted > MINUTES // 2
    assert storm.lag_s <= DRIFT_S
    early = held[len(held) // WARM]
    assert early.is_flat(held[-1]), (early, held[-1])
    await storm.ends_well()


async def quotes(storm: StormRun) -> bool:
    """Begin a life that places orders of its own; `False`: it ended before."""
    stage, mark = storm.stage, storm.stage.mark()
    storm.begin()
    await stage.until(lambda: stage.code is not None or stage.received("order", since=mark), 300)
    return stage.code is None


@both
@pytest.mark.timeout(LONGEST_S)
async def test_killed_every_minute(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, coins: tuple[str, ...]
) -> None:
    """Killed between any two steps, in half the storm: the next one finds all of it, or ends it."""
    storm = StormRun(stage, coins)
    storm.open(monkeypatch, share=0.5)
    sessions = set()
    for life in range(LIVES):
        storm.begin()
        await asyncio.sleep(50 + 20 * ((life * 7919) % 101) / 101)
        if stage.code is not None:
            await storm.ended()
            continue
        sessions.add(stage.run_dir)
        await stage.vanish()
        storm.judge()
    while not await quotes(storm):
        await storm.ended()
    await agreed(storm)
    cloids = [order["c"] for r in stage.received("order") for order in r.orders if "c" in order]
    assert len(cloids) == len(set(cloids)), "no place is ever repeated"
    # But for those that are burnt by a `noop`, so that what bore them cannot come late.
    nonces = [r.nonce for r in stage.received() if r.kind != "noop"]
    assert len(nonces) == len(set(nonces)), "no nonce is ever used twice"
    assert len(sessions) > LIVES // 2
    fills = stage.house.ask(type="userFills", user=stage.house.maker.address)
    assert fills
    counts = stage.house.exchange.fault_counts()
    print(json.dumps({"seed": SEED, "lives": len(sessions), "met": sum(counts.values())}))
    print(json.dumps({"faults": counts, "fills": len(fills), "lag_s": storm.lag_s}))
    assert storm.lag_s <= DRIFT_S
    await storm.ends_well()
