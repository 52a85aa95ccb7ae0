"""What looks after a run from outside: what is started, with which key, and what is missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from mm import protection
from mm._core import Signer
from mm.config import expires_after_s, load
from mm.config.engine import recovery
from mm.errors import ConfigError, StateError, VenueError
from mm.heartbeat import Heart
from mm.hyperliquid.account import Stop
from mm.inbox import ALARM
from mm.lease import TERM_S, Lease
from mm.protection import Protection
from mm.watchdog.charge import read_charge
from mm.watchdog.directory import WatchdogDir

OURS, ANOTHERS = "11" * 32, "22" * 32
KEPT = Signer("33" * 32)
NOW_NS = 1_700_000_000_123_456_789
USER = "0x" + "ab" * 20
HELD = {"BTC": Decimal("0.1")}


class Leash:
    """In place of a process: what it was given, and what it was told."""

    made: list[Leash]
    begins: bool | Exception

    def __init__(self, *given: Any) -> None:  # noqa: ANN401 - as the real one takes it
        (self.directory, self.command, self.words, self.session, self.heart, self.secret) = given
        self.told: list[Any] = []
        self.takes = True
        self.distrusts = False
        type(self).made.append(self)

    async def start(self) -> bool:
        self.told.append("start")
        if isinstance(self.begins, Exception):
            raise self.begins
        return self.begins

    async def run(self, came_back: Callable[[], None]) -> None:
        self.told.append(came_back)

    def renews(self, lease: Lease) -> bool:
        self.told.append(lease)
        return len(self.told) > 2

    async def hand_over(self, asks: str) -> bool:
        self.told.append(asks)
        return self.takes

    def goodbye(self) -> None:
        self.told.append("goodbye")

    async def part(self) -> None:
        self.told.append("part")


class Deadman:
    """In place of the venue's `scheduleCancel`."""

    last: Deadman
    refuses: str | None

    def __init__(
        self,
        gateway: object,
        clock: object,
        healthy: Callable[[], bool],
        wanted: Callable[[], bool],
    ) -> None:
        self.wanted, self.state, self.life_s = wanted, "stands", 60.0
        assert (gateway, clock.now_ns()) == ("gateway", NOW_NS)  # type: ignore[attr-defined]  # any clock
        self.healthy, self.told = healthy, list[str]()
        self.refused: str | None = None
        type(self).last = self

    async def begin(self) -> None:
        self.told.append("begin")
        self.refused = self.refuses

    async def run(self) -> None:
        self.told.append("run")

    async def end(self) -> None:
        self.told.append("end")


class House:
    """A run that begins to be protected."""

    def __init__(self, tmp_path: Path, patch: pytest.MonkeyPatch) -> None:
        Leash.made, Leash.begins, Deadman.refuses = [], True, None
        patch.setattr(protection, "Leash", Leash)
        patch.setattr(protection, "ScheduledCancel", Deadman)
        patch.setattr(protection, "ready_key", self.ready_key)
        patch.setattr(protection, "secret_for", self.secret_for)
        patch.setattr(protection, "mandate_of", self.mandate_of)
        self.secret = ANOTHERS
        self.mandates: list[Any] = []
        self.keys: list[Any] = []
        self.started: list[Any] = []
        self.refuses: Exception | None = None
        self.path = tmp_path / "state" / "paper" / "default"
        self.run_dir = tmp_path / "runs" / "7"
        self.state: Any = SimpleNamespace(path=self.path, network="paper", account="default")
        self.lease = Lease()
        self.directory = WatchdogDir(self.path)
        self.protection = self.of()
        self.desk: Any = SimpleNamespace(
            config=load(None, {}),
            run_dir=self.run_dir,
            coin="BTC",
            instrument=SimpleNamespace(coin="BTC"),
            gateway="gateway",
            account=SimpleNamespace(user=USER, stops=self.stops),
            inbox=[],
            session=SimpleNamespace(broken=None, turned_at=float("inf")),
            engine=SimpleNamespace(
                now=NOW_NS, snapshot=self.snapshot, resident=lambda: {"wanted": None}
            ),
        )
        self.floor: Any = SimpleNamespace(
            shared=SimpleNamespace(session_id=7, http="http", lease=self.lease),
            clock=SimpleNamespace(now_ns=lambda: NOW_NS, speed=1.0),
            lead=self.desk,
            desks=(self.desk,),
        )

    async def stops(self) -> list[Stop]:
        return []

    def of(self, *, stop: bool = True, **settings: object) -> Protection:
        given = {f"process.{key}": value for key, value in settings.items()}
        given["protection.resident_stop"] = stop
        return Protection(load(None, given), self.state, self.run_dir)

    @staticmethod
    def snapshot() -> dict[str, Any]:
        limits = {"lots": [3, 2]}
        return {
            "limits": limits, "position_start": 1, "position": 5, "position_moved": 4,
            "mode": "normal", "sigma": 1e-4,
        }  # fmt: skip

    def venue(self, *, live: bool = False, vault: str | None = None) -> Any:  # noqa: ANN401 - any venue
        return SimpleNamespace(
            paper=None if live else object(),
            instance=None if live else "one",
            base_url="http://venue",
            user=USER,
            vault=vault,
            signer=Signer(OURS),
        )

    async def ready_key(self, *given: object) -> Any:  # noqa: ANN401 - a key
        self.keys.append(given)
        if self.refuses is not None:
            raise self.refuses
        return SimpleNamespace(signer=KEPT)

    def secret_for(self, use: str, account: object, network: str) -> str:
        assert account == load(None, {}).account
        assert (use, network) == ("watchdog", "paper")
        return self.secret

    async def mandate_of(self, *given: object, **named: object) -> None:
        self.mandates.append((given, named))
        if self.refuses is not None:
            raise self.refuses

    def start(self, task: Any) -> None:  # noqa: ANN401 - a coroutine
        assert not Leash.made or Leash.made[0].told == [], "the heart beats before it can be looked"
        self.started.append(task.__qualname__)
        task.close()

    async def begin(self, venue: Any = None) -> Leash | None:  # noqa: ANN401 - any venue
        await self.protection.begin(self.floor, venue or self.venue(), self.start)
        return Leash.made[0] if Leash.made else None

    @property
    def beat(self) -> Any:  # noqa: ANN401 - JSON
        return json.loads(self.directory.heartbeat.read_text())


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path, monkeypatch)


async def test_everything_is_ready_before_the_watchdog_is_started(house: House) -> None:
    assert house.protection.heart is None
    leash = await house.begin()
    assert leash is not None
    assert leash.told == ["start"]
    assert house.started == ["Heart.run"]
    assert Deadman.last.told == ["begin"]
    assert (leash.session, leash.words) == (7, house.run_dir / "watchdog.log")
    assert leash.directory.path == house.directory.path
    root = str(house.path.parent.parent)
    assert leash.command == (
        "watchdog", "--network", "paper", "--account", "default", "--state", root,
    )  # fmt: skip
    assert leash.heart is house.protection.heart
    assert leash.secret is None, "it finds its key in its directory"
    found = house.beat
    assert (found["asks"], found["session"], found["number"]) == ("watch", 7, 1)
    held = found["coins"]["BTC"]
    assert (held["mode"], held["position"], held["lots"]) == ("normal", 5, [3, 2])
    assert held["moved"] == 4


async def test_its_charge_is_the_whole_run(house: House) -> None:
    given = {"watchdog_silence_s": 20.0, "watchdog_drift_s": 40.0, "speed": 2.0}
    house.protection = house.of(stop=True, **given)
    await house.begin(house.venue(vault="0xcd"))
    [(directory, account, gateway, instance, now_ms)] = house.keys
    assert (directory.path, account, gateway) == (
        house.directory.path,
        house.desk.account,
        "gateway",
    )
    assert (instance, now_ms) == ("one", NOW_NS // 1_000_000)
    charge = read_charge(house.directory.path)
    config = load(None, {f"process.{key}": value for key, value in given.items()})
    assert (charge.session, charge.network, charge.base_url) == (7, "paper", "http://venue")
    assert (charge.instance, charge.user, charge.vault) == ("one", USER, "0xcd")
    [coin] = charge.coins
    assert (charge.agent, coin.name, coin.run_dir) == (KEPT.address, "BTC", str(house.run_dir))
    assert charge.run_dir == str(house.run_dir)
    assert (charge.silence_s, charge.drift_s) == (10.0, 20.0)
    assert charge.expires_after_s == expires_after_s(config)
    assert json.loads(coin.recovery) == recovery(house.desk.config)
    assert charge.weight_per_min == config.requests.watchdog_weight_per_min


async def test_live_it_gets_a_key_of_its_own_that_the_venue_knows(house: House) -> None:
    leash = await house.begin(house.venue(live=True))
    assert leash is not None
    assert leash.secret == ANOTHERS
    address = Signer(ANOTHERS).address
    assert house.mandates == [
        (
            ("http", address, USER),
            {"master_key_allowed": False, "now_ms": NOW_NS // 1_000_000},
        )
    ]
    assert read_charge(house.directory.path).agent == address
    assert house.keys == []


def watchdog_line(house: House) -> list[str]:
    return [line for line in house.protection.missing() if line.startswith("watchdog process: ")]


def stands_by(house: House) -> list[str]:
    return [line for line in house.protection.there() if line.startswith("a watchdog process")]


async def test_the_makers_key_is_no_key_for_it(house: House) -> None:
    house.secret = OURS
    with capture_logs() as logged:
        assert await house.begin(house.venue(live=True)) is None
    why = "its key is the maker's: expected another agent, with its own nonces"
    assert logged == [{"event": "watchdog_not_started", "log_level": "error", "why": why}]
    assert watchdog_line(house) == [f"watchdog process: {why}"]
    assert house.mandates == []


@pytest.mark.parametrize(
    "error", [ConfigError("may not act"), VenueError("no answer"), OSError("no room")]
)
@pytest.mark.parametrize("live", [False, True])
async def test_without_a_key_that_may_act_the_run_goes_on_and_says_so(
    house: House, error: Exception, live: bool
) -> None:
    house.refuses = error
    with capture_logs() as logged:
        assert await house.begin(house.venue(live=live)) is None
    assert [row["why"] for row in logged] == [str(error)]
    assert watchdog_line(house) == [f"watchdog process: {error}"]
    assert stands_by(house) == []
    assert house.started == ["Heart.run"]


@pytest.mark.parametrize("begins", [False, StateError("no room"), OSError("no room")])
async def test_one_that_does_not_come_up_is_missing(house: House, begins: bool | Exception) -> None:
    Leash.begins = begins
    with capture_logs() as logged:
        assert await house.begin() is not None
    why = "it did not start: see watchdog.log" if begins is False else "no room"
    assert watchdog_line(house) == [f"watchdog process: {why}"]
    assert [row["why"] for row in logged] == ([] if begins is False else ["no room"])


async def test_switched_off_it_is_missing_for_that_reason(house: House) -> None:
    assert watchdog_line(house) == ["watchdog process: not started yet"]
    house.protection = house.of(watchdog="off")
    assert await house.begin() is None
    assert watchdog_line(house) == ["watchdog process: switched off by [process] watchdog"]
    assert (house.keys, house.started) == ([], ["Heart.run"])


async def test_that_of_an_earlier_run_is_relieved_once_ours_is_ready(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []

    async def retire(directory: WatchdogDir) -> bool:
        assert directory.path == house.directory.path
        order.append(
            f"{len(house.keys)} keys, {len(house.started)} hearts, {len(Leash.made[0].told)}"
        )
        return True

    monkeypatch.setattr(WatchdogDir, "retire", retire)
    with capture_logs() as logged:
        await house.begin()
    assert order == ["1 keys, 1 hearts, 0"]
    assert logged == [
        {
            "event": "watchdog_relieved",
            "log_level": "warning",
            "hint": "of an earlier run; this one takes over",
        }
    ]


async def test_a_stop_while_it_comes_up_reaches_it(house: House) -> None:
    began = asyncio.Event()

    async def start(leash: Leash) -> bool:
        began.set()
        await asyncio.sleep(60)
        return True

    Leash.start, before = start, Leash.start  # type: ignore[method-assign,assignment]  # slow here
    try:
        task = asyncio.ensure_future(house.begin())
        await began.wait()
        await house.protection.end(held=HELD)
        assert Leash.made[0].told == ["goodbye"]
        task.cancel()
    finally:
        Leash.start = before  # type: ignore[method-assign]


async def test_what_it_stands_by_with_is_shown(house: House) -> None:
    house.protection = house.of(watchdog_silence_s=30.0, speed=2.0)
    await house.begin()
    assert stands_by(house) == ["a watchdog process (acts after 15 s of silence)"]
    assert watchdog_line(house) == []
    there = house.protection.there()
    assert there[:2] == [
        "an expiry on every request",
        "cancel-all with verification at every end",
    ]
    assert there[3:] == [
        "a stop that rests at the exchange while a position is held",
        "the venue's scheduleCancel unless a position is larger than either side of our quotes",
    ]
    assert house.protection.missing() == [
        "an end of resting orders, should this whole machine die while a position is larger than"
        " either side of our quotes: scheduleCancel would take the stop as well"
    ]


async def test_a_stop_that_is_refused_is_missing_in_the_venues_words(house: House) -> None:
    await house.begin()
    [stop] = house.protection._stops
    stop.refused = "Invalid TP/SL price. asset=0"
    there = "a stop that rests at the exchange"
    assert f"{there}: Invalid TP/SL price. asset=0" in house.protection.missing()
    assert not any(line.startswith(there) for line in house.protection.there())


async def test_a_schedule_cancel_that_is_refused_is_missing_in_the_venues_words(
    house: House,
) -> None:
    Deadman.refuses = "scheduleCancel: Cannot set " + "word " * 60
    await house.begin()
    [said, host] = [line for line in house.protection.missing() if "scheduleCancel" in line]
    assert said.startswith("the venue's scheduleCancel: Cannot set word")
    assert len(said) <= len("the venue's scheduleCancel: ") + 120
    assert said.endswith("[...]")
    assert host == (
        "an end of resting orders, should this whole machine die: only scheduleCancel is one"
    )
    assert not any("scheduleCancel" in line for line in house.protection.there())
    tasks: list[Any] = list(house.protection.work(lambda: None))
    assert [task.__qualname__ for task in tasks] == [
        "Leash.run",
        "Deadman.run",
        "ResidentStop.run",
    ]
    for task in tasks:
        task.close()


async def test_its_tasks_keep_it_up_and_tell_of_a_time_when_the_watchdog_worked(
    house: House,
) -> None:
    assert house.protection.work(lambda: None) == []
    house.protection = house.of(stop=False)
    leash = await house.begin()
    assert leash is not None
    off = "a stop that rests at the exchange: switched off by [protection] resident_stop"
    assert off in house.protection.missing()
    assert "the venue's scheduleCancel" in house.protection.there()
    assert not any("resting orders" in line for line in house.protection.missing())

    def resync() -> None:
        """Ask anew for everything."""

    await asyncio.gather(*house.protection.work(resync))
    assert leash.told == ["start", resync]
    assert Deadman.last.told == ["begin", "run"]


async def test_the_schedule_is_renewed_by_a_healthy_heart_alone(house: House) -> None:
    house.refuses = VenueError("no key, so no beat is asked for")
    await house.begin()
    heart = house.protection.heart
    assert heart is not None
    assert not Deadman.last.healthy(), "no beat was written"
    heart.beat()
    assert Deadman.last.healthy()
    house.desk.session.turned_at = 0.0
    heart.beat()
    assert not Deadman.last.healthy()


@pytest.mark.parametrize("waiting", [ALARM - 1, ALARM])
async def test_what_proves_the_loop_healthy_is_the_desks(house: House, waiting: int) -> None:
    house.refuses = VenueError("no key")
    await house.begin()
    heart = house.protection.heart
    assert heart is not None
    house.desk.inbox.extend([None] * waiting)
    heart.beat()
    assert heart.beats == (waiting < ALARM)


def lives(heart: Heart) -> bool:
    heart.beat()
    return heart.beats


async def test_a_broken_loop_or_an_engine_behind_is_not_healthy(house: House) -> None:
    await house.begin()
    heart = house.protection.heart
    assert heart is not None
    house.desk.engine.now = NOW_NS - 4_000_000_000
    assert not lives(heart)
    house.desk.engine.now = NOW_NS
    assert lives(heart)
    house.desk.session.broken = ValueError()
    assert not lives(heart)


async def test_beats_carry_the_right_to_trade(house: House) -> None:
    passed = [0.0]
    house.floor.shared.lease = Lease(lambda: passed[0])
    await house.begin()
    passed[0] = TERM_S + 1
    assert house.floor.shared.lease.lapsed, "it began with the first beat"


async def test_alone_waits_for_the_watchdogs_word_or_for_a_beat_of_ours(house: House) -> None:
    passed = [0.0]
    lease = Lease(lambda: passed[0])
    await asyncio.wait_for(house.protection.alone(lease), 1)
    lease.beaten(1)
    passed[0] = TERM_S + 1
    assert lease.lapsed
    waiting = asyncio.ensure_future(house.protection.alone(lease))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    lease.beaten(2)
    await asyncio.wait_for(waiting, 1)
    leash = await house.begin()
    assert leash is not None
    await asyncio.wait_for(house.protection.alone(lease), 1)
    assert leash.told == ["start", lease, lease]


async def test_a_watchdog_that_believes_us_no_more_has_a_last_look_at_the_exchange(
    house: House,
) -> None:
    leash = await house.begin()
    assert leash is not None
    assert not house.protection.distrusted
    await house.protection.end(held=HELD)
    assert leash.told == ["start", "goodbye"]
    leash.distrusts = True
    await house.protection.end(held=HELD)
    assert leash.told[2:] == ["goodbye", "part"], "before our own exchange is ended"


async def test_the_position_goes_to_a_watchdog_that_takes_it(house: House) -> None:
    assert not await house.protection.hand_over("touch", HELD)
    leash = await house.begin()
    assert leash is not None
    assert await house.protection.hand_over("touch", HELD)
    assert Deadman.last.told == ["begin", "end"], "a date would take the stop from the position"
    leash.takes = False
    assert not await house.protection.hand_over("escalate", HELD)
    assert leash.told == ["start", "touch", "escalate"]


async def test_at_the_end_both_are_dismissed_and_parted_from(house: House) -> None:
    await house.protection.end(held=HELD)
    await house.protection.part()
    leash = await house.begin()
    assert leash is not None
    await house.protection.end(held=HELD)
    await house.protection.part()
    assert leash.told == ["start", "goodbye", "part"]
    assert Deadman.last.told == ["begin", "end"]
