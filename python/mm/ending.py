"""How a run ends: asked to, by a signal, by its duration, by an error; always the same way out.

Cancel everything, verify by query, try again until a hard deadline. A second signal is immediate.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from mm._core import Instrument
from mm.clock import Clock
from mm.errors import VenueError
from mm.hyperliquid.account import Account, cancel_all
from mm.hyperliquid.gateway import Gateway
from mm.inbox import Command, Inbox, Info
from mm.session import Session
from mm.sorting import Inboxes
from mm.waiting import until
from mm.watch import PAYMENTS, payments

log = structlog.get_logger(__name__)

# Wall seconds from the first request to stop; then the process ends whatever rests.
HARD_DEADLINE_S = 10.0
# Wall seconds that the engine's own cancels may take before the session sends its own.
ENGINE_S = 3.0
SETTLE_S = 0.02
# What closes the books, beside the lists of payments.
FILLS, STATE = "userFills", "clearinghouseState"


class StopRequest:
    """The first request to stop wins; it carries the reason.

    Attributes:
        hurried: Whether a signal came after the stop had been asked for by something else: what is
            still waited for is waited for no more, but the end stays orderly.
    """

    def __init__(self) -> None:
        self._asked = asyncio.Event()
        self.reason = ""
        self.hurried = False

    def ask(self, reason: str) -> None:
        """Ask for an orderly stop."""
        if not self._asked.is_set():
            self.reason = reason
            self._asked.set()

    async def wait(self) -> str:
        """Wait until somebody asks; returns the reason."""
        await self._asked.wait()
        return self.reason

    @property
    def asked(self) -> bool:
        """Whether anybody has asked."""
        return self._asked.is_set()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Ask on SIGINT, SIGTERM and, unless it is ignored (nohup), SIGHUP.

        The first one during a stop that something else asked for hurries it. A second one cancels
        the task that entered this block; it is on its way out after that, and further ones change
        nothing.
        """
        loop = asyncio.get_running_loop()
        main = asyncio.current_task()
        assert main is not None, "signals are watched from within a task"

        heard, cut_short = False, False

        def take(number: signal.Signals) -> None:
            nonlocal heard, cut_short
            if not heard:
                heard = True
                self.hurried = self.asked
                self.ask(number.name.lower())
            elif not cut_short:
                cut_short = True
                log.error("second_signal", signal=number.name, hint="stopping at once")
                main.cancel()

        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        for number in numbers:
            loop.add_signal_handler(number, take, number)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


async def stop_trading(
    session: Session,
    inbox: Inbox,
    clock: Clock,
    gateway: Gateway,
    account: Account,
    instrument: Instrument,
    *,
    deadline_s: float,
) -> None:
    """Cancel everything of the coin and verify it, whatever state the engine is in.

    Args:
        session: Whose engine is told first, if it still runs.
        inbox: Of the session.
        clock: Exchange time.
        gateway: Signs the cancels.
        account: Whose orders.
        instrument: The perp.
        deadline_s: Longest time, wall seconds; a second for the verification is always left.

    Raises:
        VenueError: Not verified at the hard deadline.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + deadline_s
    engine_s = min(ENGINE_S, deadline_s / 2)
    if session.lives:
        # The second one halts: whatever `on_exit` says, from here on nothing may rest.
        for _ in range(2):
            inbox.put(Command(clock.now_ns(), "stop", None))
        await _engine_done(inbox, gateway, engine_s)
    else:
        await gateway.wait_idle(engine_s)
    left_s = max(deadline - loop.time(), 1.0)
    cancelled = await cancel_all(account, gateway, instrument, left_s)
    if cancelled:
        log.warning("left_orders_cancelled", orders=cancelled)


async def _engine_done(inbox: Inbox, gateway: Gateway, timeout_s: float) -> None:
    """Wait until the engine's cancels are answered and nothing waits in the queue."""
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.sleep(SETTLE_S)
            await until(lambda: not gateway.in_flight and not len(inbox), SETTLE_S)
    except TimeoutError:
        log.warning("engine_cancels_unanswered", in_flight=gateway.in_flight, waited_s=timeout_s)


async def settle_account(
    account: Account, inbox: Inbox | Inboxes, clock: Clock, timeout_s: float = ENGINE_S
) -> None:
    """Hear the last fills, payments and account: the books close on the exchange's word.

    The user's line may be down just then; what it did not tell is asked for.

    Raises:
        VenueError: The venue does not answer.
    """
    inbox.put(Info(clock.now_ns(), FILLS, await account.ask(FILLS, urgent=True)))
    for kind in sorted(PAYMENTS):
        async for frame in payments(account, kind, clock, urgent=True):
            inbox.put(frame)
    inbox.put(Info(clock.now_ns(), STATE, await account.ask(STATE, urgent=True)))
    try:
        async with asyncio.timeout(timeout_s):
            await until(lambda: not len(inbox), SETTLE_S)
    except TimeoutError:
        raise VenueError(f"{len(inbox)} events still wait for the engine") from None
