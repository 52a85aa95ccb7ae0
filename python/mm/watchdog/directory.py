"""`<state>/<network>/<account>/watchdog/`: what the maker and its watchdog tell each other.

    lock             the pid of the watchdog that holds it
    heartbeat.json   written by the maker
    status.json      written by the watchdog
    key.json         the agent key that signs for the watchdog alone (mode 0600)
    charge.json      what it is in charge of, written by the maker
    state.db         its nonces

Nothing here is shared with the maker's own database: a maker that was stopped in the middle of a
write must not be able to hold up its watchdog.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from mm._core import Signer
from mm.errors import MmError, StateError
from mm.log import hide
from mm.state import holder, write_durably
from mm.waiting import until

# Wall seconds for a watchdog to end when asked to; then it is killed.
RETIRE_S = 3.0
LOOK_S = 0.05

Doing = Literal["watching", "working", "done"]


@dataclass(frozen=True, slots=True)
class Status:
    """What the watchdog says about itself.

    Attributes:
        pid: Of its process.
        number: Rises with each look.
        doing: `watching` the maker, `working` the position down, or `done`.
        why: Why it works, or how it ended; empty while it watches.
        session: Of the heartbeat it goes by.
        positions: At the exchange, signed lots by coin; `None`: not asked yet.
        heard: Number of the newest beat that it had read when it last judged; `None`: none.
    """

    pid: int
    number: int
    doing: Doing
    why: str
    session: int
    positions: dict[str, int] | None
    heard: int | None


@dataclass(frozen=True, slots=True)
class AgentKey:
    """The watchdog's own key.

    Attributes:
        signer: Signs.
        master: The account that approved it.
        instance: Of the paper exchange that knows of that; `None` on a venue of its own.
    """

    signer: Signer
    master: str
    instance: str | None


class WatchdogDir:
    """The directory, from either side."""

    def __init__(self, account_state: Path) -> None:
        """Name it; nothing is made.

        Args:
            account_state: The account's state directory.
        """
        self._account_state = account_state
        self.path = account_state / "watchdog"

    def maker_lives(self) -> bool:
        """Whether any process holds the account's state."""
        return holder(self._account_state) is not None

    @property
    def heartbeat(self) -> Path:
        """The heartbeat's file."""
        return self.path / "heartbeat.json"

    def make(self) -> None:
        """Make it where needed.

        Raises:
            StateError: It cannot be made.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StateError(f"{self.path}: cannot be made: {error.strerror}") from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for the length of a `with` block.

        Raises:
            StateError: Another watchdog holds it, or nothing was ever watched here.
        """
        try:
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateError(f"{self.path}: no maker has run here: {error.strerror}") from error
        try:
            if not _take(lock):
                raise StateError(f"{self.path} is held by another watchdog, pid {_holder(lock)}")
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode("ascii"), 0)
            yield
        finally:
            os.close(lock)

    def is_held(self) -> bool:
        """Whether a watchdog holds the lock."""
        return holder(self.path) is not None

    async def retire(self) -> bool:
        """End the watchdog that holds the lock, if one does, and wait until it has let go.

        Whoever calls this holds the account's own lock and is about to look after the position.

        Returns:
            Whether there was one.

        Raises:
            StateError: It does not let go.
        """
        try:
            lock = os.open(self.path / "lock", os.O_RDWR)
        except FileNotFoundError:
            return False
        try:
            if _take(lock):
                return False
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError, ValueError):
                    os.kill(int(_holder(lock)), number)
                with suppress(TimeoutError):
                    async with asyncio.timeout(RETIRE_S):
                        await until(lambda: _take(lock), LOOK_S)
                    return True
            raise StateError(f"{self.path} is held by pid {_holder(lock)}, which does not end")
        finally:
            os.close(lock)

    # ---- status ---------------------------------------------------------------------------------

    def write_status(self, status: Status) -> None:
        """Replace the status; not synced, for it tells of a living process.

        Raises:
            StateError: It cannot be written.
        """
        path = self.path / "status.json"
        draft = path.with_name(".status.json.new")
        try:
            draft.write_text(json.dumps(asdict(status)), encoding="utf-8")
            draft.replace(path)
        except OSError as error:
            raise StateError(f"{path}: cannot be written: {error.strerror}") from error

    def read_status(self) -> Status | None:
        """What the watchdog said last; `None`: never anything, or nothing that can be read."""
        try:
            return Status(**json.loads((self.path / "status.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, RecursionError):
            return None

    # ---- key ------------------------------------------------------------------------------------

    def write_key(self, secret: str, master: str, instance: str | None) -> AgentKey:
        """Keep a key, durably and for its owner's eyes alone."""
        hide(secret)
        signer = Signer(secret)
        record = {
            "address": signer.address,
            "secret": secret,
            "master": master,
            "instance": instance,
        }
        write_durably(self.path / "key.json", json.dumps(record).encode())
        return AgentKey(signer, master, instance)

    def read_key(self) -> AgentKey | None:
        """The key; `None`: there is none.

        Raises:
            StateError: The file is something else; its text is not repeated.
        """
        path = self.path / "key.json"
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            hide(record["secret"])
            return AgentKey(Signer(record["secret"]), record["master"], record["instance"])
        except FileNotFoundError:
            return None
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
            MmError,
        ):
            # Whatever is wrong with the key, its text is not repeated.
            raise StateError(f"{path}: expected an agent key; move it away") from None


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: int) -> str:
    return os.pread(lock, 32, 0).decode("ascii", "replace").strip() or "unknown"
