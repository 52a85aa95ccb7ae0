"""`state.db`: what one account must never forget, in one SQLite file that survives kill -9.

Two connections to one file in WAL mode, for two kinds of promise:

    durable  synchronous = FULL    kill record, acknowledgement, counters: on the disk before the
                                   call returns
    quick    synchronous = NORMAL  ledger entries, day counters, the last known status: with the
                                   operating system before the call returns, on the disk at the
                                   next checkpoint

What a process wrote quickly survives its own death at any moment. Only a host that dies can take
the end of it, and that end is what the exchange itself tells again: its list of fills has every
trade by tid, and equity is asked for before anything is quoted. The file is never torn: a
transaction is in it whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

from mm.acknowledgement import DRAWDOWN, Acknowledged, NewPeak
from mm.errors import InvariantError, StateError
from mm.kill_record import KillRecord

FILE = "state.db"
SCHEMA = 1
"""Version of the tables; a file of a later one is refused."""
APPLICATION = 0x6D6D_7374
"""Marks the file as ours."""
BUSY_MS = 5_000
"""Longest wait for another writer, wall milliseconds."""
BLOCK = 1_000
"""Numbers reserved durably at once, so that not every one costs an fsync."""

_TABLES = (
    "CREATE TABLE about (network TEXT NOT NULL, account TEXT NOT NULL)",
    "CREATE TABLE counter (name TEXT PRIMARY KEY, reserved INTEGER NOT NULL) WITHOUT ROWID",
    """CREATE TABLE kill (
        number INTEGER PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL,
        trading_day TEXT NOT NULL, at_ns INTEGER NOT NULL, coin TEXT NOT NULL,
        sz_decimals INTEGER NOT NULL, position INTEGER NOT NULL, equity INTEGER,
        on_kill TEXT NOT NULL, session INTEGER NOT NULL,
        acknowledged_by TEXT, acknowledged_at TEXT)""",
    """CREATE TABLE record (
        name TEXT PRIMARY KEY, body TEXT NOT NULL, digest TEXT NOT NULL, saved_ns INTEGER NOT NULL
        ) WITHOUT ROWID""",
    """CREATE TABLE entry (
        number INTEGER PRIMARY KEY, coin TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
        exch_ns INTEGER NOT NULL, session INTEGER NOT NULL, tid INTEGER, position INTEGER,
        lots INTEGER NOT NULL, notional INTEGER NOT NULL, fee INTEGER NOT NULL,
        usd INTEGER NOT NULL, away INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (coin, key))""",
    "CREATE INDEX entry_time ON entry (coin, exch_ns)",
)
_KILL = tuple(field.name for field in fields(KillRecord))


class Row(NamedTuple):
    """A ledger entry as it is kept; `mm.ledger` says what the numbers mean.

    Attributes:
        coin: The perp; empty for what belongs to the account.
        kind: Of the entry.
        key: What makes it the same thing when it is told again.
        exch_ns: Exchange time, nanoseconds since the epoch.
        session: Which session wrote it.
        body: The whole entry, JSON.
        tid: Trade id; `None` where it is no trade.
        position: Stated position, lots; `None` where it states none.
        lots: Signed change of the position.
        notional: Of a trade, micro-USDC.
        fee: Of a trade, micro-USDC.
        usd: Money in, micro-USDC.
        away: Whether it happened while no session ran.
    """

    coin: str
    kind: str
    key: str
    exch_ns: int
    session: int
    body: str
    tid: int | None = None
    position: int | None = None
    lots: int = 0
    notional: int = 0
    fee: int = 0
    usd: int = 0
    away: bool = False


class Store:
    """The database of one account. Its methods may be called from any thread."""

    def __init__(self, path: Path, quick: sqlite3.Connection, durable: sqlite3.Connection) -> None:
        """Use `open`."""
        self.path = path
        self._quick, self._durable = quick, durable
        # In the order in which they are closed: the last one tidies the file up.
        self._using = {durable: threading.RLock(), quick: threading.RLock()}

    @classmethod
    def open(cls, directory: Path, network: str, account: str) -> Self:
        """Open the database of an account, or make it.

        Args:
            directory: The account's state directory.
            network: paper, testnet or mainnet.
            account: The name of the account, as its directory has it.

        Raises:
            StateError: It cannot be read, is damaged, is of a newer version, of another program
                or of another account. Nothing in it was changed.
        """
        path = directory / FILE
        with _named(path):
            # Made by us first: SQLite would leave its mode to the umask. One that exists is not
            # touched: to close a database file drops every lock this process has on it.
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            with ExitStack() as undo:
                quick = undo.enter_context(closing(_connect(path, "NORMAL")))
                _check(quick, path)
                _make(quick, network, account)
                _of(quick, path, network, account)
                store = cls(path, quick, _connect(path, "FULL"))
                undo.pop_all()
            return store

    def close(self) -> None:
        """Let go of the file; what is in the log beside it moves into it."""
        for db, using in self._using.items():
            with _named(self.path), using:
                db.close()

    # ---- kill record ----------------------------------------------------------------------------

    def kill_record(self) -> KillRecord | None:
        """The kill that nobody has acknowledged, the first of several; `None`: free to start."""
        return self._kill("WHERE acknowledged_by IS NULL ORDER BY number LIMIT 1")

    def last_kill(self) -> KillRecord | None:
        """The newest kill, acknowledged or not; `None`: there never was one."""
        return self._kill("ORDER BY number DESC LIMIT 1")

    def latch_kill(self, record: KillRecord) -> KillRecord:
        """Keep a kill, on the disk before this returns.

        Returns:
            The kill that is latched: this one, or the first that was latched before it.
        """
        with self._write("durable") as db:
            if (first := self.kill_record()) is not None:
                return first
            row = {**asdict(record), "trading_day": record.trading_day}
            names = ", ".join(row)
            db.execute(f"INSERT INTO kill ({names}) VALUES ({_marks(row)})", tuple(row.values()))
        return record

    def acknowledge(self, by: str) -> Acknowledged | None:
        """Lift the latch, durably; of a drawdown, take the equity last saved for the new peak.

        Who took which peak, and when, is kept in the record `new_peak/` and the kill's number.

        Args:
            by: Who looked into it.

        Returns:
            What was acknowledged; `None` when nothing was latched.

        Raises:
            StateError: The saved budget is damaged; nothing was changed.
        """
        at = datetime.now(UTC).isoformat(timespec="seconds")
        with self._write("durable") as db:
            record = self.kill_record()
            if record is None:
                return None
            db.execute(
                "UPDATE kill SET acknowledged_by = ?, acknowledged_at = ?"
                " WHERE acknowledged_by IS NULL",
                (by, at),
            )
            peak = self._take_peak(db, by, at) if record.reason == DRAWDOWN else None
        return Acknowledged(replace(record, acknowledged_by=by, acknowledged_at=at), peak)

    def _take_peak(self, db: sqlite3.Connection, by: str, at: str) -> NewPeak | None:
        """The saved equity as the saved peak, in the transaction that lifts the latch."""
        if (saved := self.budget()) is None:
            return None
        budget = json.loads(saved)
        peak = NewPeak(old=budget["peak"], new=budget["equity"])
        body = json.dumps({**budget, "peak": peak.new})
        db.execute(
            "UPDATE record SET body = ?, digest = ? WHERE name = 'budget'", (body, _digest(body))
        )
        ((number,),) = db.execute("SELECT max(number) FROM kill").fetchall()
        told = json.dumps({"by": by, "at": at, **asdict(peak)})
        row = (f"new_peak/{number}", told, _digest(told), time.time_ns())
        db.execute(f"INSERT INTO record VALUES ({_marks(row)})", row)
        return peak

    def _kill(self, which: str) -> KillRecord | None:
        rows = self.select(f"SELECT {', '.join(_KILL)} FROM kill {which}")
        return KillRecord(**dict(zip(_KILL, rows[0], strict=True))) if rows else None

    # ---- small records --------------------------------------------------------------------------

    def save_budget(self, budget: str) -> None:
        """Keep the day's counters: the snapshot's `budget` as JSON text."""
        self.save("budget", budget)

    def budget(self) -> str | None:
        """The day's counters as last kept, JSON text; `None`: never kept."""
        found = self.read("budget")
        return None if found is None else found[0]

    def save_limit(self, coin: str, limit: str) -> None:
        """Keep what outlives a session of a coin's limit: the snapshot's `kept_limit` as JSON."""
        self.save(f"limit/{coin}", limit)

    def limit(self, coin: str) -> tuple[str, float] | None:
        """What was last kept of a coin's limit and its age in wall seconds; `None`: never."""
        return self.read(f"limit/{coin}")

    def save(self, name: str, body: str) -> None:
        """Replace a small record: JSON text."""
        row = (name, body, _digest(body), time.time_ns())
        with self._write("quick") as db:
            db.execute(f"INSERT OR REPLACE INTO record VALUES ({_marks(row)})", row)

    def read(self, name: str) -> tuple[str, float] | None:
        """A small record and its age in wall seconds; `None`: never saved.

        Raises:
            StateError: Its text is not what was written.
        """
        rows = self.select("SELECT body, digest, saved_ns FROM record WHERE name = ?", name)
        if not rows:
            return None
        body, digest, saved_ns = rows[0]
        if _digest(body) != digest:
            raise _damaged(self.path, f"the checksum of record {name} does not match")
        return body, (time.time_ns() - saved_ns) / 1e9

    # ---- ledger ---------------------------------------------------------------------------------

    def post(self, rows: Sequence[Row], *, durable: bool = False) -> int:
        """Keep entries, all or none; one whose coin and key are known is passed over.

        Args:
            rows: The entries, in the order in which they happened.
            durable: On the disk before this returns, for what nobody else could tell again.

        Returns:
            How many were new.
        """
        with self._write("durable" if durable else "quick") as db:
            before = db.total_changes
            db.executemany(
                f"INSERT INTO entry ({', '.join(Row._fields)}) VALUES ({_marks(Row._fields)})"
                " ON CONFLICT (coin, key) DO NOTHING",
                rows,
            )
            return db.total_changes - before

    # ---- counters -------------------------------------------------------------------------------

    def reserved(self, name: str) -> int:
        """The number below which everything may have been used; 0 for a new name."""
        rows = self.select("SELECT reserved FROM counter WHERE name = ?", name)
        return int(rows[0][0]) if rows else 0

    def reserve(self, *reserved: tuple[str, int]) -> None:
        """Reserve of each name every number under one, on the disk before this returns.

        All of them or none; a reservation is never lowered.
        """
        with self._write("durable") as db:
            db.executemany(
                "INSERT INTO counter VALUES (?, ?) ON CONFLICT (name)"
                " DO UPDATE SET reserved = max(reserved, excluded.reserved)",
                reserved,
            )

    # ---- the file -------------------------------------------------------------------------------

    def select(self, query: str, *values: object) -> list[tuple[Any, ...]]:  # Any: SQL values
        """Rows of a query."""
        with _named(self.path), self._using[self._quick]:
            return self._quick.execute(query, values).fetchall()

    @contextmanager
    def _write(self, promise: Literal["quick", "durable"]) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it or nothing."""
        db = self._quick if promise == "quick" else self._durable
        with _named(self.path), self._using[db], _transaction(db):
            yield db

    def unusable(self, why: str) -> StateError:
        """The error for something in the file that is whole but cannot be."""
        return _damaged(self.path, why)

    def checkpoint(self) -> None:
        """Move what the log beside the file holds into the file; no writer waits for it.

        Takes as long as the disk does: call it in a thread.
        """
        with _named(self.path), closing(_connect(self.path, "NORMAL")) as db:
            db.execute("PRAGMA wal_checkpoint(PASSIVE)")


class Counter:
    """Rising numbers, none of which is given twice, not even after kill -9.

    A block is reserved on disk before its first number is given; a restart begins after the block.
    """

    def __init__(
        self, store: Store, name: str, block: int = BLOCK, ahead: tuple[str, int] | None = None
    ) -> None:
        """Continue after everything that may have been given.

        Args:
            store: Keeps the reservation.
            name: The counter's; one object a name, or numbers are lost.
            block: How many numbers one fsync reserves.
            ahead: Another name, whose reservation is kept this much above this one's.
        """
        self._store, self._name, self._block, self._ahead = store, name, block, ahead
        self._writing = threading.Lock()
        self._reserved = store.reserved(name)
        self._last = self._reserved - 1

    def next(self, at_least: int = 0) -> int:
        """The next number: `max(at_least, last + 1)`. A nonce passes the time in ms."""
        value = max(at_least, self._last + 1)
        if value >= self._reserved:
            self.reserve(value)
        self._last = value
        return value

    def reserve(self, value: int) -> None:
        """Reserve a block from `value` on, durably. May run in a thread, ahead of need."""
        reserved = value + self._block
        with self._writing:
            if reserved > self._reserved:
                both = [(self._name, reserved)]
                if self._ahead is not None:
                    beside, more = self._ahead
                    both.append((beside, reserved + more))
                self._store.reserve(*both)
                self._reserved = reserved


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    with ExitStack() as undo:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        undo.callback(db.close)
        for pragma in (
            f"busy_timeout = {BUSY_MS}",
            "journal_mode = WAL",
            f"synchronous = {synchronous}",
            # A checkpoint waits for the disk: it is made in a thread, never by a writer.
            "wal_autocheckpoint = 0",
        ):
            db.execute(f"PRAGMA {pragma}")
        undo.pop_all()
    return db


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Committed at the end, rolled back on any error."""
    # The connection's own context manager does both, once there is something to end.
    with db:
        db.execute("BEGIN IMMEDIATE")
        yield


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Refuse what is not a whole database of ours and of a version that is known."""
    (application,), (version,) = (
        db.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if application not in {APPLICATION, 0} or (application == 0 and not empty):
        raise StateError(f"{path}: a database, but not of mm: move it away")
    if version > SCHEMA:
        raise StateError(
            f"{path}: written by a newer mm (schema {version}, this one knows {SCHEMA}):"
            " run that version; nothing was changed"
        )
    found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise _damaged(path, str(found))


def _make(db: sqlite3.Connection, network: str, account: str) -> None:
    """The tables of a new file, all or none."""
    with _transaction(db):
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            for table in _TABLES:
                db.execute(table)
            db.execute("INSERT INTO about VALUES (?, ?)", (network, account))
            db.execute(f"PRAGMA application_id = {APPLICATION}")
            db.execute(f"PRAGMA user_version = {SCHEMA}")


def _of(db: sqlite3.Connection, path: Path, network: str, account: str) -> None:
    found = db.execute("SELECT network, account FROM about").fetchone()
    if found != (network, account):
        shown = "nobody" if found is None else "/".join(found)
        raise StateError(
            f"{path}: the state of {shown}, not of {network}/{account}: move it back where it was"
        )


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Every error of the database or the disk names the file and says what to do."""
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.InterfaceError) as error:
        raise InvariantError(f"{path}: used wrongly: {error}") from error
    except sqlite3.OperationalError as error:
        raise StateError(f"{path}: cannot be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise _damaged(path, str(error)) from error
    except OSError as error:
        raise StateError(f"{path}: cannot be used: {error.strerror}") from error


def _damaged(path: Path, why: str) -> StateError:
    return StateError(
        f"{path}: damaged ({why}); nothing was changed. Restore it from a copy, or move"
        f" {path.name}* away and start anew: the exchange's own list fills the ledger, but a kill"
        " record and the day's loss in it are gone"
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _marks(values: Sequence[object] | Mapping[str, object]) -> str:
    return ", ".join("?" * len(values))
