"""Who looks after orders and position is there before the first order can leave."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mm.heartbeat import Beat, Heart, read_beat
from mm.watchdog.charge import Charge, read_charge
from mm.watchdog.directory import WatchdogDir
from stage.script import Stage

SLOW_S = 14.0
"""For the watchdog's process to come up: nearly as long as it may take."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a watchdog finds that is just started, and what had been sent by the time it watched.

    Attributes:
        beat: In the heartbeat's file.
        charge: Beside it.
        calls: What was done until then, in this order.
        sent: Kinds of the maker's actions while it came up.
    """

    beat: Beat | None
    charge: Charge
    calls: tuple[str, ...]
    sent: tuple[str, ...]


class SlowLeash:
    """In place of a process, which has no virtual time."""

    distrusts = False

    def __init__(
        self, stage: Stage, seen: list[Seen], calls: list[str], directory: WatchdogDir, heart: Heart
    ) -> None:
        self._stage, self._seen, self._calls = stage, seen, calls
        self._directory, self._heart = directory, heart

    async def start(self) -> bool:
        mark = self._stage.mark()
        beat = read_beat(self._directory.heartbeat)
        charge = read_charge(self._directory.path)
        self._calls.append("started")
        await asyncio.sleep(SLOW_S)
        sent = tuple(r.kind for r in self._stage.received(since=mark))
        self._seen.append(Seen(beat, charge, tuple(self._calls), sent))
        return True

    async def run(self, _came_back: Callable[[], None]) -> None:
        await asyncio.Event().wait()

    def goodbye(self) -> None:
        self._heart.ask("goodbye")

    async def part(self) -> None:
        return None


@pytest.mark.parametrize("inherited", ["0", "0.01"])
async def test_no_order_leaves_before_the_watchdog_stands_by(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, inherited: str
) -> None:
    seen: list[Seen] = []
    calls: list[str] = []

    def leash(
        directory: WatchdogDir, _command: object, _words: Path, _session: int, heart: Heart, *_: str
    ) -> SlowLeash:
        return SlowLeash(stage, seen, calls, directory, heart)

    async def retire(directory: WatchdogDir) -> bool:
        # An earlier run's goes on until everything of ours is there to be found.
        calls.append("retired" if read_beat(directory.heartbeat) else "retired too early")
        return False

    monkeypatch.setattr("mm.protection.Leash", leash)
    monkeypatch.setattr(WatchdogDir, "retire", retire)
    stage.open()
    if inherited != "0":
        stage.inherit(inherited)
    stage.begin(**{"process.watchdog": "process"})
    await stage.until(lambda: stage.bids and stage.asks)
    [found] = seen
    assert found.calls == ("retired", "started")
    assert found.sent == ()
    assert found.beat is not None
    assert found.beat.session == found.charge.session
    held = found.beat.of("BTC")
    assert (found.beat.asks, held.position, held.lots) == ("watch", None, None)
    await stage.two_sided()
    await stage.ends_well()
    said = read_beat(WatchdogDir(stage.run_dir.parent.parent).heartbeat)
    assert said is not None
    assert said.asks == "goodbye"
