"""The watchdog's hands: what it asks the venue, and what it sends."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import structlog

from mm._core import Instrument, unwind_order
from mm.clock import SECOND_NS, Clock
from mm.errors import RejectedError
from mm.figures import coin_text
from mm.heartbeat import Held
from mm.hyperliquid.account import (
    BATCH,
    Account,
    Stop,
    check,
    is_gone,
    is_of_session,
    is_stop,
)
from mm.hyperliquid.errors import LostReplyError
from mm.hyperliquid.gateway import Gateway
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.reading import rows_of, understood
from mm.watchdog.unwinding import CLOID_PREFIX, Order, Quote, View, next_step

log = structlog.get_logger(__name__)

Json = Mapping[str, Any]  # Any: what the venue answered


class Trade:
    """One account and coin, with a key that signs for it."""

    def __init__(
        self,
        http: HttpClient,
        clock: Clock,
        instrument: Instrument,
        account: Account,
        gateway: Gateway,
        recovery: str,
        *,
        cancels_up_to_session: int | None,
    ) -> None:
        """Connect the parts.

        Args:
            http: The venue.
            clock: Exchange time.
            instrument: The perp.
            account: Of the master.
            gateway: Signs with the agent's key.
            recovery: The section `[recovery]`, JSON text.
            cancels_up_to_session: The maker's session: orders of it, of earlier ones and of a
                watchdog are cancelled, any other was placed by hand and stays. `None`: every
                order of the coin is cancelled, as an operator asked for.
        """
        self.http = http
        self.clock = clock
        self._instrument = instrument
        self._account = account
        self._gateway = gateway
        self._recovery = recovery
        self._cancels_up_to_session = cancels_up_to_session
        self._quoted_s: float | None = None
        self._left_alone: set[int] = set()
        self._may_be_dated = True

    def now_s(self) -> float:
        """Exchange time, seconds."""
        return self.clock.now_ns() / SECOND_NS

    def takes_over(self) -> None:
        """A take-over begins: the maker may have left a date of `scheduleCancel`."""
        self._may_be_dated = True

    async def position(self) -> int:
        """The exchange's position, signed lots.

        Raises:
            VenueError: No answer.
        """
        body = await self._account.ask("clearinghouseState", urgent=True)
        with understood("clearinghouseState"):
            for row in json.loads(body)["assetPositions"]:
                if row["position"]["coin"] == self._account.coin:
                    return self._lots(row["position"]["szi"])
        return 0

    async def view(self) -> View:
        """The account and the touch.

        Orders are asked for before the position: one that fills in between is seen as a position
        and no more as an order.

        Raises:
            VenueError: No answer.
        """
        body = await self._account.ask("frontendOpenOrders", urgent=True)
        with understood("frontendOpenOrders"):
            rows = [row for row in rows_of(body) if row["coin"] == self._account.coin]
            stops = tuple(Stop.of_row(row) for row in rows if is_stop(row.get("cloid")))
            rows = [row for row in rows if not is_stop(row.get("cloid"))]
            orders = tuple(self._order(row) for row in rows if self._may_cancel(row))
            by_hand = tuple(int(row["oid"]) for row in rows if not self._may_cancel(row))
        self._tell(by_hand)
        position = await self.position()
        book = await self._book()
        with understood("l2Book"):
            bids, asks = json.loads(book)["levels"]
            best = (_best(bids), _best(asks))
        return View(position, orders, best, by_hand, stops)

    def _may_cancel(self, row: Json) -> bool:
        session, cloid = self._cancels_up_to_session, row.get("cloid")
        return session is None or _is_watchdogs(cloid) or is_of_session(cloid, session)

    def _tell(self, by_hand: tuple[int, ...]) -> None:
        """Once for each order."""
        if new := [oid for oid in by_hand if oid not in self._left_alone]:
            self._left_alone.update(new)
            log.warning("orders_by_hand_left_alone", oids=new, hint="their owner cancels them")

    async def carry_out(self, view: View, *, attempt: bool, held: Held) -> None:
        """Cancel and place what `next_step` says.

        A refusal of one order is logged; the next look decides anew.

        Args:
            view: Just asked for.
            attempt: Whether an immediate order is due.
            held: What the maker last knew.

        Raises:
            VenueError: The venue does not answer, or refused a whole action.
        """
        quoted_for_s = None if self._quoted_s is None else self.now_s() - self._quoted_s
        step = next_step(view, attempt=attempt, quoted_for_s=quoted_for_s)
        # Beside an order that rests on, one that closes would leave it to turn the position.
        if await self._cancel(step.cancels, view):
            if step.attempt:
                await self._attempt(view, held)
            if step.quote is not None:
                await self._quote(step.quote)
        if not view.increasing:
            await self._take_date_back()

    async def _take_date_back(self) -> None:
        """The maker's `scheduleCancel` has nothing left to cancel but the stop and what we place.

        Fired, it would be one of the day's ten. Where the venue refuses, there was none.
        """
        if not self._may_be_dated:
            return
        reply = await self._gateway.request({"type": "scheduleCancel"})
        try:
            check(reply, "scheduleCancel")
        except RejectedError as error:
            log.info("watchdog_found_no_date", why=str(error))
        else:
            log.info("watchdog_took_date_back", hint="it would have cancelled the stop")
        self._may_be_dated = False

    async def _cancel(self, oids: tuple[int, ...], view: View) -> bool:
        """Whether none of them rests on that could make the position larger, or turn it."""
        kept: dict[int, object] = {}
        for start in range(0, len(oids), BATCH):
            batch = oids[start : start + BATCH]
            cancels = [{"a": self._instrument.asset, "o": oid} for oid in batch]
            reply = await self._gateway.request({"type": "cancel", "cancels": cancels})
            check(reply, "cancel")
            with understood("cancel", LostReplyError):
                statuses = json.loads(reply.body)["response"]["data"]["statuses"]
                answered = zip(batch, statuses, strict=True)
                kept |= {oid: status for oid, status in answered if not is_gone(status)}
        if oids:
            log.info(
                "watchdog_cancels",
                coin=self._account.coin,
                orders=len(oids),
                increasing=len(view.increasing),
            )
        if kept:
            log.warning("watchdog_cancel_failed", coin=self._account.coin, why=kept)
        return not any(order.oid in kept for order in view.increasing)

    async def _attempt(self, view: View, held: Held) -> None:
        """One immediate order; priced by the book as it is now, after the cancels."""
        book = await self._book()
        with understood("l2Book"):
            wanted = unwind_order(
                book,
                self._instrument,
                position=view.position,
                limit=abs(view.position) if held.base_lots is None else held.base_lots,
                sigma=held.sigma,
                recovery_json=self._recovery,
            )
        if wanted is None:
            log.warning("watchdog_cannot_cross", position=view.position, hint="the book is thin")
            return
        side, px, sz = wanted
        await self._place(side == "Bid", px, sz, "Ioc")

    async def _quote(self, quote: Quote) -> None:
        text = coin_text(quote.lots, self._instrument.sz_decimals)
        assert text is not None, "a quote has a size"
        await self._place(quote.is_buy, f"{quote.px:f}", text, "Alo")
        self._quoted_s = self.now_s()

    async def _place(self, is_buy: bool, px: str, sz: str, tif: str) -> None:
        order = {
            "a": self._instrument.asset,
            "b": is_buy,
            "p": px,
            "s": sz,
            "r": True,
            "t": {"limit": {"tif": tif}},
            "c": CLOID_PREFIX + secrets.token_hex(8),
        }
        action: dict[str, object] = {"type": "order", "orders": [order], "grouping": "na"}
        reply = await self._gateway.request(action)
        check(reply, "order")
        with understood("order", LostReplyError):
            answer = json.loads(reply.body)["response"]["data"]["statuses"][0]
        log.info(
            "watchdog_order",
            coin=self._account.coin,
            tif=tif,
            is_buy=is_buy,
            px=px,
            sz=sz,
            answer=answer,
        )

    async def _book(self) -> bytes:
        return await self._account.info({"type": "l2Book", "coin": self._account.coin}, urgent=True)

    def _order(self, row: Json) -> Order:
        return Order(
            oid=int(row["oid"]),
            is_buy=row["side"] == "B",
            px=Decimal(row["limitPx"]),
            lots=self._lots(row["sz"]),
            ours=_is_watchdogs(row.get("cloid")),
        )

    def _lots(self, text: str) -> int:
        return int(Decimal(text).scaleb(self._instrument.sz_decimals))


def _is_watchdogs(cloid: str | None) -> bool:
    return cloid is not None and cloid.startswith(CLOID_PREFIX)


def _best(levels: list[Json]) -> Decimal | None:
    return Decimal(levels[0]["px"]) if levels else None
