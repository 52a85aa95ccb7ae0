"""Nonces of one signer: strictly rising milliseconds of exchange time."""

from __future__ import annotations

from mm.clock import Clock
from mm.state import BLOCK, Counter, StateDir

MILLISECOND_NS = 1_000_000


class Nonces:
    """`max(now_ms, last + 1)`, never twice, not even after a kill -9."""

    def __init__(self, clock: Clock, counter: Counter) -> None:
        self._clock = clock
        self._counter = counter

    def take(self) -> int:
        """The next nonce, in milliseconds."""
        return self._counter.next(self._clock.now_ns() // MILLISECOND_NS)


def nonces_of(signer: str, state: StateDir, clock: Clock) -> Nonces:
    """The nonces of a signer's address, durable in `state`.

    A block lasts a second of wall time at any speed, so the disk is written once a second at most.
    """
    block = int(BLOCK * max(clock.speed, 1.0))
    return Nonces(clock, state.counter(f"nonce-{signer.lower()}", block))
