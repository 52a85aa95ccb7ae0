"""An event loop whose clock jumps: a scripted minute takes as long as its work."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

NS = 1_000_000_000


class NothingLeftError(Exception):
    """Everybody waits and nothing is due: the script hangs."""


class _Jumping(selectors.SelectSelector):
    """Looks at what is ready (signals, mostly) and, where that is nothing, moves the clock on."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise NothingLeftError("every task waits and nothing is due any more")
        self.now_s += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Single-threaded to the last: what is meant for a thread is done on the spot."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now_s

    def time_ns(self) -> int:
        """The same in nanoseconds."""
        return round(self._jumping.now_s * NS)

    def skip(self, seconds: float) -> None:
        """Move the clock on at once. Whatever was due meanwhile is late."""
        self._jumping.now_s += seconds

    def run_in_executor(
        self,
        executor: Executor | None,
        func: Callable[[Unpack[Ts]], T],
        *args: *Ts,
    ) -> asyncio.Future[T]:
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # handed to whoever awaits, as a thread would
            done.set_exception(error)
        return done


def virtual_loop() -> VirtualLoop:
    """The loop that this task runs on."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop), "a scenario runs on the virtual loop"
    return loop
