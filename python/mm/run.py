"""`mm run`, put together: state, exchange, key, lines, session, end.

`Run.go` read top to bottom is a run. Whatever happens in it, it leaves by `_leave`.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from collections.abc import Awaitable, Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import structlog

from mm import postmortem
from mm.accounts import PAPER_ACCOUNT, command_for
from mm.budget import Outlook
from mm.clock import SECOND_NS, PaperClock
from mm.config import Config
from mm.config.engine import control
from mm.ending import HARD_DEADLINE_S, StopRequest, settle_account, stop_trading
from mm.errors import InvariantError, RiskStop, VenueError
from mm.exits import Exit, exit_of
from mm.floor import Floor, metrics_of, open_floor
from mm.hyperliquid.account import cancel_all
from mm.kill_record import KillRecord, refusal
from mm.lines import GoneError, Lines
from mm.listed import Listed
from mm.live.opening import open_live
from mm.paper.process import ask_clock, is_running, kill, stop
from mm.paper.venue import open_given, open_own
from mm.protection import Protection
from mm.restart import reconcile, restore_day, restore_limit
from mm.runs import last_burn
from mm.scrape import serving
from mm.startup import (
    CANCELLED_S,
    Synchronised,
    refuse_while_killed,
    streams_up,
    synchronise,
)
from mm.state import StateDir
from mm.summing_up import Conclusion, End, conclude, write
from mm.terminal import Opening, Quoted, Terminal, closing
from mm.venue import Venue
from mm.waiting import until
from mm.watchdog.leash import Distrusted
from mm.winding_up import LeftTo, WindingUp

log = structlog.get_logger(__name__)
T = TypeVar("T")

# Wall seconds without an exchange before a paper run gives up on it.
GONE_S = 10.0
STATUS_S = 1.0
LOOK_S = 0.01
# Wall seconds to learn, from whatever answers after the exchange was gone, that nothing rests.
GONE_CHECK_S = 2.0
# Wall seconds for the engine to make its first limit before the first screen is shown.
FIRST_LIMIT_S = 3.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for.

    Attributes:
        config: The effective configuration.
        base_url: Of a paper exchange that somebody else runs, or instead of the network's own;
            `None`: an exchange of our own, or the network's.
        duration_s: Exchange seconds from the anchor to the stop; `None`: until told.
        screen: Whether to show the first screen and the status line.
        as_json: Whether standard output is for the summary alone.
    """

    config: Config
    base_url: str | None
    duration_s: float | None
    screen: bool
    as_json: bool


async def make_markets(options: Options) -> int:
    """Make markets until told to stop.

    Args:
        options: What was asked for.

    Returns:
        The exit code.

    Raises:
        MmError: Nothing could be started.
    """
    ask = StopRequest()
    network = options.config.process.network
    account = PAPER_ACCOUNT if network == "paper" else options.config.account.address
    assert account is not None, "the configuration demands it"
    with StateDir.open(network, account) as state, ask.on_signals():
        refuse_while_killed(state)
        return await Run(options, state, ask).go()


class Run:
    """One run, from the state directory to the summary."""

    def __init__(self, options: Options, state: StateDir, ask: StopRequest) -> None:
        self._options = options
        self._config = options.config
        self._state = state
        self._ask = ask
        stream = sys.stderr if options.as_json else sys.stdout
        self._terminal = Terminal(stream, shown=options.screen)
        self._dir = state.new_run(self._config.coins, datetime.now(UTC))
        self._tasks: list[asyncio.Task[Any]] = []
        self._floor: Floor | None = None
        self._protection = Protection(options.config, state, self._dir)
        self._anchor_ns: int | None = None
        self._stopped_ns: int | None = None
        self._left_to: LeftTo | None = None

    async def go(self) -> int:
        """Run, and leave in order."""
        opening = self._opening()
        venue: Venue | None = None
        try:
            venue = await self._unless_stopped(opening)
            if venue is None:
                # There was nothing to stop in order yet, and there is nothing to sum up.
                raise KeyboardInterrupt
            async with AsyncExitStack() as stack:
                return await self._trade(venue, stack)
        except asyncio.CancelledError:
            # A second signal: nothing is waited for any more.
            if venue is not None and venue.own is not None:
                kill(venue.own)
            raise KeyboardInterrupt from None
        finally:
            if venue is not None and venue.own is not None and self._left_to != "watchdog":
                await stop(venue.own)
            await self._protection.part()

    def _opening(self) -> Coroutine[Any, Any, Venue]:
        config, base_url = self._config, self._options.base_url
        if config.process.network != "paper":
            return open_live(config, base_url)
        if base_url is None:
            return open_own(config, self._state, self._dir)
        return open_given(base_url, self._state, config.coins[0])

    async def _trade(self, venue: Venue, stack: AsyncExitStack) -> int:
        error: BaseException | None = None
        try:
            self._floor = await open_floor(self._config, self._state, self._dir, venue, stack)
            stack.push_async_callback(self._end_tasks)
            await stack.enter_async_context(
                serving(self._config, metrics_of(self._floor, self._protection.host_death).text)
            )
            await self._unless_stopped(self._begin(self._floor, venue))
            await self._until_told()
        except asyncio.CancelledError:
            raise
        # tidy: any way out ends in cancel-all, and a panic of the core is not an Exception
        except BaseException as caught:
            if self._floor is None:
                raise
            error = caught
            log.error("run_failed", kind=type(caught).__name__, why=str(caught))
        return await self._leave(self._floor, venue, error)

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _unless_stopped(self, work: Awaitable[T]) -> T | None:
        """Do something that a stop request may cut short; `None` when it did."""
        task = asyncio.ensure_future(work)
        told = asyncio.create_task(self._ask.wait())
        try:
            await asyncio.wait({task, told}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            return None
        finally:
            told.cancel()
            if not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _begin(self, floor: Floor, venue: Venue) -> None:
        """Start the readers and the sessions, synchronise, and show the first screen.

        Whoever looks after orders and position without us stands by before the anchor, for with
        the anchor the engines begin to quote.
        """
        shared, streams = floor.shared, floor.streams
        for desk in floor.desks:
            self._start(desk.recorder.run(), desk.session.run())
        self._start(shared.nonces.stay_ahead(), *(stream.run() for stream in streams))
        if shared.order_line is not None:
            self._start(shared.order_line.run())
        await self._failing_fast(streams_up(streams))
        for stream in streams:
            stream.announce()
        lines = Lines(
            streams,
            lambda: self._resync(floor, venue),
            lambda: self._protection.alone(shared.lease),
            lease=shared.lease,
            # A venue that is away is waited for; the kill switch bounds what that may cost.
            bound_s=None if venue.paper is None else GONE_S,
            where=venue.name,
        )
        await self._failing_fast(self._protection.begin(floor, venue, self._start))
        self._start(*self._protection.work(lambda: lines.doubt("the watchdog had taken over")))
        restore_day(self._state.store, floor.inboxes, floor.clock)
        for number, desk in enumerate(floor.desks):
            leads = number == 0
            restore_limit(self._state.store, desk.coin, desk.inbox, floor.clock, leads=leads)
        found = await self._failing_fast(
            synchronise(floor.desks, floor.clock, floor.shared.earlier.expires_ms)
        )
        self._anchor_ns = floor.clock.now_ns()
        await self._failing_fast(_first_limits(floor))
        await self._failing_fast(self._take_up(floor, found))
        floor.keepers.also("host_death", self._protection.host_death)
        self._start(floor.watch.run(), floor.keepers.run(), lines.run())
        await self._failing_fast(self._protection.covered())
        self._open_screen(floor, venue, found)
        self._start(self._show_status(floor), self._time_out(floor, venue), self._see_kill(floor))
        listed = Listed(floor.desks, shared)
        self._start(*(listed.watch(desk.coin) for desk in floor.desks))

    def _start(self, *works: Coroutine[Any, Any, None]) -> None:
        """Let these run beside the rest; one that ends or fails ends the run."""
        self._tasks += [asyncio.create_task(work) for work in works]

    async def _take_up(self, floor: Floor, found: Synchronised) -> None:
        """Fill up the ledgers that outlive runs, and keep how this one begins."""
        for desk in floor.desks:
            engine = desk.engine
            await until(lambda engine=engine: engine.snapshot()["position_start"] is not None)  # type: ignore[misc]  # bound at once
            position = engine.snapshot()["position_start"]
            await reconcile(desk.account, desk.books, desk.instrument, found.state, position)
        floor.keepers.save()

    async def _until_told(self) -> None:
        """Wait for a request to stop; raises what a background task failed with, if one did."""
        if not self._ask.asked:
            await self._failing_fast(self._ask.wait())

    async def _failing_fast(self, work: Awaitable[T]) -> T:
        """Wait for `work`; what a background task fails with in the meantime is raised here."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
            for background in self._tasks:
                if background.done():
                    background.result()
                    raise InvariantError("a task of the session ended without an error")
            return await task
        finally:
            task.cancel()

    async def _resync(self, floor: Floor, venue: Venue) -> None:
        """After a lost line: the same exchange? Then older orders go, the gap is filled, and on."""
        if isinstance(floor.clock, PaperClock):
            announced = await ask_clock(floor.shared.http)
            if announced.instance != venue.instance:
                raise GoneError(
                    f"{venue.name} was started anew: the market and the account of this run are"
                    " gone with the old one"
                )
            floor.clock.announce(announced.time_ns)
        for desk in floor.desks:
            await cancel_all(desk.account, desk.gateway, desk.instrument, CANCELLED_S, quoting=True)
        await floor.watch.fill_gap()

    async def _time_out(self, floor: Floor, venue: Venue) -> None:
        """Ask for the stop when the duration, in exchange time, or the recording is over."""
        ends: list[tuple[int, str]] = []
        if self._options.duration_s is not None and self._anchor_ns is not None:
            duration_ns = int(self._options.duration_s * SECOND_NS)
            ends.append((self._anchor_ns + duration_ns, "duration"))
        if venue.own is not None and venue.own.market_end_ns is not None:
            ends.append((venue.own.market_end_ns, "market_end"))
        if ends:
            end_ns, reason = min(ends)
            await until(lambda: floor.clock.now_ns() >= end_ns, LOOK_S)
            self._ask.ask(reason)
        await asyncio.Event().wait()

    async def _see_kill(self, floor: Floor) -> None:
        """Ask for the stop when the kill switch has latched; its record is on the disk by then."""
        await until(lambda: floor.keepers.killed is not None, LOOK_S)
        killed = floor.keepers.killed
        assert killed is not None, "just seen"
        for desk in floor.desks:
            text = desk.session.blackbox.text(killed.shown(), desk.engine.snapshot())
            try:
                path = await asyncio.to_thread(postmortem.write, desk.run_dir, text)
                log.warning("postmortem_written", path=str(path))
            except OSError as error:
                log.error("postmortem_not_written", why=str(error))
        self._ask.ask(f"killed: {killed.reason}")
        await asyncio.Event().wait()

    async def _show_status(self, floor: Floor) -> None:
        while True:
            await asyncio.sleep(STATUS_S)
            self._terminal.status(
                [
                    (desk.engine.snapshot(), desk.coin, desk.instrument.sz_decimals)
                    for desk in floor.desks
                ]
            )
            if self._terminal.closed:
                self._ask.ask("output_closed")

    def _outlook(self, floor: Floor) -> Outlook | None:
        """How long the requests of the address last; said where this session would use them up."""
        ledger = floor.lead.engine.snapshot()["requests"]
        if ledger["left"] is None:
            return None
        burn = last_burn(self._state.path)
        net_per_day = None if burn is None else burn.net_per_day
        outlook = Outlook(ledger["left"], ledger["reserve"], net_per_day)
        if outlook.runs_out(self._options.duration_s):
            log.warning(
                "requests_run_out",
                left=outlook.left,
                reserve=outlook.reserve,
                pace=outlook.pace(),
                hint=outlook.shortage(),
            )
        return outlook

    def _open_screen(self, floor: Floor, venue: Venue, found: Synchronised) -> None:
        snapshots = [desk.engine.snapshot() for desk in floor.desks]
        opening = Opening(
            config=self._config,
            venue=venue,
            command=own_command(),
            run_dir=self._dir,
            coins=[
                Quoted(desk.config, desk.instrument.sz_decimals, snapshot["position_start"])
                for desk, snapshot in zip(floor.desks, snapshots, strict=True)
            ],
            cancelled=found.cancelled,
            protected=self._protection.there(),
            unprotected=self._protection.missing(),
            outlook=self._outlook(floor),
            session_s=self._options.duration_s,
        )
        self._terminal.first_screen(opening, snapshots)

    async def _leave(self, floor: Floor, venue: Venue, error: BaseException | None) -> int:
        """The one way out: cancel, verify, close the books, read the report, sum up."""
        reason = self._ask.reason if error is None else f"{type(error).__name__}: {error}"
        if isinstance(error, Distrusted):
            floor.keepers.distrust(error.positions, control(self._config)["on_kill"])
        winding_up, verified = WindingUp(self._config, floor, self._protection), False
        try:
            if error is None:
                error = await self._wind_up(winding_up)
            self._stopped_ns = floor.clock.now_ns()
            verified = await self._stop_trading(floor, venue, error)
            if verified:
                self._left_to = await winding_up.rest()
            else:
                # The exchange has ended, and with it whatever rested and was held.
                await self._protection.end(held=None)
        except VenueError as trouble:
            log.error("not_stopped_in_order", why=str(trouble))
            error = error or trouble
        log.info(
            "session_ended",
            reason=reason,
            frames_conflated=sum(desk.inbox.conflated for desk in floor.desks),
            queue_longest=max(desk.inbox.longest for desk in floor.desks),
            reconnects=sum(stream.reconnects for stream in floor.streams),
            log_lines=sum(desk.recorder.lines for desk in floor.desks),
        )
        if floor.broken is None:
            floor.keepers.save()
        await self._end_tasks()
        if all(desk.gateway.is_settled for desk in floor.desks):
            floor.shared.earlier.settle()
        for desk in floor.desks:
            desk.engine.finish_log()
            desk.recorder.write(desk.engine.take_log())
            desk.recorder.close()
        if venue.own is not None and self._left_to != "watchdog":
            await stop(venue.own)
        report = None if venue.own is None else venue.own.report
        end = End(reason, self._anchor_ns, self._stopped_ns, verified, self._left_to)
        concluded = await asyncio.to_thread(conclude, floor, report, end)
        killed = floor.keepers.killed
        if killed is not None and not isinstance(error, InvariantError):
            error = self._risk_stop(killed, error)
        return self._finish(concluded, error)

    def _risk_stop(self, killed: KillRecord, trouble: BaseException | None) -> RiskStop:
        """The one line of a kill: why, when, with what, and what to do now."""
        unlock = command_for("unlock", self._state.network, self._state.account)
        said = [str(refusal(killed, unlock))]
        if self._left_to == "watchdog":
            said.append("the watchdog has the position")
        elif self._left_to == "nobody":
            said.append("NOBODY looks after the position")
        if trouble is not None:
            said.append(str(trouble))
        return RiskStop("; ".join(said))

    async def _wind_up(self, winding_up: WindingUp) -> BaseException | None:
        """Let the engine end the position; returns what went wrong, for the way out goes on."""
        try:
            await self._failing_fast(winding_up.by_engine(self._ask))
        except asyncio.CancelledError:
            raise
        # tidy: any way out ends in cancel-all, and a panic of the core is not an Exception
        except BaseException as caught:
            log.error("winding_up_failed", kind=type(caught).__name__, why=str(caught))
            return caught
        return None

    async def _stop_trading(self, floor: Floor, venue: Venue, error: BaseException | None) -> bool:
        """Returns whether the venue confirmed that nothing rests, for every coin.

        Raises:
            VenueError: It did not.
        """
        if venue.own is not None and not is_running(venue.own.pid):
            log.error("exchange_gone", hint="its orders are gone with it; nothing rests")
            return False
        gone = isinstance(error, GoneError)
        stops = (
            stop_trading(
                desk.session,
                desk.inbox,
                floor.clock,
                desk.gateway,
                desk.account,
                desk.instrument,
                deadline_s=GONE_CHECK_S if gone else HARD_DEADLINE_S,
            )
            for desk in floor.desks
        )
        # One that is not verified does not keep the others from being cancelled.
        ended = await asyncio.gather(*stops, return_exceptions=True)
        for trouble in ended:
            if trouble is not None:
                raise trouble
        if floor.lives and not gone:
            await settle_account(floor.lead.account, floor.inboxes, floor.clock)
        return True

    def _finish(self, concluded: Conclusion, error: BaseException | None) -> int:
        """Write the summary, say what must be said, and choose the exit code."""
        result = concluded.result
        write(self._dir, result)
        for breach in concluded.breaches or ():
            log.error("breach", kind=breach.kind, cycle=breach.cycle, found=breach.text)
        if self._options.as_json:
            Terminal(sys.stdout, shown=True).say(json.dumps(result))
        else:
            for line in closing(result, concluded.coins, self._dir):
                self._terminal.say(line)
        if error is not None:
            with suppress(OSError):
                print(f"mm: {error}", file=sys.stderr)
            return exit_of(error)
        if concluded.breaches:
            return Exit.INVARIANT
        if result["open_orders_after_stop"] or self._left_to == "nobody":
            return Exit.VENUE
        return Exit.DONE


def own_command() -> str:
    """What starts this program from here: `mm` where that is it, else its path."""
    beside = Path(sys.executable).with_name("mm")
    if not beside.exists():
        return f"{sys.executable} -m mm"
    found = shutil.which("mm")
    if found is not None and Path(found).resolve() == beside.resolve():
        return "mm"
    return str(beside.relative_to(Path.cwd()) if beside.is_relative_to(Path.cwd()) else beside)


async def _first_limits(floor: Floor) -> None:
    """Wait until each engine has derived its first limit, or for a while."""
    engines = [desk.engine for desk in floor.desks]
    with suppress(TimeoutError):
        async with asyncio.timeout(FIRST_LIMIT_S):
            await until(lambda: all(engine.snapshot()["limits"] for engine in engines))
