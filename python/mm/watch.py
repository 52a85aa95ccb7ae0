"""Asks the exchange what the engine wants to know, and what a lost line may have hidden."""

from __future__ import annotations

import asyncio
import time

import structlog

from mm.clock import SECOND_NS, Clock
from mm.errors import VenueError
from mm.history import KIND as HISTORY
from mm.history import history
from mm.hyperliquid.account import Account
from mm.hyperliquid.lists import FUNDINGS, TRANSFERS, as_frame, pages
from mm.hyperliquid.nonces import MILLISECOND_NS
from mm.inbox import Frame, Inbox, Info

log = structlog.get_logger(__name__)

# Wall seconds between two queries of one kind, at least: at high speed the machine sets the pace.
FASTEST_S = 0.2
# What a lost line may have hidden, in the order in which the engine should hear it.
AFTER_RECONNECT = ("userFills", "frontendOpenOrders", "clearinghouseState", "activeAssetData")
# Lists of payments, and how far back they are asked for: the engine asks within a minute or so of
# hearing an account report that a payment is missing from, and again while it is missing.
PAYMENTS = frozenset({FUNDINGS, TRANSFERS})
PAYMENTS_SPAN_NS = 24 * 3_600 * SECOND_NS

Question = tuple[str, str | None]


class Watch:
    """Carries the engine's questions. What to ask and when is decided there, in its own time."""

    def __init__(self, account: Account, clock: Clock, inbox: Inbox) -> None:
        self._account = account
        self._clock = clock
        self._inbox = inbox
        self._wanted: dict[Question, None] = {}
        self._asking: set[Question] = set()
        self._look = asyncio.Event()
        self._failing: set[str] = set()

    def ask(self, kind: str, cloid: str | None = None) -> None:
        """Ask soon; the same question twice is asked once.

        Args:
            kind: Type of the query.
            cloid: The order that an `orderStatus` query is about.
        """
        self._wanted[kind, cloid] = None
        self._look.set()

    def look(self) -> None:
        """Query orders and fills soon: the fate of an action has just become knowable."""
        for kind in ("userFills", "frontendOpenOrders"):
            self.ask(kind)

    async def run(self) -> None:
        """Ask until cancelled. A query that fails is asked again when the engine wants it again."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._look.wait()
                self._look.clear()
                for question in [key for key in self._wanted if key not in self._asking]:
                    del self._wanted[question]
                    self._asking.add(question)
                    group.create_task(self._answer(question))

    async def fill_gap(self) -> None:
        """After a lost line: hear from snapshots what it may have hidden.

        Raises:
            VenueError: The venue does not answer.
        """
        for kind in AFTER_RECONNECT:
            await self._ask(kind)
        log.info("resynchronised", coin=self._account.coin)

    async def _answer(self, question: Question) -> None:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        await self._try(*question)
        await asyncio.sleep(begun_s + FASTEST_S - loop.time())
        self._asking.discard(question)
        if self._wanted:
            self._look.set()

    async def _try(self, kind: str, cloid: str | None) -> None:
        try:
            await self._ask(kind, cloid)
        except VenueError as error:
            # Said once an outage: a venue that is gone is asked many times a second at high speed.
            say = log.debug if kind in self._failing else log.warning
            self._failing.add(kind)
            say("query_failed", kind=kind, why=str(error))

    async def _ask(self, kind: str, cloid: str | None = None) -> None:
        if kind in PAYMENTS:
            await self._ask_payments(kind)
            return
        if kind == HISTORY:
            async for candles in history(self._account, self._clock):
                self._failing.discard(kind)
                self._inbox.put(Info(self._clock.now_ns(), kind, candles))
            return
        body = await self._account.ask(kind, cloid)
        self._failing.discard(kind)
        self._inbox.put(Info(self._clock.now_ns(), kind, body, cloid))

    async def _ask_payments(self, kind: str) -> None:
        """Hear a list of payments like the stream's snapshot of it: what is known is known."""
        now_ns = self._clock.now_ns()
        span = ((now_ns - PAYMENTS_SPAN_NS) // MILLISECOND_NS, now_ns // MILLISECOND_NS)
        async for rows in pages(self._account, kind, span):
            self._failing.discard(kind)
            frame = as_frame(kind, self._account.user, rows)
            heard_ns, arrived_ns = self._clock.now_ns(), time.perf_counter_ns()
            self._inbox.put(Frame(heard_ns, arrived_ns, frame, about_us=True))
