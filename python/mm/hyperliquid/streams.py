"""The two connections of a session: the market's, and the account's.

They are apart so that the loss of one is seen as the loss of one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from mm.clock import Clock
from mm.hyperliquid.meta import dex_of
from mm.hyperliquid.socket import BOOKKEEPING, Deadlines, Socket
from mm.inbox import REFERENCE, Frame, StreamState
from mm.sorting import Inboxes

MARKET = "market"
USER = "user"


def market_subscriptions(*coins: str, followed: Iterable[str] = ()) -> list[dict[str, object]]:
    """Book, best bid and offer, trades and context of each coin; of those followed the second."""
    kinds = ("l2Book", "bbo", "trades", "activeAssetCtx")
    wanted: list[dict[str, object]] = [
        {"type": kind, "coin": coin} for coin in coins for kind in kinds
    ]
    others = sorted(set(followed) - set(coins))
    return wanted + [{"type": "bbo", "coin": coin} for coin in others]


def user_subscriptions(user: str, *coins: str) -> list[dict[str, object]]:
    """Fills, orders, money and margin of one account; its coins are of one dex."""
    kinds = ("userFills", "orderUpdates", "userFundings", "userNonFundingLedgerUpdates")
    wanted: list[dict[str, object]] = [{"type": kind, "user": user} for kind in kinds]
    wanted.append({"type": "clearinghouseState", "user": user, "dex": dex_of(coins[0])})
    wanted += [{"type": "activeAssetData", "user": user, "coin": coin} for coin in coins]
    return wanted


class Stream:
    """Carries one connection's frames into the inboxes, stamped with receive time.

    A market frame goes to its coin, any other to all. The inboxes learn of a loss at once. That the
    stream delivers again is said with `announce`, by whoever knows that the gap is filled.
    """

    def __init__(
        self,
        name: str,
        url: str,
        subscriptions: list[dict[str, object]],
        clock: Clock,
        inboxes: Inboxes,
        *,
        deadlines: Deadlines,
        on_clock: Callable[[bytes], None] | None = None,
    ) -> None:
        """Prepare, without connecting.

        Args:
            name: `market` or `user`.
            url: `ws://host:port/ws`.
            subscriptions: What to subscribe to.
            clock: Exchange time.
            inboxes: Take frames and changes of state.
            deadlines: Of the connection.
            on_clock: Takes the paper exchange's announcements of its time.
        """
        self.name = name
        self.up = False
        self._announced = False
        self._clock = clock
        self._inboxes = inboxes
        self._on_clock = on_clock
        self._socket = Socket(
            url,
            name,
            subscriptions,
            on_frame=self._take,
            on_state=self._change,
            deadlines=deadlines,
        )

    @property
    def reconnects(self) -> int:
        """Connections after the first."""
        return max(0, self._socket.connections - 1)

    @property
    def announced(self) -> bool:
        """Whether the engine counts on it."""
        return self._announced

    async def run(self) -> None:
        """Read until cancelled."""
        await self._socket.run()

    def _take(self, channel: str, frame: bytes) -> None:
        if channel == "paperClock" and self._on_clock is not None:
            self._on_clock(frame)
            return
        recv_ns = self._clock.now_ns()
        if channel == "pong":
            if self._announced:
                self._inboxes.put(StreamState(recv_ns, self.name, True))
        elif channel not in BOOKKEEPING:
            arrived_ns, about_us = time.perf_counter_ns(), self.name == USER
            for inbox in self._inboxes if about_us else self._inboxes.about(frame):
                inbox.put_frame(channel, Frame(recv_ns, arrived_ns, frame, about_us))
            for inbox in () if about_us else self._inboxes.followers(channel, frame):
                inbox.put_frame(REFERENCE, Frame(recv_ns, arrived_ns, frame))

    def announce(self) -> None:
        """Tell the engine that the stream delivers."""
        if self.up:
            self._announced = True
            self._inboxes.put(StreamState(self._clock.now_ns(), self.name, True))

    def withdraw(self) -> None:
        """Tell the engine not to count on the stream, up or not, until it is announced again."""
        if self._announced:
            self._inboxes.put(self.retract())

    def retract(self) -> StreamState:
        """The same, for who tells the engine at once: what waits to say otherwise is dropped."""
        self._announced = False
        self._inboxes.drop_up(self.name)
        return StreamState(self._clock.now_ns(), self.name, False)

    def _change(self, up: bool) -> None:
        self.up = up
        if not up:
            self.withdraw()
