"""How a watchdog closes a position: what to cancel and what to place next. Pure.

    Touch --chase_s--> Attempt(1) --apart_s--> .. Attempt(n) --cooldown_s--> Attempt(1) ..

`Touch`: one reducing ALO at the touch, of the whole position. An attempt is one reduce-only IOC,
priced and sized by the core's `unwind_order`; between two rounds the touch is quoted again. There
is no last round: a watchdog gives up on nothing but a position of zero. After `rounds` it alarms.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mm.hyperliquid.account import Stop, surplus

REQUOTE_S = 5.0
"""Exchange seconds for which a quote that is not at the touch any more may stay."""
CLOID_PREFIX = "0x77617463" + "68646f67"
"""First half of the cloids of a watchdog: it knows its own orders after a restart."""


@dataclass(frozen=True, slots=True)
class Order:
    """An order of the account for the coin, as the exchange shows it.

    Attributes:
        oid: The exchange's id.
        is_buy: Whether it buys.
        px: Limit price.
        lots: What is left of it.
        ours: Whether a watchdog placed it.
    """

    oid: int
    is_buy: bool
    px: Decimal
    lots: int
    ours: bool


@dataclass(frozen=True, slots=True)
class View:
    """The account and the market, as just asked for.

    Attributes:
        position: Signed lots.
        orders: Of the account for the coin, those that may be cancelled.
        best: Best bid and best ask; `None` where a side is empty.
        by_hand: Ids of the other orders for the coin: their owner's, never cancelled, not waited
            for.
        stops: Our stops that rest: one that is against the position stays as long as there is one.
    """

    position: int
    orders: tuple[Order, ...]
    best: tuple[Decimal | None, Decimal | None]
    by_hand: tuple[int, ...] = ()
    stops: tuple[Stop, ...] = ()

    @property
    def is_flat(self) -> bool:
        """Whether nothing is held and nothing rests that may be cancelled."""
        return self.position == 0 and not self.orders and not self.stops

    @property
    def increasing(self) -> tuple[Order, ...]:
        """Of `orders`, what could make the position larger, or turn it: all, when there is none."""
        return tuple(order for order in self.orders if not self._reduces(order))

    def _reduces(self, order: Order) -> bool:
        return order.ours and self.position != 0 and order.is_buy == (self.position < 0)


@dataclass(frozen=True, slots=True)
class Quote:
    """A reducing order at the touch.

    Attributes:
        is_buy: Whether it buys.
        px: At which price.
        lots: How many.
    """

    is_buy: bool
    px: Decimal
    lots: int


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now, in this order.

    Attributes:
        cancels: Ids of the orders to cancel.
        attempt: Whether to send an immediate order next.
        quote: The order to place at the touch; `None`: none.
    """

    cancels: tuple[int, ...]
    attempt: bool
    quote: Quote | None


@dataclass(frozen=True, slots=True)
class Pacing:
    """Exchange seconds, and counts; from the section `[recovery]`.

    Attributes:
        chase_s: At the touch, before the first attempt; `None`: there never is one.
        apart_s: Between two attempts.
        attempts: Of a round.
        cooldown_s: Between two rounds.
        rounds: After which it is an alarm.
    """

    chase_s: float | None
    apart_s: float
    attempts: int
    cooldown_s: float
    rounds: int

    @classmethod
    def of(cls, recovery: Mapping[str, Any], chase_s: float | None) -> Pacing:
        """Read the section.

        Args:
            recovery: The section.
            chase_s: Instead of its own.
        """
        return cls(
            chase_s=chase_s,
            apart_s=float(recovery["ioc_apart_s"]),
            attempts=int(recovery["ioc_attempts"]),
            cooldown_s=float(recovery["ioc_cooldown_s"]),
            rounds=int(recovery["ioc_rounds"]),
        )


class Escalation:
    """When the next attempt is due."""

    def __init__(self, pacing: Pacing, now_s: float) -> None:
        """Begin.

        Args:
            pacing: Of the escalation.
            now_s: Exchange time, seconds.
        """
        self._pacing = pacing
        self._due_s = None if pacing.chase_s is None else now_s + pacing.chase_s
        self.attempts = 0

    def due(self, now_s: float) -> bool:
        """Whether an attempt is due."""
        return self._due_s is not None and now_s >= self._due_s

    def attempted(self, now_s: float) -> None:
        """An attempt was made, or the book could not take one."""
        self.attempts += 1
        pacing = self._pacing
        over = self.attempts % pacing.attempts == 0
        self._due_s = now_s + (pacing.cooldown_s if over else pacing.apart_s)

    @property
    def exhausted(self) -> bool:
        """Whether a round was just the last before the alarm."""
        return self.attempts == self._pacing.attempts * self._pacing.rounds


def next_step(view: View, *, attempt: bool, quoted_for_s: float | None) -> Step:
    """What to cancel and place now.

    Args:
        view: Just asked for.
        attempt: Whether an attempt is due.
        quoted_for_s: Age of our quote, exchange seconds; `None`: not known.

    Returns:
        The step. At most one order of ours is left resting, of the position at the most.
    """
    everything = tuple(order.oid for order in view.orders)
    stops = surplus(view.stops, view.position)
    if view.position == 0 or attempt:
        return Step(everything + stops, attempt=view.position != 0, quote=None)
    is_buy, size = view.position < 0, abs(view.position)
    touch = view.best[0 if is_buy else 1]
    kept = _kept(view.orders, is_buy, size, touch, quoted_for_s)
    cancels = tuple(oid for oid in everything if oid != kept) + stops
    if kept is not None or touch is None:
        return Step(cancels, attempt=False, quote=None)
    return Step(cancels, attempt=False, quote=Quote(is_buy, touch, size))


def _kept(
    orders: Iterable[Order],
    is_buy: bool,
    size: int,
    touch: Decimal | None,
    quoted_for_s: float | None,
) -> int | None:
    """Our quote, where it may stay: of the whole position, at the touch or lately so."""
    young = quoted_for_s is not None and quoted_for_s < REQUOTE_S
    for order in orders:
        at_touch = touch is None or order.px == touch
        if order.ours and order.is_buy == is_buy and order.lots == size and (at_touch or young):
            return order.oid
    return None
