"""What outlives a process: one directory per network and account, held by one process at a time.

~/.local/state/mm/<network>/<account>/
    lock                 the pid of the process that holds it
    state.db             kill record, day counters, nonces, cloids, ledger: see `mm.store`
    control.sock         where the process that holds the lock answers `mm status` and `mm kill`
    <name>.json          the paper exchange and its key
    archive/<time>/      the state of earlier paper exchanges
    runs/<time>-<coin>/  one directory a run, with one a coin in it where several were quoted
"""

import fcntl
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mm.errors import StateError
from mm.store import BLOCK, Counter, Store

LOCK_S = 0.5
"""A reader of the state holds the lock for a moment to see whether anybody does, wall seconds."""
LOOK_S = 0.02
# Not part of what one paper exchange's state is: it stays where it is when another begins.
_KEPT = frozenset({"lock", "runs", "archive", "control.sock"})


def state_root(environment: Mapping[str, str] | None = None) -> Path:
    """Where state lives: `MM_STATE_DIR`, else `XDG_STATE_HOME/mm`, else `~/.local/state/mm`."""
    variables = os.environ if environment is None else environment
    if own := variables.get("MM_STATE_DIR"):
        return Path(own)
    if base := variables.get("XDG_STATE_HOME"):
        return Path(base) / "mm"
    return Path.home() / ".local" / "state" / "mm"


class StateDir:
    """One account's durable state, held by this process from `open` until `close`."""

    def __init__(self, network: str, account: str, path: Path, lock: int) -> None:
        """Use `open`."""
        self.network, self.account = network, account
        self.path = path
        self._lock: int | None = lock
        self._store: Store | None = None

    @classmethod
    def open(cls, network: str, account: str, root: Path | None = None) -> Self:
        """Create the directory where needed and hold it.

        Args:
            network: paper, testnet or mainnet.
            account: The address that owns the position, or a name on paper.
            root: Instead of `state_root()`.

        Returns:
            The held directory, a context manager.

        Raises:
            StateError: Another process holds it (its pid is named), or it cannot be written.
        """
        path = account_dir(network, account, root)
        try:
            path.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateError(f"{path}: cannot keep state there: {error.strerror}") from error
        if not _hold(lock):
            holder = _pid_in(lock)
            os.close(lock)
            raise StateError(
                f"{path} is held by another mm, pid {holder or 'unknown'}: stop it first,"
                " or give this one its own MM_STATE_DIR"
            )
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
        return cls(network, account.lower(), path, lock)

    def close(self) -> None:
        """Let go. A process that dies lets go as well."""
        self._close_store()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        """Held already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let go."""
        self.close()

    @property
    def store(self) -> Store:
        """The account's database, opened when it is first needed.

        Raises:
            StateError: It cannot be used; the file is named.
        """
        if self._store is None:
            with ExitStack() as undo:
                store = Store.open(self.path, self.network, self.account)
                undo.callback(store.close)
                self._take_over_counters(store)
                undo.pop_all()
            self._store = store
        return self._store

    def _close_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _take_over_counters(self, store: Store) -> None:
        """Earlier versions kept each counter in a file of its own, `counter-<name>`."""
        for path in self.path.glob("counter-*"):
            try:
                below = int(path.read_text(encoding="ascii"))
            except (OSError, ValueError) as error:
                raise StateError(f"{path}: expected a whole number: {error}") from error
            store.reserve((path.name.removeprefix("counter-"), below))
            path.unlink()

    def counter(self, name: str, block: int = BLOCK) -> Counter:
        """A durable counter, such as `nonce-0xabc`: one object a name, or numbers are lost."""
        return Counter(self.store, name, block)

    def new_session(self, now_ms: int) -> int:
        """A session id that this account never had: the start in ms, or one more than the last."""
        return self.counter("session", block=1).next(now_ms)

    def read(self, name: str) -> dict[str, Any] | None:  # Any: JSON, checked by its reader
        """A small record; None: never written.

        Raises:
            StateError: It is damaged; what to do is said.
        """
        path = self.path / f"{name}.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise _damaged(path, f"expected a JSON object: {error}") from error
        if not isinstance(record, dict):
            raise _damaged(path, f"expected a JSON object, was a {type(record).__name__}")
        return record

    def unusable(self, name: str, why: str) -> StateError:
        """The error for a small record that is JSON but not what its reader expects."""
        return StateError(
            f"{self.path / f'{name}.json'}: {why}; written by another version? Move it away"
        )

    def write(self, name: str, record: Mapping[str, object]) -> None:
        """Replace a small record: after a crash there is the old one or the new one, whole."""
        write_durably(self.path / f"{name}.json", json.dumps(record, indent=1).encode("utf-8"))

    def adopt_instance(self, instance: str) -> bool:
        """Bind this state to one paper exchange.

        Args:
            instance: The exchange's id, new each time one is started.

        Returns:
            True where the state is of this exchange already; False where it was of another: that
            is in `archive/` now, and this one is empty but for its runs.
        """
        record = self.read("instance")
        if record is not None and record.get("instance") == instance:
            return True
        # The database of the old one is closed, whole, before it is moved; the next use makes anew.
        self._close_store()
        old = [entry for entry in self.path.iterdir() if entry.name not in _KEPT]
        if old:
            archive = _fresh(self.path / "archive", _stamp(datetime.now(UTC)))
            for entry in old:
                _move(entry, archive / entry.name)
        self.write("instance", {"instance": instance})
        return False

    def new_run(self, coins: Sequence[str], start: datetime) -> Path:
        """A new directory `runs/<time>-<coin>[-<coin>..]/`.

        Args:
            coins: The perps; the colon of `dex:COIN` becomes a dash.
            start: An aware time.
        """
        names = "-".join(_plain(coin) for coin in coins)
        return _fresh(self.path / "runs", f"{_stamp(start)}-{names}")


def coin_dir(run_dir: Path, coin: str, *, alone: bool) -> Path:
    """Where the log of one coin of a run is: one of several has a directory of its own, which is
    made where needed."""
    if alone:
        return run_dir
    path = run_dir / _plain(coin)
    path.mkdir(exist_ok=True)
    return path


def _plain(coin: str) -> str:
    return coin.replace(":", "-")


def account_dir(network: str, account: str, root: Path | None = None) -> Path:
    """Where the state of an account is; it need not exist.

    Raises:
        StateError: The names cannot name a directory.
    """
    for part in (network, account):
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", part):
            raise StateError(f"{part!r} cannot name a state directory")
    return (root or state_root()) / network / account.lower()


def holder(path: Path) -> int | None:
    """Who holds an account's state, found without holding it.

    Args:
        path: The account's directory.

    Returns:
        The pid, 0 where it is not said; `None`: nobody holds it.
    """
    try:
        lock = os.open(path / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid_in(lock)
    else:
        return None
    finally:
        os.close(lock)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file so that a crash at any moment leaves the old content or the new.

    The file is its owner's alone (mode 0600): one of them is a key.

    Raises:
        StateError: It cannot be written.
    """
    draft = path.with_name(f".{path.name}.new")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise StateError(f"{path}: cannot be written: {error.strerror}") from error


def _damaged(path: Path, why: str) -> StateError:
    """All small records are of a paper exchange, so nothing that matters is lost with one."""
    return StateError(
        f"{path}: damaged ({why}); nothing was changed. Move it away: the next run makes its own,"
        " or begins a new paper exchange; one that still runs ends by itself"
    )


def _hold(lock: int) -> bool:
    """Lock it, past those who only look whether it is locked; whether that was possible."""
    deadline = time.monotonic() + LOCK_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(LOOK_S)
        else:
            return True


def _pid_in(lock: int) -> int:
    """The pid written in a lock, 0 where there is none."""
    said = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
    return int(said) if said.isdecimal() else 0


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")


def _fresh(parent: Path, name: str) -> Path:
    """A directory that did not exist: the name, or the name with a number."""
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
            continue
        except OSError as error:
            raise StateError(f"{path}: cannot be made: {error.strerror}") from error
        return path


def _move(entry: Path, to: Path) -> None:
    try:
        entry.rename(to)
    except OSError as error:
        raise StateError(f"{entry}: cannot be moved to {to}: {error.strerror}") from error
