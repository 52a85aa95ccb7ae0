"""Nonces of one signer, strictly rising milliseconds of exchange time, and how long they bind."""

from __future__ import annotations

import asyncio
import math

from mm.clock import Clock
from mm.state import StateDir
from mm.store import BLOCK, Counter, Store

MILLISECOND_NS = 1_000_000
SECOND_MS = 1_000
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


class Earlier:
    """What an earlier process may have left on its way to the venue, by a signer's nonces.

    Every nonce is reserved durably before it is used, and with it the latest time at which the
    venue may still carry its action out: its `expiresAfter`. Both survive a kill -9 and the death
    of the host. Only an end in order, with every action answered or of a known fate, lifts it.
    """

    def __init__(self, store: Store, signer: str, life_ms: int) -> None:
        """Look before the first nonce of this process is taken.

        Args:
            store: Of the account.
            signer: Address that signs.
            life_ms: How long an action may live, for a state that does not say yet.
        """
        self._store, self._signer = store, signer.lower()
        below = store.reserved(nonce_name(signer))
        settled = below <= store.reserved(self._settled)
        self.expires_ms = (
            None if settled else store.reserved(expiry_name(signer)) or below + life_ms
        )
        """Exchange ms until which an action of it may be carried out; `None`: none is under way."""

    def settle(self) -> None:
        """Keep that nothing signed so far can still be carried out."""
        self._store.reserve((self._settled, self._store.reserved(nonce_name(self._signer))))

    @property
    def _settled(self) -> str:
        return f"settled-{self._signer}"


def nonce_name(signer: str) -> str:
    """Counter of a signer's nonces."""
    return f"nonce-{signer.lower()}"


def expiry_name(signer: str) -> str:
    """Counter above every expiry of a signer's actions, ms."""
    return f"expiry-{signer.lower()}"


def nonces_of(signer: str, state: StateDir, clock: Clock, life_s: float) -> tuple[Nonces, Earlier]:
    """The nonces of a signer's address, durable in `state`, and what was signed before.

    A block lasts a second of wall time at any speed, so the disk is written once a second at most.

    Args:
        signer: The address.
        state: Of the account, held.
        clock: Exchange time.
        life_s: From now to the expiry of an action, exchange seconds.
    """
    block = int(BLOCK * max(clock.speed, 1.0))
    life_ms = math.ceil(life_s * SECOND_MS)
    earlier = Earlier(state.store, signer, life_ms)
    counter = Counter(state.store, nonce_name(signer), block, (expiry_name(signer), life_ms))
    return Nonces(clock, counter), earlier
