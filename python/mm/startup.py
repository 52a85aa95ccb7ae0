"""Startup: what the exchange says about us, in the order that leaves no gap.

Streams first, so that nothing falls between a query and the first frame; then all our orders for
the coin are cancelled and that is verified, so none of them can fill behind the anchor (an order
placed by hand stays: the engine reports it and counts it); then leverage,
fees, budget and candles; the account's state last, and with it the anchor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from mm.accounts import command_for
from mm.clock import Clock
from mm.errors import VenueError
from mm.history import KIND as HISTORY
from mm.history import history
from mm.hyperliquid.account import Account, cancel_all, set_leverage
from mm.hyperliquid.gateway import Gateway
from mm.hyperliquid.meta import Perp
from mm.hyperliquid.streams import Stream
from mm.inbox import Command, Inbox, Info
from mm.kill_record import refusal
from mm.state import StateDir
from mm.waiting import until
from mm.watch import OF_THE_ACCOUNT

log = structlog.get_logger(__name__)

# Wall seconds.
STREAMS_UP_S = 10.0
CANCELLED_S = 10.0
# What the engine hears before the anchor, in this order.
BEFORE_ANCHOR = (
    "userFees",
    "activeAssetData",
    "perpsAtOpenInterestCap",
    "userRateLimit",
    "frontendOpenOrders",
)


class Seat(Protocol):
    """One coin, as far as a start is concerned."""

    @property
    def account(self) -> Account:
        """The account, seen for the coin."""
        ...

    @property
    def gateway(self) -> Gateway:
        """Signs what must be changed."""
        ...

    @property
    def perp(self) -> Perp:
        """The perp."""
        ...

    @property
    def leverage(self) -> int:
        """Leverage to set for it, at most."""
        ...

    @property
    def inbox(self) -> Inbox:
        """Takes every answer, and the anchor last."""
        ...


@dataclass(frozen=True, slots=True)
class Synchronised:
    """What startup found.

    Attributes:
        cancelled: Orders of an earlier session that were cancelled.
        state: The clearinghouse state that became the anchor, unread.
    """

    cancelled: int
    state: bytes


def refuse_while_killed(state: StateDir) -> None:
    """Before anything is started: a kill stands until somebody has looked into it.

    Raises:
        RiskStop: With the reason, the time, the equity and the command that unlocks.
        StateError: Nobody can tell: the state cannot be read.
    """
    record = state.store.kill_record()
    if record is not None:
        raise refusal(record, command_for("unlock", state.network, state.account))


async def streams_up(streams: Sequence[Stream]) -> None:
    """Wait for the first data on every stream.

    Raises:
        VenueError: One delivered nothing in time.
    """
    try:
        async with asyncio.timeout(STREAMS_UP_S):
            await until(lambda: all(stream.up for stream in streams))
    except TimeoutError:
        silent = ", ".join(stream.name for stream in streams if not stream.up)
        raise VenueError(f"no data on the {silent} stream after {STREAMS_UP_S:g} s") from None


async def synchronise(seats: Sequence[Seat], clock: Clock) -> Synchronised:
    """Bring the account into the state we quote from, and tell the engines.

    Args:
        seats: Each coin's part of the account.
        clock: Exchange time.

    Returns:
        What was found.

    Raises:
        VenueError: The venue did not do it, or does not answer.
    """
    cancelled = 0
    for seat in seats:
        found = await cancel_all(seat.account, seat.gateway, seat.perp.instrument, CANCELLED_S)
        if found:
            log.warning("inherited_orders_cancelled", coin=seat.account.coin, orders=found)
        cancelled += found
    for seat in seats:
        leverage = min(seat.leverage, seat.perp.instrument.max_leverage)
        await set_leverage(seat.account, seat.gateway, seat.perp, leverage)
        async for candles in history(seat.account, clock):
            seat.inbox.put(Info(clock.now_ns(), HISTORY, candles))
    account = seats[0].account
    for kind in BEFORE_ANCHOR:
        body = await account.ask(kind) if kind in OF_THE_ACCOUNT else None
        for seat in seats:
            own = await seat.account.ask(kind) if body is None else body
            seat.inbox.put(Info(clock.now_ns(), kind, own))
    state = await account.ask("clearinghouseState")
    for seat in seats:
        seat.inbox.put(Command(clock.now_ns(), "anchor", state))
    return Synchronised(cancelled, state)
