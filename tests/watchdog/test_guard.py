"""The watchdog's loop, in virtual time: when it says that the maker may trade again."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from mm._core import Signer
from mm.config import load
from mm.config.engine import recovery
from mm.heartbeat import Asks, Beat, Held, write_beat
from mm.hyperliquid.errors import LostReplyError, UnreachableError
from mm.state import StateDir
from mm.store import Counter
from mm.waiting import until
from mm.watchdog.charge import Charge, Coin
from mm.watchdog.directory import WatchdogDir
from mm.watchdog.guard import UNSURE, Gone, Guard
from mm.watchdog.trade import Trade
from mm.watchdog.unwinding import View
from stage.virtual import virtual_loop

pytestmark = pytest.mark.virtual

SESSION, LIFE_S, SILENCE_S = 7, 10.0, 5.0
BEAT = Beat("watch", 1, 1, SESSION, {"BTC": Held("normal", 3, 0, (9, 9), 9, 1e-4)})
CHARGE = Charge(
    session=SESSION, network="testnet", base_url="http://nowhere", instance=None, user="0x1",
    vault=None, agent="0x2", run_dir="", silence_s=SILENCE_S, drift_s=60.0,
    expires_after_s=LIFE_S, weight_per_min=200,
    coins=(Coin("BTC", "", json.dumps(recovery(load(None, {})))),),
)  # fmt: skip


class Hands:
    """In place of a venue: the position stays, and whatever is sent goes unanswered."""

    clock = SimpleNamespace(speed=1.0)
    http = None

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.sends = self.begun = 0
        self.held = 3
        self.gone = False

    def now_s(self) -> float:
        return virtual_loop().time()

    async def position(self) -> int:
        return self.held

    async def view(self) -> View:
        if self.gone:
            raise UnreachableError("refused")
        return View(self.held, (), (None, None), ())

    def takes_over(self) -> None:
        self.begun += 1

    async def carry_out(self, *_: object, **__: object) -> None:
        self.sends += 1
        raise self.error


@pytest.mark.parametrize(
    ("error", "waits_s"), [(LostReplyError("no answer"), LIFE_S), (UnreachableError("refused"), 0)]
)
async def test_it_lets_the_maker_trade_when_nothing_of_its_own_can_come_late(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, waits_s: float
) -> None:
    loop = virtual_loop()
    monkeypatch.setattr("mm.watchdog.guard.time", SimpleNamespace(monotonic=loop.time))
    with StateDir.open("testnet", "0x1", tmp_path) as state:
        directory = WatchdogDir(state.path)
        directory.make()
        number = 1

        def beat() -> None:
            nonlocal number
            number += 1
            write_beat(directory.heartbeat, replace(BEAT, number=number))

        beat()
        guard = Guard(directory, CHARGE, Signer("11" * 32), cast(Counter, None))
        hands = Hands(error)
        watching = asyncio.create_task(guard._watch({"BTC": cast(Trade, hands)}))
        await until(lambda: hands.sends > 0 or watching.done())
        assert loop.time() > SILENCE_S
        assert hands.begun == 1
        lost_s = loop.time()
        said: list[Any] = []
        while not watching.done() and (not said or said[-1].doing != "watching"):
            beat()
            await asyncio.sleep(0.5)
            said.append(directory.read_status())
        assert waits_s <= loop.time() - lost_s < waits_s + 1.5
        assert {status.why for status in said[:-1]} <= {UNSURE, "silent"}
        # It names the beat it went by: older than what was written since, by one look at most.
        assert number - 1 <= said[-1].heard <= number
        guard.stop()
        assert await watching == "told"


@pytest.mark.parametrize("gone", [False, True])
async def test_after_a_drift_and_the_makers_goodbye_it_looks_once_more_and_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: bool
) -> None:
    """The maker's word that nothing is held is not taken; nor is an exchange waited for then."""
    loop = virtual_loop()
    monkeypatch.setattr("mm.watchdog.guard.time", SimpleNamespace(monotonic=loop.time))
    with StateDir.open("testnet", "0x1", tmp_path) as state, capture_logs() as logged:
        directory = WatchdogDir(state.path)
        directory.make()
        charge = replace(CHARGE, network="paper", drift_s=SILENCE_S)
        guard = Guard(directory, charge, Signer("11" * 32), cast(Counter, None))
        hands = Hands(UnreachableError("refused"))
        hands.held = 8
        watching = asyncio.create_task(guard._watch({"BTC": cast(Trade, hands)}))
        number, asks = 0, "watch"

        async def beat() -> None:
            nonlocal number
            number += 1
            write_beat(directory.heartbeat, replace(BEAT, number=number, asks=cast(Asks, asks)))
            await asyncio.sleep(0.5)

        while not hands.sends:
            assert loop.time() < 60.0, "three apart, and it is not found"
            await beat()
        assert loop.time() > SILENCE_S
        hands.held, hands.gone, asks = 0, gone, "goodbye"
        goodbye_s = loop.time()
        await beat()
        if gone:
            with pytest.raises(Gone):
                await watching
        else:
            assert await watching == "flat"
        assert loop.time() - goodbye_s < 5.0
    taken = [line for line in logged if line["event"] == "watchdog_takes_over"]
    assert [line["why"] for line in taken] == ["drift"], "a goodbye asks for nothing new"
