"""Nonces of one signer: strictly rising milliseconds of exchange time."""

from __future__ import annotations

import asyncio

from mm.clock import Clock
from mm.state import StateDir
from mm.store import BLOCK, Counter

MILLISECOND_NS = 1_000_000
# Wall seconds between two reservations ahead; a block lasts a second.
AHEAD_S = 0.3


class Nonces:
    """`max(now_ms, last + 1)`, never twice, not even after a kill -9."""

    def __init__(self, clock: Clock, counter: Counter) -> None:
        self._clock = clock
        self._counter = counter
        self._taken = False

    def take(self) -> int:
        """The next nonce, in milliseconds."""
        self._taken = True
        return self._counter.next(self._now_ms())

    async def stay_ahead(self) -> None:
        """Reserve in a thread while nonces are being taken, so that no action waits for the disk.

        Runs until cancelled. Without it `take` reserves by itself.
        """
        while True:
            await asyncio.sleep(AHEAD_S)
            if self._taken:
                self._taken = False
                await asyncio.to_thread(self._counter.reserve, self._now_ms())

    def _now_ms(self) -> int:
        return self._clock.now_ns() // MILLISECOND_NS


def nonces_of(signer: str, state: StateDir, clock: Clock) -> Nonces:
    """The nonces of a signer's address, durable in `state`.

    A block lasts a second of wall time at any speed, so the disk is written once a second at most.
    """
    block = int(BLOCK * max(clock.speed, 1.0))
    return Nonces(clock, state.counter(f"nonce-{signer.lower()}", block))
