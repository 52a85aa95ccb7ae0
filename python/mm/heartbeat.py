"""The maker's sign of life: one small file, replaced twice a second while the loop is healthy.

What it says is all that the watchdog knows of the maker: that it lives, what it holds, how large a
position it allows itself, and what it asks for. A loop that is not healthy writes nothing, so a
heartbeat that has stopped means silence, whatever the reason.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import structlog

from mm.clock import SECOND_NS, Clock
from mm.errors import UNREADABLE, StateError
from mm.lease import Lease

log = structlog.get_logger(__name__)

VERSION = 3
BEAT_S = 0.5
"""Wall seconds between two beats."""
HEALTHY_S = 3.0
"""Wall seconds by which the loop's last turn, or the engine's time, may lie behind."""

Asks = Literal["watch", "touch", "escalate", "goodbye"]
"""What the maker asks of the watchdog.

`watch`: act when the loop is silent, drifts or dies. `touch`: take the position over now and leave
a reducing quote at the touch. `escalate`: take it over now and close it, with orders that take
liquidity where need be. `goodbye`: nothing is left to do.
"""


@dataclass(frozen=True, slots=True)
class Held:
    """What the maker knows of one coin.

    Attributes:
        mode: The engine's mode; `None`: the engine cannot be asked any more.
        position: Held, as the engine knows it, signed lots; `None` before the anchor.
        moved: Lots by which that has gone up and down since the anchor, added up; `None` before it.
            Two beats bound by it every position that was held in between.
        lots: The limit in force, long and short, lots; `None` before the first.
        base_lots: What the size of an attempt to reduce is a share of, lots; `None`: not known.
        sigma: Volatility per square root of a second; `None`: not known.
    """

    mode: str | None = None
    position: int | None = None
    moved: int | None = None
    lots: tuple[int, int] | None = None
    base_lots: int | None = None
    sigma: float | None = None

    @classmethod
    def of_record(cls, record: dict[str, Any]) -> Held:  # Any: JSON
        """Read one back."""
        lots = record.pop("lots")
        return cls(**record, lots=None if lots is None else (int(lots[0]), int(lots[1])))


UNKNOWN = Held()
"""Nothing is known of the coin."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One heartbeat.

    Attributes:
        asks: What the maker asks for.
        number: Of the beat within the session, from 1.
        pid: Of the maker.
        session: Id of the run.
        coins: What it knows of each coin.
    """

    asks: Asks
    number: int
    pid: int
    session: int
    coins: Mapping[str, Held]

    def of(self, coin: str) -> Held:
        """What it knows of a coin."""
        return self.coins.get(coin, UNKNOWN)

    def text(self) -> str:
        """As the file has it."""
        return json.dumps({"version": VERSION, **asdict(self)}, allow_nan=False)

    @classmethod
    def of_text(cls, text: str, where: Path) -> Beat:
        """Read one back.

        Raises:
            StateError: It is no heartbeat of this version.
        """
        try:
            record = json.loads(text)
            if record.pop("version") != VERSION or set(record) != _NAMES:
                raise ValueError("another version's")
            coins = {coin: Held.of_record(held) for coin, held in record.pop("coins").items()}
            return cls(**record, coins=coins)
        except UNREADABLE as error:
            raise StateError(f"{where}: expected a heartbeat of this version: {error}") from error


_NAMES = {field.name for field in fields(Beat)}


def read_beat(path: Path) -> Beat | None:
    """The newest heartbeat; `None`: there is none.

    Raises:
        StateError: The file is something else, or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise StateError(f"{path}: expected a heartbeat of this version: {error}") from error
    return Beat.of_text(text, path)


def write_beat(path: Path, beat: Beat) -> None:
    """Replace the heartbeat: a reader sees the old one or the new one, whole.

    It is not synced: when the host dies, so does the watchdog that would read it.

    Raises:
        StateError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.new")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(beat.text())
        draft.replace(path)
    except OSError as error:
        raise StateError(f"{path}: cannot be written: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Vitals:
    """What proves that the loop is healthy.

    Attributes:
        broken: Why the loop has ended; `None` while it runs.
        turned_at: Monotonic seconds at the loop's last turn.
        stepped_ns: The engine's time, exchange nanoseconds.
        waiting: Events that wait for the loop.
        waiting_bound: How many may wait.
    """

    broken: BaseException | None
    turned_at: float
    stepped_ns: int
    waiting: int
    waiting_bound: int


def trouble(vitals: Vitals, now_s: float, now_ns: int, speed: float) -> str | None:
    """Why the loop is not proven healthy; `None`: it is.

    Args:
        vitals: Of the loop.
        now_s: Monotonic seconds.
        now_ns: Exchange time, nanoseconds.
        speed: Exchange seconds per wall second.
    """
    if vitals.broken is not None:
        return f"the loop ended: {type(vitals.broken).__name__}"
    if (still_s := now_s - vitals.turned_at) > HEALTHY_S:
        return f"the loop has not turned for {still_s:.1f} s"
    if (behind_s := (now_ns - vitals.stepped_ns) / SECOND_NS / speed) > HEALTHY_S:
        return f"the engine's time is {behind_s:.1f} s behind"
    if vitals.waiting >= vitals.waiting_bound:
        return f"{vitals.waiting} events wait"
    return None


class Heart:
    """Beats for one run."""

    def __init__(
        self,
        path: Path,
        session: int,
        clock: Clock,
        vitals: Callable[[], Vitals],
        snapshots: Mapping[str, Callable[[], dict[str, Any]]],
        lease: Lease,
    ) -> None:
        """Prepare, without beating.

        Args:
            path: Of the file.
            session: Id of the run.
            clock: Exchange time.
            vitals: Of the loop.
            snapshots: Of the engine of each coin.
            lease: Lasts from each beat for a while.
        """
        self._lease = lease
        self._path = path
        self._session = session
        self._clock = clock
        self._vitals = vitals
        self._snapshots = snapshots
        self._beat: Beat | None = None
        self._asks: Asks = "watch"
        self._trouble: str | None = None

    @property
    def beats(self) -> bool:
        """Whether the last look found the loop healthy, and said so."""
        return self._beat is not None and self._trouble is None

    async def run(self) -> None:
        """Beat until cancelled.

        Raises:
            StateError: The file cannot be written.
        """
        while True:
            self.beat()
            await asyncio.sleep(BEAT_S)

    def beat(self) -> None:
        """Write a beat, if the loop is healthy; say it once when it is not."""
        now_s = time.monotonic()
        found = trouble(self._vitals(), now_s, self._clock.now_ns(), self._clock.speed)
        if (found is None) != (self._trouble is None):
            if found is None:
                log.info("heartbeat_resumed", after=self._trouble)
            else:
                log.error("heartbeat_withheld", why=found)
        self._trouble = found
        if found is None:
            self._write(self._made())

    def ask(self, asks: Asks) -> None:
        """Ask the watchdog for something else, at once; healthy or not, it is told.

        Raises:
            StateError: It cannot be written.
        """
        self._asks = asks
        last = self._beat
        usable = self._vitals().broken is None
        if last is None or usable:
            self._write(self._made() if usable else self._bare())
        else:
            self._write(replace(last, asks=asks, number=last.number + 1))

    def _write(self, beat: Beat) -> None:
        self._lease.beaten(beat.number)
        write_beat(self._path, beat)
        self._beat = beat

    def _made(self) -> Beat:
        bare, last = self._bare(), self._beat
        coins = {
            coin: _held(snapshot(), UNKNOWN if last is None else last.of(coin))
            for coin, snapshot in self._snapshots.items()
        }
        return replace(bare, coins=coins)

    def _bare(self) -> Beat:
        return Beat(
            asks=self._asks,
            number=1 if self._beat is None else self._beat.number + 1,
            pid=os.getpid(),
            session=self._session,
            coins=dict.fromkeys(self._snapshots, UNKNOWN),
        )


def _held(snapshot: dict[str, Any], last: Held) -> Held:
    limits = snapshot["limits"]
    lots = None if limits is None else (int(limits["lots"][0]), int(limits["lots"][1]))
    anchored = snapshot["position_start"] is not None
    return Held(
        mode=snapshot["mode"],
        position=snapshot["position"] if anchored else None,
        moved=snapshot["position_moved"] if anchored else None,
        lots=lots,
        base_lots=_base_lots(lots, last),
        sigma=snapshot["sigma"],
    )


def _base_lots(lots: tuple[int, int] | None, last: Held) -> int | None:
    """The larger side of the limit in force; while that is zero, the last that was not."""
    if lots is not None and max(lots) > 0:
        return max(lots)
    return last.base_lots
