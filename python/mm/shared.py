"""What an account has once, however many coins are quoted: one clock, session, line and lease."""

from __future__ import annotations

from dataclasses import dataclass

from mm.clock import Clock, PaperClock
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.nonces import Earlier, Nonces
from mm.hyperliquid.order_line import OrderLine
from mm.hyperliquid.pacing import Pacer
from mm.hyperliquid.streams import Stream
from mm.lease import Lease
from mm.paper.process import ask_clock
from mm.venue import Venue


@dataclass(frozen=True, slots=True)
class Shared:
    """Of one run.

    Attributes:
        venue: Where it trades.
        session_id: High half of every cloid.
        http: The venue's HTTP.
        order_line: Carries signed actions over a websocket; `None`: HTTP does.
        nonces: Of the one signer.
        earlier: What processes before this one signed with its key.
        pacer: Weight of the IP address.
        streams: The market's and the account's.
        lease: The right to trade.
    """

    venue: Venue
    session_id: int
    http: HttpClient
    order_line: OrderLine | None
    nonces: Nonces
    earlier: Earlier
    pacer: Pacer
    streams: tuple[Stream, ...]
    lease: Lease

    @property
    def clock(self) -> Clock:
        """Exchange time."""
        return self.venue.clock

    @property
    def line(self) -> OrderLine | HttpClient:
        """What carries signed actions."""
        return self.order_line or self.http

    async def is_same_exchange(self) -> bool:
        """Whether the exchange that this run began with answers; a paper one may be another.

        Raises:
            VenueError: No answer.
        """
        if not isinstance(self.clock, PaperClock):
            return True
        return (await ask_clock(self.http)).instance == self.venue.instance
