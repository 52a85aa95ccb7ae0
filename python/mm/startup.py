"""Startup: what the exchange says about us, in the order that leaves no gap.

Streams first, so that nothing falls between a query and the first frame; then all our orders for
the coin are cancelled and that is verified, so none of them can fill behind the anchor (an order
placed by hand stays: the engine reports it and counts it); what an earlier session may have left on
its way is waited out, by the expiry kept with its nonces, and what came of it cancelled too; then
leverage, fees, budget and candles; the account's state last, and with it the anchor.
"""

from __future__ import annotations

import asyncio
import json
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
from mm.hyperliquid.nonces import MILLISECOND_NS, SECOND_MS
from mm.hyperliquid.reading import understood
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
# How far the venue's own time may be behind ours, and between two looks at it.
BEHIND_S = 10.0
LOOK_S = 0.2
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


async def synchronise(seats: Sequence[Seat], clock: Clock, expires_ms: int | None) -> Synchronised:
    """Bring the account into the state we quote from, and tell the engines.

    Args:
        seats: Each coin's part of the account.
        clock: Exchange time.
        expires_ms: Until when the venue may carry out what an earlier session signed; `None`:
            nothing is under way.

    Returns:
        What was found.

    Raises:
        VenueError: The venue did not do it, or does not answer.
    """
    cancelled = await _cancel_inherited(seats)
    if expires_ms is not None:
        await wait_out(seats[0].account, clock, expires_ms)
        cancelled += await _cancel_inherited(seats)
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


async def wait_out(account: Account, clock: Clock, expires_ms: int) -> None:
    """Wait until the venue's own time is past the last expiry of an earlier session.

    An action sent right before a kill -9 may arrive until then, and a cancel of all orders finds
    nothing of it. Our clock only says how long to wait: the venue's word is what counts.

    Args:
        account: Whose state tells the venue's time.
        clock: Exchange time, as far as we know it.
        expires_ms: The last expiry, exchange milliseconds.

    Raises:
        VenueError: The venue's time does not get there.
    """
    left_ms = expires_ms - clock.now_ns() // MILLISECOND_NS
    if left_ms >= 0:
        log.warning(
            "earlier_actions_waited_out",
            for_s=left_ms / SECOND_MS,
            hint="an earlier session did not end in order; its last action is void after that",
        )
    await until(lambda: clock.now_ns() // MILLISECOND_NS > expires_ms)
    try:
        async with asyncio.timeout(BEHIND_S):
            while await _venue_ms(account) <= expires_ms:  # noqa: ASYNC110 - each look is a query
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise VenueError(
            f"the venue's time is more than {BEHIND_S:g} s behind ours: actions of an earlier"
            " session may still be carried out"
        ) from None


async def _venue_ms(account: Account) -> int:
    body = await account.ask("clearinghouseState")
    with understood("clearinghouseState"):
        return int(json.loads(body)["time"])


async def _cancel_inherited(seats: Sequence[Seat]) -> int:
    """Cancel what earlier sessions left resting, verified; returns how many orders that were."""
    cancelled = 0
    for seat in seats:
        found = await cancel_all(seat.account, seat.gateway, seat.perp.instrument, CANCELLED_S)
        if found:
            log.warning("inherited_orders_cancelled", coin=seat.account.coin, orders=found)
        cancelled += found
    return cancelled
