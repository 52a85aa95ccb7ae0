"""The way out: an action becomes signed bytes with nonce and expiry, and its answer an inbox item.

Nothing here decides. Sends are tasks: the session never waits for one.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

import structlog

from mm._core import Action, Instrument, Signer
from mm.clock import SECOND_NS, Clock
from mm.errors import VenueError
from mm.hyperliquid.errors import HTTP_OK, LostReplyError, UnreachableError
from mm.hyperliquid.http import HttpReply
from mm.hyperliquid.nonces import MILLISECOND_NS, Nonces
from mm.hyperliquid.pacing import Pacer, action_weight
from mm.inbox import Inbox, Reply
from mm.meter import Meter

log = structlog.get_logger(__name__)

# Attempts to burn the nonce of an action without an answer, and wall seconds between them.
BURN_ATTEMPTS = 5
BURN_PAUSE_S = 0.5
# Chain whose wallet signs user-signed actions: any will do, it is part of what is signed.
SIGNATURE_CHAIN = "0x66eee"


@dataclass(frozen=True, slots=True)
class Envelope:
    """What goes around every action.

    Attributes:
        expires_after_s: Exchange seconds after which the venue must refuse the action; at least
            one second of wall time, whatever the speed of a paper market.
        vault: Sub-account or vault traded for; `None` for the signer's own account.
        mainnet: Whether signatures are for mainnet.
    """

    expires_after_s: float
    vault: str | None
    mainnet: bool


class Line(Protocol):
    """Carries signed actions: HTTP, or a websocket with HTTP behind it."""

    async def exchange(self, body: bytes) -> HttpReply:
        """Send a signed action.

        Raises:
            UnreachableError: Nothing was sent.
            LostReplyError: No answer; the action may have been carried out.
        """


class Gateway:
    """Signs and sends. One signer, one venue."""

    def __init__(  # noqa: PLR0913 - what a way out consists of, each named
        self,
        *,
        line: Line,
        signer: Signer,
        instrument: Instrument,
        clock: Clock,
        nonces: Nonces,
        pacer: Pacer,
        inbox: Inbox,
        meter: Meter,
        envelope: Envelope,
        sent: BinaryIO,
        on_fate_known: Callable[[], None],
        is_same: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Connect the parts.

        Args:
            line: Carries signed actions to the venue.
            signer: The key that signs.
            instrument: The perp.
            clock: Exchange time.
            nonces: Of this signer.
            pacer: Weight per IP address.
            inbox: Takes the answers.
            meter: Takes how long each answer took.
            envelope: What goes around every action.
            sent: Takes one JSON line for each action sent: which nonce carried it.
            on_fate_known: Called when an action without an answer can no longer be carried out:
                whatever it did shows in the account from then on.
            is_same: Whether what answers is still the exchange that the account is at; asked
                before the first action after an outage. `None`: there is only one.
        """
        self._line = line
        self._signer = signer
        self._instrument = instrument
        self._clock = clock
        self._nonces = nonces
        self._pacer = pacer
        self._inbox = inbox
        self._meter = meter
        self._envelope = envelope
        self._sent = sent
        self._on_fate_known = on_fate_known
        self._is_same = is_same
        self._tasks: set[asyncio.Task[None]] = set()
        self._unreachable = False
        # Signed, and neither answered nor known to be void.
        self._open = 0
        self.requests = 0

    @property
    def in_flight(self) -> int:
        """Actions whose answer, or fate, is not known yet."""
        return len(self._tasks)

    @property
    def is_settled(self) -> bool:
        """Whether nothing that was signed here can still be carried out."""
        return self._open == 0

    def dispatch(self, action: Action, decided_ns: int) -> int:
        """Sign an action of the engine and send it in a task of its own.

        Args:
            action: What the engine wants.
            decided_ns: Exchange time from which its life counts.

        Returns:
            Performance counter, in nanoseconds, at the moment the signed bytes were ready.
        """
        nonce = self._nonces.take()
        envelope = self._envelope
        body = self._signer.sign(
            action,
            self._instrument,
            nonce,
            expires_after_ms=self._expires_ms(decided_ns),
            vault=envelope.vault,
            mainnet=envelope.mainnet,
        )
        ready_ns = time.perf_counter_ns()
        self._note({"action": action.id, "cycle": action.cycle, "nonce": nonce})
        self._spend(len(action))
        task = asyncio.create_task(self._send(action.id, nonce, body, len(action)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return ready_ns

    async def request(self, action: dict[str, object]) -> HttpReply:
        """Sign and send an action of the session's own, and wait for the answer.

        Args:
            action: As Hyperliquid writes it, in its canonical key order.

        Returns:
            The answer as it came.

        Raises:
            UnreachableError: Nothing was sent.
            LostReplyError: No answer came.
        """
        nonce = self._nonces.take()
        self._note({"own": action["type"], "nonce": nonce})
        self._spend(1)
        return await self._exchange(self._signed(action, nonce))

    async def approve_agent(self, address: str, name: str) -> HttpReply:
        """Let another key sign for this account; this gateway must sign with the account's own.

        Args:
            address: Of the agent.
            name: Of the agent, at most 16 characters; it replaces the one of this name.

        Raises:
            UnreachableError: Nothing was sent.
            LostReplyError: No answer came.
        """
        nonce = self._nonces.take()
        action = {
            "type": "approveAgent",
            "signatureChainId": SIGNATURE_CHAIN,
            "hyperliquidChain": "Mainnet" if self._envelope.mainnet else "Testnet",
            "agentAddress": address,
            "agentName": name,
            "nonce": nonce,
        }
        self._note({"own": action["type"], "nonce": nonce})
        self._spend(1)
        # A user-signed action takes no expiry, and is for no vault.
        mainnet = self._envelope.mainnet
        body = self._signer.sign_json(json.dumps(action), nonce, mainnet=mainnet)
        return await self._exchange(body)

    async def wait_idle(self, timeout_s: float) -> bool:
        """Wait until every action sent has an answer or a known fate.

        Args:
            timeout_s: Longest wait, wall seconds.

        Returns:
            Whether that came in time.
        """
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=timeout_s)
        return not self._tasks

    async def close(self) -> None:
        """Give up on whatever is still in flight."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _exchange(self, body: bytes) -> HttpReply:
        """Send what may be carried out until it is answered."""
        self._open += 1
        try:
            reply = await self._line.exchange(body)
        except UnreachableError:
            self._open -= 1
            raise
        self._open -= 1
        return reply

    def _expires_ms(self, from_ns: int) -> int:
        life_ns = int(self._envelope.expires_after_s * SECOND_NS)
        return (from_ns + life_ns) // MILLISECOND_NS

    def _signed(self, action: dict[str, object], nonce: int) -> bytes:
        envelope = self._envelope
        return self._signer.sign_json(
            json.dumps(action),
            nonce,
            expires_after_ms=self._expires_ms(self._clock.now_ns()),
            vault=envelope.vault,
            mainnet=envelope.mainnet,
        )

    def _note(self, line: dict[str, object]) -> None:
        self._sent.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")
        self._sent.flush()

    def _spend(self, items: int) -> None:
        self.requests += items
        self._pacer.spend(action_weight(items))

    async def _send(self, action: int, nonce: int, body: bytes, items: int) -> None:
        begun_ns = time.perf_counter_ns()
        try:
            await self._meet_again()
            reply = await self._exchange(body)
        except UnreachableError as error:
            # Said once an outage: the engine tries again as long as orders may rest.
            say = log.debug if self._unreachable else log.warning
            self._unreachable = True
            self.requests -= items
            say("action_not_sent", action=action, why=str(error))
            self._put(action, None)
            self._on_fate_known()
        except LostReplyError as error:
            log.warning("reply_lost", action=action, why=str(error))
            self._put(action, None)
            if await self._burn(nonce):
                self._open -= 1
            self._on_fate_known()
        else:
            self._unreachable = False
            self._meter.ack_ns.append(time.perf_counter_ns() - begun_ns)
            self._put(action, reply)

    async def _meet_again(self) -> None:
        """After an outage: nothing goes to another exchange, whose refusals would say nothing."""
        if not self._unreachable or self._is_same is None:
            return
        try:
            same = await self._is_same()
        except VenueError as error:
            raise UnreachableError(str(error)) from error
        if not same:
            raise UnreachableError("another exchange answers there")

    def _put(self, action: int, reply: HttpReply | None) -> None:
        status, body = (None, None) if reply is None else (reply.status, reply.body)
        self._inbox.put(Reply(self._clock.now_ns(), action, status, body))

    async def _burn(self, nonce: int) -> bool:
        """Use up the nonce of an action without an answer, so that it cannot be carried out late.

        Any answer settles it: either the nonce is burnt now, or it had been used, and then the
        action has been carried out already and the account shows it.

        Returns:
            Whether that was answered.
        """
        for attempt in range(BURN_ATTEMPTS):
            if attempt:
                await asyncio.sleep(BURN_PAUSE_S)
            try:
                reply = await self._line.exchange(self._signed({"type": "noop"}, nonce))
            except VenueError:
                continue
            if reply.status == HTTP_OK:
                return True
        log.error("fate_unknown", nonce=nonce, hint="the action's own expiry settles it")
        return False
