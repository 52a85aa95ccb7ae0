"""Closes a position by hand: what it would cost, and then the same steps that a watchdog takes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from decimal import Decimal

from mm.by_hand import Hand
from mm.errors import VenueError
from mm.heartbeat import UNKNOWN
from mm.hyperliquid.reading import understood
from mm.watchdog.trade import Trade
from mm.watchdog.unwinding import Escalation, Pacing

LOOK_S = 0.5
"""Wall seconds between two looks at the account."""
BPS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class Preview:
    """What closing means, before anything is sent.

    Attributes:
        coin: The perp.
        position: In coin, signed.
        orders: Of the account that rest for it.
        mid: Of the book, USD; `None`: a side is empty.
        average: Price that the visible book would give for all of it; `None`: it is too thin.
    """

    coin: str
    position: Decimal
    orders: int
    mid: Decimal | None
    average: Decimal | None

    def lines(self) -> list[str]:
        """As an operator reads it."""
        if self.position == 0:
            return [f"no position in {self.coin}; {self.orders} orders rest"]
        lines = [f"position {self.position} {self.coin}; {self.orders} orders rest"]
        if self.mid is None or self.average is None:
            return [*lines, "the visible book cannot take all of it at once: several attempts"]
        usd = abs(self.position) * self.mid
        cost = abs(self.position) * abs(self.average - self.mid)
        return [
            *lines,
            f"about {usd:,.2f} USD at mid {self.mid:f}; the visible book closes it at"
            f" {self.average:,.6g}, {cost / usd * BPS:.1f} bps ({cost:,.2f} USD) from mid, plus the"
            " taker's fee",
        ]


async def preview(hand: Hand) -> Preview:
    """Ask for position, orders and book.

    Raises:
        VenueError: No answer.
    """
    query = {"type": "l2Book", "coin": hand.account.coin}
    body = await hand.account.info(query, urgent=True)
    with understood("l2Book"):
        levels = json.loads(body)["levels"]
        sides = [[(Decimal(row["px"]), Decimal(row["sz"])) for row in side] for side in levels]
    position = await hand.position()
    return Preview(
        coin=hand.account.coin,
        position=position,
        orders=len(await hand.orders()),
        mid=(sides[0][0][0] + sides[1][0][0]) / 2 if all(sides) else None,
        average=_average(sides[0] if position > 0 else sides[1], abs(position)),
    )


def _average(side: list[tuple[Decimal, Decimal]], wanted: Decimal) -> Decimal | None:
    """Average price of taking `wanted` coin from a side; `None`: it does not hold so much."""
    left, paid = wanted, Decimal(0)
    for px, sz in side:
        taken = min(left, sz)
        left -= taken
        paid += taken * px
        if left == 0:
            return paid / wanted if wanted else None
    return None


async def close(hand: Hand, deadline_s: float) -> int:
    """Cancel every order of the coin and close the position.

    Args:
        hand: The account.
        deadline_s: Wall seconds.

    Returns:
        How many immediate orders it took.

    Raises:
        VenueError: Something rests or is held at the deadline, or the venue does not answer.
    """
    # An operator was shown how many orders rest and asked for all of them: by hand or not.
    trade = Trade(
        hand.http,
        hand.clock,
        hand.instrument,
        hand.account,
        hand.gateway,
        hand.recovery,
        cancels_up_to_session=None,
    )
    pacing = Pacing.of(json.loads(hand.recovery), chase_s=0.0)
    escalation = Escalation(pacing, trade.now_s())
    try:
        async with asyncio.timeout(deadline_s):
            while True:
                view = await trade.view()
                if view.is_flat:
                    return escalation.attempts
                due = escalation.due(trade.now_s())
                # Nobody's word: an attempt takes the whole position as its measure.
                await trade.carry_out(view, attempt=due, held=UNKNOWN)
                if due:
                    escalation.attempted(trade.now_s())
                await asyncio.sleep(LOOK_S / hand.clock.speed)
    except TimeoutError:
        raise VenueError(
            f"not flat after {deadline_s:g} s and {escalation.attempts} attempts:"
            f" {await hand.position()} {hand.account.coin} is held; look at the book"
        ) from None
