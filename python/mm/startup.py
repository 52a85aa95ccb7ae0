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


async def synchronise(
    account: Account,
    gateway: Gateway,
    perp: Perp,
    leverage: int,
    clock: Clock,
    inbox: Inbox,
) -> Synchronised:
    """Bring the account into the state we quote from, and tell the engine.

    Args:
        account: The account and coin.
        gateway: Signs what must be changed.
        perp: The perp.
        leverage: Leverage to set for it.
        clock: Exchange time.
        inbox: Takes every answer, and the anchor last.

    Returns:
        What was found.

    Raises:
        VenueError: The venue did not do it, or does not answer.
    """
    cancelled = await cancel_all(account, gateway, perp.instrument, CANCELLED_S)
    if cancelled:
        log.warning("inherited_orders_cancelled", coin=account.coin, orders=cancelled)
    await set_leverage(account, gateway, perp, leverage)
    async for candles in history(account, clock):
        inbox.put(Info(clock.now_ns(), HISTORY, candles))
    for kind in BEFORE_ANCHOR:
        inbox.put(Info(clock.now_ns(), kind, await account.ask(kind)))
    state = await account.ask("clearinghouseState")
    inbox.put(Command(clock.now_ns(), "anchor", state))
    return Synchronised(cancelled, state)
