"""Asks the exchange what the engine wants to know, and what a lost line may have hidden."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

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
# Answers about the account as a whole: whichever coin wanted one, all of them hear it.
OF_THE_ACCOUNT = frozenset(
    {"userFills", "frontendOpenOrders", "clearinghouseState", "userRateLimit", "userFees"}
    | {"perpsAtOpenInterestCap"}
)
# Lists of payments, and how far back they are asked for: the engine asks within a minute or so of
# hearing an account report that a payment is missing from, and again while it is missing.
PAYMENTS = frozenset({FUNDINGS, TRANSFERS})
PAYMENTS_SPAN_NS = 24 * 3_600 * SECOND_NS

# Coin (empty: the account), type of the query, and the order that it is about.
Question = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks for one coin."""

    watch: Watch
    coin: str

    def ask(self, kind: str, cloid: str | None = None) -> None:
        """Ask soon; see `Watch.ask`."""
        self.watch.ask(self.coin, kind, cloid)


class Watch:
    """Carries the engines' questions. What to ask and when is decided there, in their own time."""

    def __init__(self, of: Mapping[str, tuple[Account, Inbox]], clock: Clock) -> None:
        """Prepare.

        Args:
            of: Account and inbox of each coin.
            clock: Exchange time.
        """
        self._of = of
        self._clock = clock
        self._wanted: dict[Question, None] = {}
        self._asking: set[Question] = set()
        self._look = asyncio.Event()
        self._failing: set[str] = set()

    def ask(self, coin: str, kind: str, cloid: str | None = None) -> None:
        """Ask soon; the same question twice is asked once.

        Args:
            coin: Which engine wants to know.
            kind: Type of the query.
            cloid: The order that an `orderStatus` query is about.
        """
        whole = kind in OF_THE_ACCOUNT or kind in PAYMENTS
        self._wanted["" if whole else coin, kind, cloid] = None
        self._look.set()

    def look(self) -> None:
        """Query orders and fills soon: the fate of an action has just become knowable."""
        for kind in ("userFills", "frontendOpenOrders"):
            self.ask("", kind)

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
            for coin in ("",) if kind in OF_THE_ACCOUNT else self._of:
                await self._ask(coin, kind)
        log.info("resynchronised", coin=", ".join(self._of))

    async def _answer(self, question: Question) -> None:
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        await self._try(*question)
        await asyncio.sleep(begun_s + FASTEST_S - loop.time())
        self._asking.discard(question)
        if self._wanted:
            self._look.set()

    async def _try(self, coin: str, kind: str, cloid: str | None) -> None:
        try:
            await self._ask(coin, kind, cloid)
        except VenueError as error:
            # Said once an outage: a venue that is gone is asked many times a second at high speed.
            say = log.debug if kind in self._failing else log.warning
            self._failing.add(kind)
            say("query_failed", kind=kind, why=str(error))

    async def _ask(self, coin: str, kind: str, cloid: str | None = None) -> None:
        hearers = [self._of[coin]] if coin else list(self._of.values())
        account, inboxes = hearers[0][0], [inbox for _, inbox in hearers]
        if kind in PAYMENTS:
            await self._ask_payments(account, inboxes, kind)
            return
        if kind == HISTORY:
            async for candles in history(account, self._clock):
                self._tell(inboxes, kind, candles)
            return
        self._tell(inboxes, kind, await account.ask(kind, cloid), cloid)

    def _tell(self, inboxes: list[Inbox], kind: str, body: bytes, cloid: str | None = None) -> None:
        self._failing.discard(kind)
        for inbox in inboxes:
            inbox.put(Info(self._clock.now_ns(), kind, body, cloid))

    async def _ask_payments(self, account: Account, inboxes: list[Inbox], kind: str) -> None:
        async for frame in payments(account, kind, self._clock):
            self._failing.discard(kind)
            for inbox in inboxes:
                inbox.put(frame)


async def payments(
    account: Account, kind: str, clock: Clock, *, urgent: bool = False
) -> AsyncIterator[Frame]:
    """Ask for a list of payments; each page is like the stream's snapshot: what is known is known.

    Args:
        account: Whom to ask about.
        kind: One of `PAYMENTS`.
        clock: Exchange time.
        urgent: Whether it may use the weight kept for what reduces risk.

    Raises:
        VenueError: The venue does not answer, or its list does not end.
    """
    now_ns = clock.now_ns()
    span = ((now_ns - PAYMENTS_SPAN_NS) // MILLISECOND_NS, now_ns // MILLISECOND_NS)
    async for rows in pages(account, kind, span, urgent=urgent):
        frame = as_frame(kind, account.user, rows)
        yield Frame(clock.now_ns(), time.perf_counter_ns(), frame, about_us=True)
