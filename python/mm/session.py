"""The session: one queue, one task that owns the engine. Take, record, step, send.

Readers, pollers and answers only put into the inbox. This task alone touches the engine, never
waits for the network, and hands every action to the gateway after the log has it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from mm._core import Action, Engine, EventError
from mm.clock import SECOND_NS, Clock
from mm.errors import InvariantError, VenueError
from mm.inbox import Command, Frame, Inbox, Info, Item, Reply, StreamState
from mm.lease import Lease
from mm.meter import Meter
from mm.postmortem import Blackbox
from mm.recorder import Recorder

log = structlog.get_logger(__name__)

# Longest sleep of the loop, wall seconds: a clock that was slowed down is looked at again.
LONGEST_WAIT_S = 0.25
SHORTEST_WAIT_S = 0.0005
# Market frames in a row that could not be read before the session gives up on the venue.
UNREADABLE_BOUND = 20
# Of one query's answers in a row, each asked for again after a second of the wall's: a minute.
ANSWERS_BOUND = 60
AGAIN_S = 1.0
UNREADABLE_SHOWN = 300


@dataclass(frozen=True, slots=True)
class Timer:
    """The time that the engine asked for has come.

    Attributes:
        recv_ns: Exchange time, nanoseconds.
    """

    recv_ns: int


class Outlet(Protocol):
    """Where actions go."""

    def dispatch(self, action: Action, decided_ns: int) -> int:
        """Send an action; returns the performance counter when its bytes were ready, ns.

        Args:
            action: What the engine wants.
            decided_ns: Exchange time when the step began that wanted it: its life begins then,
                so that a process which is stopped in between sends nothing that still holds.
        """
        ...


class Listener(Protocol):
    """Reads what the engine logged in a step: cycles and alarms for the lines an operator greps."""

    def read(self, lines: bytes) -> None:
        """Take the log lines of one step."""
        ...


Alarm = Mapping[str, Any]  # Any: JSON of the core's alarm


class Diary(Protocol):
    """Writes down what must outlive the process."""

    def after_step(self, alarms: Sequence[Alarm]) -> None:
        """Keep what the step brought; the actions of the step are sent after that."""
        ...


class Asker(Protocol):
    """Asks the exchange what the engine wants to know; the answers come through the inbox."""

    def ask(self, kind: str, cloid: str | None) -> None:
        """Ask soon. Nothing is waited for, and what is not answered is asked for again."""
        ...


class Line(Protocol):
    """A stream, as far as the engine is told whether to count on it."""

    def retract(self) -> StreamState:
        """Take back that it delivers; returns what the engine has to hear, now."""
        ...


class Session:
    """Owns the engine from the first event to the last."""

    def __init__(  # noqa: PLR0913 - keywords, one a role
        self,
        *,
        engine: Engine,
        clock: Clock,
        inbox: Inbox,
        outlet: Outlet,
        recorder: Recorder,
        meter: Meter,
        listener: Listener,
        diary: Diary,
        asker: Asker,
        lease: Lease,
        streams: Sequence[Line],
        beside: Sequence[Inbox] = (),
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._inbox = inbox
        self._outlet = outlet
        self._recorder = recorder
        self._meter = meter
        self._listener = listener
        self._diary = diary
        self._asker = asker
        self._lease = lease
        self._streams = streams
        # Of the other coins: they spend from the same request budget.
        self._beside = beside
        self._lapses = 0
        self._last_ns = 0
        self._unreadable = 0
        # By query: answers in a row that could not be read.
        self._unread: Counter[str] = Counter()
        self._anchored = False
        # Why nobody takes from the inbox any more; `None` while the session lives.
        self.broken: BaseException | None = None
        self._begun = False
        self.blackbox = Blackbox()
        # Monotonic seconds at the last turn of the loop.
        self.turned_at = time.monotonic()

    async def run(self) -> None:
        """Take and step until cancelled.

        Raises:
            VenueError: It sent something about our account, or history, that cannot be understood.
            InvariantError: The engine is not usable any more.
        """
        self._begun = True
        self._recorder.write(self._engine.take_log())
        try:
            while True:
                item = await self._inbox.take(self._wait_s())
                self.turned_at = time.monotonic()
                item = self._heed_lease(item)
                wanted = self._handle_due(item)
                if item is not None:
                    wanted |= self._handle(item)
                if wanted:
                    # The sends are tasks: let them write to their sockets before the next step.
                    await asyncio.sleep(0)
        except BaseException as error:
            # A panic of the core included: the engine is not stepped again, not even to stop.
            self.broken = error
            raise

    @property
    def lives(self) -> bool:
        """Whether somebody takes from the inbox."""
        return self._begun and self.broken is None

    def _heed_lease(self, item: Item | None) -> Item | None:
        """Before anything is decided: what could be quoted from is taken back with the lease.

        Returns:
            What is left to handle of `item`.
        """
        lapses = self._lease.count_lapses()
        if lapses == self._lapses:
            return item
        self._lapses = lapses
        log.warning("lease_lapsed", hint="the watchdog may be acting: it is asked first")
        for stream in self._streams:
            self._handle(stream.retract())
        return None if isinstance(item, StreamState) and item.up else item

    def _wait_s(self) -> float:
        wake_ns = self._engine.wake_at()
        if wake_ns is None:
            return LONGEST_WAIT_S
        wait_s = (wake_ns - self._clock.now_ns()) / SECOND_NS / self._clock.speed
        return min(max(wait_s, SHORTEST_WAIT_S), LONGEST_WAIT_S)

    def _handle_due(self, item: Item | None) -> bool:
        """Step the timer that is due by now, or before `item`: a full inbox must not starve it."""
        wake_ns = self._engine.wake_at()
        now_ns = self._clock.now_ns() if item is None else item.recv_ns
        due = wake_ns is not None and wake_ns <= self._recv(now_ns)
        return due and self._handle(Timer(now_ns))

    def _handle(self, item: Item | Timer) -> bool:
        """Step the engine once; returns whether it wanted anything."""
        begun_ns, decided_ns = time.perf_counter_ns(), self._clock.now_ns()
        try:
            actions = self._step(item)
        except EventError as error:
            self._refuse(item, error)
            return False
        self._meter.step_ns.append(time.perf_counter_ns() - begun_ns)
        lines = self._engine.take_log()
        self._recorder.write(lines)
        alarms = self._engine.take_alarms()
        self._diary.after_step(alarms)
        self.blackbox.note(lines, alarms)
        for action in actions:
            ready_ns = self._outlet.dispatch(action, decided_ns)
            if isinstance(item, Frame):
                self._meter.tick_to_bytes_ns.append(ready_ns - item.arrived_ns)
        for kind, cloid in self._engine.take_asks():
            self._asker.ask(kind, cloid)
        self._tell_beside()
        self._listener.read(lines)
        self._meter.alarms.update(alarm["alarm"] for alarm in alarms)
        return bool(actions)

    def _tell_beside(self) -> None:
        """What this step spent of the account's requests, every other engine counts as well."""
        if self._beside and (spent := self._engine.take_spent()):
            for inbox in self._beside:
                inbox.put(Command(self._last_ns, "spent", spent))

    def _step(self, item: Item | Timer) -> list[Action]:
        engine = self._engine
        recv_ns = self._recv(item.recv_ns)
        match item:
            case Timer():
                return engine.on_timer(recv_ns)
            case Frame(data=data):
                actions = engine.on_frame(recv_ns, data)
                self._unreadable = 0
                return actions
            case Info(kind=kind, body=body, cloid=cloid):
                actions = engine.on_info(recv_ns, kind, body, cloid)
                del self._unread[kind]
                return actions
            case Reply(action=action, status=status, body=answer):
                return engine.on_reply(recv_ns, action, status, answer)
            case StreamState(stream=stream, up=up):
                return engine.on_stream(recv_ns, stream, up)
            case Command(name=name, body=argument):
                actions = engine.on_command(recv_ns, name, argument)
                self._anchored |= name == "anchor"
                return actions

    def _recv(self, recv_ns: int) -> int:
        """Receive time never goes back, whatever order the readers put in."""
        self._last_ns = max(self._last_ns, recv_ns)
        return self._last_ns

    def _refuse(self, item: Item | Timer, error: EventError) -> None:
        """A market frame that cannot be read is skipped, a query is asked again; any other word
        about our account is missed by nobody without an end.
        """
        if isinstance(item, Info) and self._anchored:
            self._ask_again(item, error)
            return
        if not isinstance(item, Frame):
            raise VenueError(f"the venue sent what cannot be read: {error}") from error
        shown = item.data[:UNREADABLE_SHOWN].decode(errors="replace")
        log.error("frame_unreadable", why=str(error), frame=shown)
        self._unreadable += 1
        if item.about_us:
            raise VenueError(f"the venue sent what cannot be read: {error}") from error
        if self._unreadable >= UNREADABLE_BOUND:
            raise InvariantError(f"{UNREADABLE_BOUND} market frames in a row were unreadable")

    def _ask_again(self, item: Info, error: EventError) -> None:
        """An answer that cannot be read is none: a gateway gave it, for a moment or for good."""
        self._unread[item.kind] += 1
        if self._unread[item.kind] >= ANSWERS_BOUND:
            raise VenueError(
                f"{ANSWERS_BOUND} answers to {item.kind} in a row could not be read: {error}"
            ) from error
        if self._unread[item.kind] == 1:
            shown = item.body[:UNREADABLE_SHOWN].decode(errors="replace")
            log.error("answer_unreadable", kind=item.kind, why=str(error), answer=shown)
        loop = asyncio.get_running_loop()
        loop.call_later(AGAIN_S, self._asker.ask, item.kind, item.cloid)
