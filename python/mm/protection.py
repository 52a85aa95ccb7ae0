"""What looks after the orders and the position when this process cannot, and what is missing of it.

expiry          on every request, always: one that comes late is void; what rests stays
watchdog        a process of its own with a key of its own
scheduleCancel  where the venue allows it
resident stop   a reduce-only order that rests at the exchange while a position is held
"""

from __future__ import annotations

import asyncio
import json
import textwrap
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Literal

import structlog

from mm._core import Signer
from mm.clock import Clock
from mm.config import Config, expires_after_s
from mm.config.engine import recovery, watchdog_weight
from mm.desk import Desk
from mm.errors import ConfigError, MmError
from mm.floor import Floor
from mm.heartbeat import Heart, Vitals
from mm.host_death import HostDeath
from mm.hyperliquid.deadman import ScheduledCancel
from mm.hyperliquid.nonces import MILLISECOND_NS
from mm.inbox import ALARM
from mm.keys.sources import secret_for
from mm.lease import Lease
from mm.live.roles import mandate_of
from mm.resident import Hands, ResidentStop
from mm.state import StateDir
from mm.venue import Venue
from mm.waiting import until
from mm.watchdog.agent import ready_key
from mm.watchdog.charge import Charge, Coin, wall_s, write_charge
from mm.watchdog.directory import WatchdogDir
from mm.watchdog.leash import Leash
from mm.watchdog.process import LOG

log = structlog.get_logger(__name__)

Start = Callable[[Coroutine[Any, Any, None]], None]
"""Lets something run beside the rest of a run."""
Holdings = Mapping[str, Decimal]
"""What is held of each coin, in coin, signed; what is not held is not there."""

SHOWN_CHARS = 120
# Wall seconds between two looks at what the watchdog says.
LOOK_S = 0.05
OFF = "switched off by [process] watchdog"
HOST_DEATH = "an end of resting orders, should this whole machine die"
NO_DATE = f"{HOST_DEATH}: only scheduleCancel is one"
LARGE = "a position is larger than either side of our quotes"
NO_DATE_YET = f"{HOST_DEATH} while {LARGE}: scheduleCancel would take the stop as well"
RESIDENT_STOP = "a stop that rests at the exchange"
STOP_OFF = "switched off by [protection] resident_stop"
# Wall seconds for a position that was found to get its stop before the first screen is shown.
FIRST_STOP_S = 2.0


class Protection:
    """Of one run."""

    def __init__(self, config: Config, state: StateDir, run_dir: Path) -> None:
        """Prepare, without starting anything."""
        self._config = config
        self._state = state
        self._run_dir = run_dir
        self._directory = WatchdogDir(state.path)
        self._leash: Leash | None = None
        self._deadman: ScheduledCancel | None = None
        self._stops: list[ResidentStop] = []
        self._death = HostDeath(())
        self.heart: Heart | None = None
        # Why there is no watchdog; `None`: it stands by.
        self._no_watchdog: str | None = "not started yet"

    async def begin(self, floor: Floor, venue: Venue, start: Start) -> None:
        """Start what is possible, before any order; what is not is logged, and stops nothing.

        The watchdog of an earlier run goes on until everything is ready for ours: between its end
        and the start of ours nothing is waited for. Ours needs no maker to come up: it finds its
        charge and a first beat, and acts on them should we be dead by then.

        Args:
            floor: Of the run.
            venue: Where it trades.
            start: Takes the heart, which beats from here on: before the watchdog can look.

        Raises:
            StateError: The heartbeat has no place, or an earlier watchdog does not end.
        """
        self._directory.make()
        self.heart = Heart(
            self._directory.heartbeat,
            floor.shared.session_id,
            floor.clock,
            lambda: vitals_of(floor.desks),
            {desk.coin: desk.engine.snapshot for desk in floor.desks},
            floor.shared.lease,
        )
        death = self._death = HostDeath([desk.engine for desk in floor.desks])
        self._deadman = ScheduledCancel(
            floor.lead.gateway, floor.clock, lambda: self._healthy, death.keeps_date
        )
        await self._deadman.begin()
        if self._config.protection.resident_stop:
            self._stops = [
                ResidentStop(_hands(desk, floor.clock), lambda: self._healthy)
                for desk in floor.desks
            ]
        leash = await self._ready(floor, venue, self.heart)
        start(self.heart.run())
        if await self._directory.retire():
            log.warning("watchdog_relieved", hint="of an earlier run; this one takes over")
        if leash is not None:
            # Kept before it is started: a stop in the meantime must reach it.
            self._leash = leash
            await self._begin_watchdog(leash)

    async def _ready(self, floor: Floor, venue: Venue, heart: Heart) -> Leash | None:
        """Leave everything that a watchdog needs; `None`: there will be none."""
        if self._config.process.watchdog == "off":
            self._no_watchdog = OFF
            return None
        try:
            secret = await self._charge(floor, venue)
            # Healthy or not: one that never saw a beat watches nobody.
            heart.ask("watch")
        except (MmError, OSError) as error:
            self._not_started(error)
            return None
        return Leash(
            self._directory,
            _command(self._state),
            self._run_dir / LOG,
            floor.shared.session_id,
            heart,
            secret,
        )

    async def _begin_watchdog(self, leash: Leash) -> None:
        try:
            started = await leash.start()
        except (MmError, OSError) as error:
            self._not_started(error)
            return
        self._no_watchdog = None if started else "it did not start: see watchdog.log"

    def _not_started(self, error: Exception) -> None:
        self._no_watchdog = str(error)
        log.error("watchdog_not_started", why=self._no_watchdog)

    async def _charge(self, floor: Floor, venue: Venue) -> str | None:
        """Leave what it needs where it looks; returns the key that it gets with its environment."""
        now_ms = floor.clock.now_ns() // MILLISECOND_NS
        lead, secret = floor.lead, None
        if venue.paper is None:
            secret, agent = await self._own_key(floor, venue, now_ms)
        else:
            key = await ready_key(
                self._directory, lead.account, lead.gateway, venue.instance, now_ms
            )
            agent = key.signer.address
        process = self._config.process
        charge = Charge(
            session=floor.shared.session_id,
            network=process.network,
            base_url=venue.base_url,
            instance=venue.instance,
            user=venue.user,
            vault=venue.vault,
            agent=agent,
            coins=tuple(
                Coin(desk.coin, str(desk.run_dir), json.dumps(recovery(desk.config)))
                for desk in floor.desks
            ),
            run_dir=str(self._run_dir),
            silence_s=wall_s(self._config, process.watchdog_silence_s),
            drift_s=wall_s(self._config, process.watchdog_drift_s),
            expires_after_s=expires_after_s(self._config),
            weight_per_min=watchdog_weight(self._config),
        )
        write_charge(self._directory.path, charge)
        return secret

    async def _own_key(self, floor: Floor, venue: Venue, now_ms: int) -> tuple[str, str]:
        """The watchdog's key where the operator keeps it, with its address; it may act for us.

        Raises:
            ConfigError: It is not there, is the maker's, or may not act for the account.
            VenueError: No answer.
        """
        account = self._config.account
        secret = secret_for("watchdog", account, self._config.process.network)
        address = Signer(secret).address
        if address == venue.signer.address:
            raise ConfigError("its key is the maker's: expected another agent, with its own nonces")
        await mandate_of(
            floor.shared.http, address, venue.user, master_key_allowed=False, now_ms=now_ms
        )
        return secret, address

    def work(self, resync: Callable[[], None]) -> list[Coroutine[Any, Any, None]]:
        """The tasks that, beside the heart, keep it up for the length of a run.

        Args:
            resync: Called when the watchdog had taken over while this process was silent.
        """
        tasks: list[Coroutine[Any, Any, None]] = []
        if self._leash is not None:
            tasks.append(self._leash.run(resync))
        if self._deadman is not None:
            tasks.append(self._deadman.run())
        tasks += [stop.run() for stop in self._stops]
        return tasks

    async def covered(self) -> None:
        """Wait, for a while, until a position that was found has its stop, or cannot have one."""
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_STOP_S):
                await until(lambda: all(stop.settled for stop in self._stops), LOOK_S)

    @property
    def _healthy(self) -> bool:
        return self.heart is not None and self.heart.beats

    @property
    def distrusted(self) -> bool:
        """Whether the watchdog has taken over because it does not believe us."""
        return self._leash is not None and self._leash.distrusts

    async def alone(self, lease: Lease) -> None:
        """Wait until no watchdog works on the position beside us: it stands down at our beat.

        One that does not answer is replaced after a while, and one that has ended acts no more,
        so this ends as long as our own loop is healthy enough to beat.
        """
        leash = self._leash
        renewed = lease.renew_alone if leash is None else partial(leash.renews, lease)
        await until(renewed, LOOK_S)

    async def hand_over(self, asks: Literal["touch", "escalate"], held: Holdings) -> bool:
        """Give the position to the watchdog; returns whether it has said that it has it.

        Everything is cancelled by then: a date would take no more than the stop and what the
        watchdog places. No stop is placed beside the watchdog, which cancels the last one when the
        position is gone.

        Args:
            asks: Of the watchdog.
            held: What the exchange says is held.
        """
        await self._leave_stops(held, late=False)
        if self._deadman is not None:
            await self._deadman.end()
        if self._leash is not None and await self._leash.hand_over(asks):
            return True
        await self._leave_stops(held, late=True)
        return False

    async def _leave_stops(self, held: Holdings | None, *, late: bool) -> None:
        def of(coin: str) -> Decimal | None:
            return None if held is None else held.get(coin, Decimal(0))

        await asyncio.gather(*(stop.end(of(stop.coin), late=late) for stop in self._stops))

    async def end(self, *, held: Holdings | None) -> None:
        """Say goodbye: nothing is left to look after.

        Args:
            held: What is held of each coin, signed; of the others no stop is left. One of a
                position stays, for it is then all that looks after it. `None`: there is nobody to
                ask.
        """
        await self._leave_stops(held, late=True)
        if self._deadman is not None:
            await self._deadman.end()
        if self._leash is not None:
            self._leash.goodbye()
        if self.distrusted:
            # It believes the exchange alone: it must still be there for a last look.
            await self.part()

    async def part(self) -> None:
        """At the very end: wait for a watchdog that is on its way out; leave one that works."""
        if self._leash is not None:
            await self._leash.part()

    # ---- what is shown --------------------------------------------------------------------------

    def host_death(self) -> dict[str, Any]:
        """What a death of the whole host would leave now; see `mm.host_death`."""
        return self._death.shown(self._deadman)

    def there(self) -> list[str]:
        """Protections in force, for the first screen."""
        found = ["an expiry on every request", "cancel-all with verification at every end"]
        if self._no_watchdog is None:
            process = self._config.process
            silence_s = wall_s(self._config, process.watchdog_silence_s)
            found.append(f"a watchdog process (acts after {silence_s:g} s of silence)")
        if self._stops and not self._refused:
            found.append(f"{RESIDENT_STOP} while a position is held")
        if self._deadman is not None and self._deadman.refused is None:
            unless = f" unless {LARGE}" if self._stops else ""
            found.append(f"the venue's scheduleCancel{unless}")
        return found

    def missing(self) -> list[str]:
        """Protections that are not available, each with its reason."""
        lines = []
        if self._no_watchdog is not None:
            lines.append(f"watchdog process: {self._no_watchdog}")
        if self._deadman is not None and self._deadman.refused is not None:
            lines.append(f"the venue's scheduleCancel: {_short(self._deadman.refused)}")
            lines.append(NO_DATE)
        elif self._stops:
            lines.append(NO_DATE_YET)
        if not self._stops:
            lines.append(f"{RESIDENT_STOP}: {STOP_OFF}")
        lines += [f"{RESIDENT_STOP}: {_short(refused)}" for refused in self._refused]
        return lines

    @property
    def _refused(self) -> list[str]:
        """Why the venue took no stop, once each."""
        return sorted({stop.refused for stop in self._stops if stop.refused is not None})


def _hands(desk: Desk, clock: Clock) -> Hands:
    return Hands(
        desk.engine,
        clock,
        desk.instrument,
        desk.inbox,
        desk.gateway,
        desk.account,
        expires_after_s(desk.config),
    )


def vitals_of(desks: Sequence[Desk]) -> Vitals:
    """What proves that all loops are healthy: of each sign, the worst of any coin."""
    broken = (desk.session.broken for desk in desks)
    return Vitals(
        broken=next((why for why in broken if why is not None), None),
        turned_at=min(desk.session.turned_at for desk in desks),
        stepped_ns=min(desk.engine.now for desk in desks),
        waiting=max(len(desk.inbox) for desk in desks),
        waiting_bound=ALARM,
    )


def _command(state: StateDir) -> tuple[str, ...]:
    root = state.path.parent.parent
    return (
        "watchdog",
        "--network",
        state.network,
        "--account",
        state.account,
        "--state",
        str(root),
    )


def _short(reason: str) -> str:
    """The venue's words without what we were doing, and no longer than a line."""
    return textwrap.shorten(reason.removeprefix("scheduleCancel: "), SHOWN_CHARS)
