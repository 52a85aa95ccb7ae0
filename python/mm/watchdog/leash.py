"""The maker's side: charge the watchdog, start it, see that it lives, hand over, say goodbye."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from mm.errors import RiskStop
from mm.heartbeat import Asks, Heart
from mm.lease import Lease
from mm.waiting import until
from mm.watchdog.agent import WATCHDOG_KEY
from mm.watchdog.directory import Status, WatchdogDir

log = structlog.get_logger(__name__)

# Wall seconds.
LOOK_S = 0.25
STARTED_S = 15.0
STALE_S = 20.0
HANDED_OVER_S = 10.0
PARTED_S = 3.0
AGAIN_S = 1.0
AGAIN_S_MAX = 60.0


# Watchdogs that outlive this process: what they do is not its concern any more.
_left: list[subprocess.Popen[bytes]] = []


class Distrusted(RiskStop):
    """The watchdog has taken over, for its exchange's position is not what we say.

    Attributes:
        positions: The exchange's, signed lots by coin; `None`: not told.
    """

    positions: dict[str, int] | None = None

    @classmethod
    def of(cls, positions: dict[str, int] | None) -> Distrusted:
        """Say what it found.

        Args:
            positions: The exchange's, signed lots by coin; `None`: not told.
        """
        error = cls(
            "the watchdog has taken over: the exchange's position has not been the engine's"
            f" for too long (exchange, lots: {_shown(positions)})"
        )
        error.positions = positions
        return error


class Leash:
    """Holds one watchdog for one run."""

    def __init__(
        self,
        directory: WatchdogDir,
        command: tuple[str, ...],
        words: Path,
        session: int,
        heart: Heart,
        secret: str | None = None,
    ) -> None:
        """Prepare, without starting.

        Args:
            directory: Charged; the agent's key is in it.
            command: What follows `mm`.
            words: Takes what the process writes, should it not come to its own log.
            session: Id of the run.
            heart: Beats for the run.
            secret: Its key, for its environment; `None`: it finds it in `directory`.
        """
        self._secret = secret
        self._directory = directory
        self._command = [sys.executable, "-m", "mm", *command]
        self._words = words
        self._session = session
        self._heart = heart
        self._process: subprocess.Popen[bytes] | None = None
        self._seen: tuple[int, int] | None = None
        self._seen_at = time.monotonic()
        self._worked = False
        self._ending = self._said_goodbye = False
        # Whether it has taken over because it does not believe us: it works until flat.
        self.distrusts = False
        self.restarts = 0

    @property
    def stands_by(self) -> bool:
        """Whether it watches us now: its process lives and has said so lately."""
        status = self._status()
        return status is not None and status.doing != "done" and not self._stale()

    def renews(self, lease: Lease) -> bool:
        """Whether the right to trade is ours: it watches, by a beat of after a lapse, or has ended.

        It judges by the beat that it names, and has let go of whatever it did before it says so.
        One that somebody started by hand counts like ours.
        """
        if not self._runs() and not self._directory.is_held():
            return lease.renew_alone()
        status = self._directory.read_status()
        if status is None or (status.session, status.doing) != (self._session, "watching"):
            return lease.renew(None)
        return lease.renew(status.heard)

    async def start(self) -> bool:
        """Start it and wait until it watches; returns whether it does."""
        self._spawn()
        try:
            async with asyncio.timeout(STARTED_S):
                await until(lambda: self.stands_by or not self._runs(), LOOK_S / 5)
        except TimeoutError:
            log.error("watchdog_does_not_watch", waited_s=STARTED_S)
        if self.stands_by:
            return True
        log.error("watchdog_not_started", said=self._last_words())
        return False

    async def run(self, came_back: Callable[[], None]) -> None:
        """See that it lives until cancelled.

        Args:
            came_back: Called when it had taken over while we were silent, and stands down.

        Raises:
            Distrusted: It has taken over because it does not believe us.
        """
        pause_s = AGAIN_S
        while True:
            await asyncio.sleep(LOOK_S)
            if self._ending:
                continue
            if self._runs() and not self._stale():
                if self.stands_by:
                    pause_s = AGAIN_S
                self._react(came_back)
                continue
            log.error("watchdog_died", said=self._last_words(), again_in_s=pause_s)
            self._kill()
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, AGAIN_S_MAX)
            if not self._ending:
                self.restarts += 1
                self._spawn()

    async def hand_over(self, asks: Asks) -> bool:
        """Ask it to take the position over; returns whether it has said that it does."""
        self._ending = True
        self._heart.ask(asks)
        try:
            async with asyncio.timeout(HANDED_OVER_S):
                await until(self._took_over, LOOK_S / 5)
        except TimeoutError:
            log.error("watchdog_did_not_take_over", waited_s=HANDED_OVER_S)
            return False
        return True

    def goodbye(self) -> None:
        """Tell it that nothing is left to do."""
        self._ending = self._said_goodbye = True
        self._heart.ask("goodbye")

    async def part(self) -> None:
        """Wait for its end, which a goodbye brings at once; a watchdog that works is left to it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PARTED_S if self._said_goodbye else 0):
                await until(lambda: not self._runs(), LOOK_S / 5)
        if self._process is not None and self._runs():
            _left.append(self._process)

    # ---- its process ----------------------------------------------------------------------------

    def _spawn(self) -> None:
        self._seen, self._seen_at = None, time.monotonic()
        with self._words.open("ab") as words:
            # A session of its own: Ctrl-C and whatever ends the maker leave it alone.
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=words,
                env=None if self._secret is None else {**os.environ, WATCHDOG_KEY: self._secret},
                start_new_session=True,
            )

    def _runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _last_words(self) -> str:
        lines = self._words.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _status(self) -> Status | None:
        """What this process of it said last."""
        status = self._directory.read_status()
        process = self._process
        ours = process is not None and status is not None and status.pid == process.pid
        if not ours or status is None or status.session != self._session:
            return None
        if (status.pid, status.number) != self._seen:
            self._seen, self._seen_at = (status.pid, status.number), time.monotonic()
        return status

    def _stale(self) -> bool:
        self._status()
        return time.monotonic() - self._seen_at > STALE_S

    def _took_over(self) -> bool:
        """It works on it, as asked or because it believes us no more, or has nothing to work on."""
        status = self._status()
        return status is not None and (
            (status.doing == "working" and status.why in ("asked", "drift"))
            or (status.doing == "done" and status.why == "flat")
        )

    def _react(self, came_back: Callable[[], None]) -> None:
        status = self._status()
        if status is None:
            return
        if status.doing == "working" and status.why == "drift":
            self.distrusts = True
            raise Distrusted.of(status.positions)
        if status.doing == "working":
            self._worked = True
        elif self._worked:
            self._worked = False
            log.warning("watchdog_had_taken_over", hint="the orders and fills of a while are its")
            came_back()


def _shown(positions: dict[str, int] | None) -> str:
    return ", ".join(f"{coin} {lots}" for coin, lots in (positions or {}).items()) or "unknown"
