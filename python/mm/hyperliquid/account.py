"""Queries about one account and one coin, and the two requests a session makes by itself.

Bodies are handed on unread wherever the core reads them. What is read here is only what the
session must know to start and to stop: which orders rest, and which leverage is set.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog

from mm._core import Instrument
from mm.errors import RateLimitedError, RejectedError, VenueError
from mm.hyperliquid.errors import HTTP_OK, LostReplyError
from mm.hyperliquid.gateway import Gateway
from mm.hyperliquid.http import HttpClient, HttpReply
from mm.hyperliquid.meta import Perp, dex_of
from mm.hyperliquid.pacing import Pacer, query_weight, rows_weight
from mm.hyperliquid.reading import rows_of, understood

log = structlog.get_logger(__name__)

# Signed items in one action, at most.
BATCH = 200
# A cloid is session and counter, 64 bits each.
SESSION_SHIFT = 64
# First half of the cloids of stops that rest at the exchange, whichever session placed them: the
# core makes them, and no session's id is that.
STOP_PREFIX = "0x" + b"resident".hex()
# Times that a query which was too much for our IP address (HTTP 429) is asked.
TOO_MUCH_ATTEMPTS = 4
# Queries that are about one clearinghouse; without a dex they are about the main one.
OF_A_DEX = frozenset(
    {"clearinghouseState", "openOrders", "frontendOpenOrders", "perpsAtOpenInterestCap"}
)
OF_NO_ACCOUNT = frozenset({"perpsAtOpenInterestCap"})
# Between a cancel and the query that verifies it: the exchange's view lags its blocks.
VERIFY_PAUSE_S = 0.05
NEVER_THERE = "never placed, already canceled, or filled"


def is_of_session(cloid: str | None, session: int) -> bool:
    """Whether an order was placed by this session or an earlier one; else it is somebody else's."""
    return cloid is not None and 0 < int(cloid, 16) >> SESSION_SHIFT <= session


def is_stop(cloid: str | None) -> bool:
    """Whether an order is a stop of this program, which only reduces; no session's to clean up."""
    return cloid is not None and cloid.startswith(STOP_PREFIX)


@dataclass(frozen=True, slots=True)
class Stop:
    """A stop of ours that rests at the exchange.

    Attributes:
        oid: The exchange's id: a later one has a larger.
        is_buy: Whether it buys.
    """

    oid: int
    is_buy: bool

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> Stop:  # Any: JSON
        """As the venue shows it."""
        return cls(int(row["oid"]), row["side"] == "B")


def surplus(stops: Iterable[Stop], held: Decimal | int) -> tuple[int, ...]:
    """Ids of all stops but the one that looks after a position: the newest that is against it.

    Args:
        stops: Of one coin.
        held: The position, signed; zero: none is to rest.
    """
    stops = tuple(stops)
    against = [stop.oid for stop in stops if held != 0 and stop.is_buy == (held < 0)]
    kept = max(against, default=None)
    return tuple(stop.oid for stop in stops if stop.oid != kept)


class Account:
    """One user's account, seen for one coin.

    Attributes:
        spares_stops: Whether a stop that this program let rest is left alone by `open_oids`.
    """

    def __init__(
        self, http: HttpClient, pacer: Pacer, user: str, coin: str, session: int | None = None
    ) -> None:
        """See one account.

        Args:
            http: The venue.
            pacer: Weight per IP address.
            user: Address of the account.
            coin: The perp.
            session: Id of the session that asks. Orders of it and of earlier ones are ours;
                any other was placed by hand or by another program. `None`: all are ours to
                cancel, as an operator wants it.
        """
        self._http = http
        self._pacer = pacer
        self.user = user
        self.coin = coin
        self._session = session
        # The session's id is in no stop's cloid: only who cancels all of them could mean one.
        self.spares_stops = session is not None

    async def ask(self, kind: str, cloid: str | None = None, *, urgent: bool = False) -> bytes:
        """Answer of a query of this type about this account (and coin, where it takes one).

        Args:
            kind: The query's `type`.
            cloid: The order that an `orderStatus` query is about.
            urgent: Whether it may use the weight kept for what reduces risk, and waits for none.

        Raises:
            VenueError: No answer, or an error.
        """
        query: dict[str, object] = {"type": kind}
        if kind not in OF_NO_ACCOUNT:
            query["user"] = self.user
        if cloid is not None:
            query["oid"] = cloid
        if kind == "activeAssetData":
            query["coin"] = self.coin
        if kind in OF_A_DEX and (dex := dex_of(self.coin)):
            query["dex"] = dex
        return await self.info(query, urgent=urgent)

    async def candles(self, interval: str, start_ms: int, end_ms: int) -> bytes:
        """Candles of the coin, oldest first."""
        span = {"coin": self.coin, "interval": interval, "startTime": start_ms, "endTime": end_ms}
        return await self.info({"type": "candleSnapshot", "req": span})

    async def info(self, query: Mapping[str, object], *, urgent: bool = False) -> bytes:
        """Answer of any query, paced; one that was too much for the address is asked again.

        Raises:
            VenueError: No answer, or an error.
        """
        kind = str(query["type"])
        weight = query_weight(kind)
        for _ in range(TOO_MUCH_ATTEMPTS):
            if urgent:
                self._pacer.spend(weight)
            else:
                await self._pacer.wait(weight)
            try:
                answer = await self._http.info(query, urgent=urgent)
            except RateLimitedError as error:
                # Others share the address: wait like a query that can.
                log.warning("too_many_requests", kind=kind)
                self._pacer.exhaust()
                refused = error
                if urgent:
                    await self._pacer.pause()
                continue
            self._pacer.spend(rows_weight(kind, answer))
            return answer
        raise refused

    async def open_oids(self) -> list[int]:
        """Ids of our orders that rest for the coin; those of nobody's session are not ours."""
        body = await self.ask("frontendOpenOrders", urgent=True)
        with understood("frontendOpenOrders"):
            oids = {int(row["oid"]): row for row in rows_of(body) if row["coin"] == self.coin}
            return [oid for oid, row in oids.items() if self._is_ours(row.get("cloid"))]

    async def stops(self) -> list[Stop]:
        """Our stops that rest for the coin, whichever session placed them."""
        body = await self.ask("frontendOpenOrders", urgent=True)
        with understood("frontendOpenOrders"):
            rows = [row for row in rows_of(body) if row["coin"] == self.coin]
            return [Stop.of_row(row) for row in rows if is_stop(row.get("cloid"))]

    def _is_ours(self, cloid: str | None) -> bool:
        if is_stop(cloid):
            return not self.spares_stops
        if self._session is None:
            return True
        return is_of_session(cloid, self._session)

    async def leverage(self) -> tuple[str, int]:
        """Margin mode (`cross` or `isolated`) and leverage set for the coin."""
        body = await self.ask("activeAssetData")
        with understood("activeAssetData"):
            data = json.loads(body)
            return str(data["leverage"]["type"]), int(data["leverage"]["value"])


async def set_leverage(account: Account, gateway: Gateway, perp: Perp, leverage: int) -> None:
    """Set the perp's margin mode and `leverage`, and read them back.

    Raises:
        RejectedError: The venue refused, or reports another setting afterwards.
        VenueError: No answer.
    """
    wanted = (perp.margin_mode, leverage)
    shown = f"{perp.margin_mode} {leverage}x"
    if await account.leverage() == wanted:
        return
    action: dict[str, object] = {
        "type": "updateLeverage",
        "asset": perp.instrument.asset,
        "isCross": perp.margin_mode == "cross",
        "leverage": leverage,
    }
    check(await gateway.request(action), f"setting {account.coin} to {shown}")
    mode, value = await account.leverage()
    if (mode, value) != wanted:
        raise RejectedError(f"leverage of {account.coin} was {mode} {value}x after setting {shown}")


async def cancel_all(
    account: Account,
    gateway: Gateway,
    instrument: Instrument,
    deadline_s: float,
    *,
    quoting: bool = False,
) -> int:
    """Cancel every order of ours for the coin and verify by query that none rests.

    Args:
        account: Whose orders.
        gateway: Signs the cancels.
        instrument: The perp.
        deadline_s: Longest time, wall seconds.
        quoting: The engine goes on meanwhile: what rests at the first look is meant, and no more.

    Returns:
        Orders cancelled.

    Raises:
        VenueError: Orders still rest, or nobody could tell, at the deadline.
    """
    seen: set[int] = set()
    meant: set[int] | None = None
    trouble = "no answer"
    try:
        async with asyncio.timeout(deadline_s):
            while True:
                try:
                    oids = await account.open_oids()
                    if quoting:
                        meant = set(oids) if meant is None else meant
                        oids = [oid for oid in oids if oid in meant]
                    if not oids:
                        return len(seen)
                    seen.update(oids)
                    trouble = f"{len(oids)} orders still rest"
                    await _cancel(gateway, instrument, oids)
                except VenueError as error:
                    trouble = str(error)
                await asyncio.sleep(VERIFY_PAUSE_S)
    except TimeoutError:
        raise VenueError(
            f"orders of {account.coin} not verified as cancelled after {deadline_s:g} s: {trouble}"
        ) from None


async def cancel_stops(
    account: Account,
    gateway: Gateway,
    instrument: Instrument,
    deadline_s: float,
    held: Decimal,
) -> None:
    """Cancel every stop of ours for the coin but the one that looks after what is held, and verify
    by query that no other rests.

    Args:
        account: Whose stops.
        gateway: Signs the cancels.
        instrument: The perp.
        deadline_s: Longest time, wall seconds.
        held: The position, signed.

    Raises:
        VenueError: One still rests, or nobody could tell, at the deadline.
    """
    try:
        async with asyncio.timeout(deadline_s):
            while oids := surplus(await account.stops(), held):
                await _cancel(gateway, instrument, oids)
                await asyncio.sleep(VERIFY_PAUSE_S)
    except TimeoutError:
        raise VenueError(f"stops not verified as cancelled after {deadline_s:g} s") from None


def is_gone(status: object) -> bool:
    """Whether an order rests no more, by the venue's status of its cancel.

    Args:
        status: `success`, or an error in an object.
    """
    return status == "success" or NEVER_THERE in str(status)


async def _cancel(gateway: Gateway, instrument: Instrument, oids: Sequence[int]) -> None:
    for start in range(0, len(oids), BATCH):
        cancels = [{"a": instrument.asset, "o": oid} for oid in oids[start : start + BATCH]]
        # An order that is gone already is answered with an error of its own: the query judges.
        check(await gateway.request({"type": "cancel", "cancels": cancels}), "cancel")


def check(reply: HttpReply, what: str) -> None:
    """Raise when the venue refused a whole action.

    Raises:
        RejectedError: With the venue's words.
        LostReplyError: The answer tells nothing: the action may have been carried out.
    """
    shown = reply.body.decode(errors="replace")
    if reply.status != HTTP_OK:
        raise RejectedError(f"{what}: HTTP {reply.status} {shown}")
    with understood(what, LostReplyError):
        answer = json.loads(shown)
        status, response = answer["status"], answer.get("response")
    if status != "ok":
        raise RejectedError(f"{what}: {response}")
