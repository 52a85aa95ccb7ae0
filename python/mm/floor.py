"""Everything a run has open, put together once: what the account has, and a desk a coin."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mm.answers import answer_on, answer_reconcile_on
from mm.clock import Clock, PaperClock
from mm.config import Config
from mm.config.engine import expires_after_s, freshness_s, watchdog_weight
from mm.control_socket import ControlSocket
from mm.desk import Desk, Place, open_desk
from mm.hyperliquid.account import Account
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.meta import load_listing, load_perp
from mm.hyperliquid.nonces import MILLISECOND_NS, nonces_of
from mm.hyperliquid.order_line import OrderLine
from mm.hyperliquid.pacing import WEIGHT_PER_MINUTE, Pacer
from mm.hyperliquid.socket import Deadlines
from mm.hyperliquid.streams import MARKET, USER, Stream, market_subscriptions, user_subscriptions
from mm.inbox import Inbox
from mm.keeper import Keepers
from mm.lease import Lease
from mm.meter import Meter
from mm.metrics import Metrics
from mm.paper.process import read_announcement
from mm.samples import Reading
from mm.shared import Shared
from mm.sorting import Inboxes
from mm.state import StateDir, coin_dir
from mm.venue import Venue
from mm.watch import Watch

# Wall seconds between pings, at most: the engine's deadline for our own stream is in market time.
PING_S = 30.0
PINGS_PER_DEADLINE = 3


@dataclass(frozen=True, slots=True)
class Floor:
    """What a run works with, and what its end has to close.

    Attributes:
        shared: What the account has once.
        desks: One a coin, in the order of the configuration.
        inboxes: Of all coins.
        watch: Asks for all of them.
        keepers: Write down what must outlive the run.
        control: Answers an operator.
    """

    shared: Shared
    desks: tuple[Desk, ...]
    inboxes: Inboxes
    watch: Watch
    keepers: Keepers
    control: ControlSocket

    @property
    def clock(self) -> Clock:
        """Exchange time."""
        return self.shared.clock

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The market's and the account's."""
        return self.shared.streams

    @property
    def lead(self) -> Desk:
        """The first coin's: what is the account's is sent and asked there."""
        return self.desks[0]

    @property
    def lives(self) -> bool:
        """Whether somebody takes from every inbox."""
        return all(desk.session.lives for desk in self.desks)

    @property
    def broken(self) -> BaseException | None:
        """Why an engine is not stepped any more; `None`: all of them are."""
        return next((d.session.broken for d in self.desks if d.session.broken is not None), None)


async def open_floor(
    config: Config, state: StateDir, run_dir: Path, venue: Venue, stack: AsyncExitStack
) -> Floor:
    """Open everything for one run.

    Args:
        config: The effective configuration.
        state: The account's state, held.
        run_dir: Takes the event logs and the lists of sends.
        venue: Where to trade and with which key.
        stack: Closes what was opened.

    Raises:
        ConfigError: The venue does not list a coin.
        VenueError: No answer.
    """
    http = await stack.enter_async_context(HttpClient(venue.base_url))
    clock, each = venue.clock, config.each()
    perps = [await load_perp(http, one.process.coin) for one in each]
    session_id = state.new_session(time.time_ns() // MILLISECOND_NS)
    pacer = Pacer(clock, WEIGHT_PER_MINUTE - watchdog_weight(config))
    queues = {perp.instrument.coin: Inbox() for perp in perps}
    follows = {one.process.coin: coin for one in each if (coin := one.models.followed)}
    for coin in set(follows.values()):
        await load_listing(http, coin)
    inboxes, meters = Inboxes(queues, follows), [Meter() for _ in each]
    accounts = [
        Account(http, pacer, venue.user, perp.instrument.coin, session_id) for perp in perps
    ]
    watch = Watch({own.coin: (own, queues[own.coin]) for own in accounts}, clock)
    # One life for all coins: the longest.
    life_s = max(expires_after_s(one) for one in each)
    nonces, earlier = nonces_of(venue.signer.address, state, clock, life_s)
    by_socket = config.process.orders == "websocket"
    shared = Shared(
        venue=venue,
        session_id=session_id,
        http=http,
        order_line=OrderLine(http, meters[0].carried) if by_socket else None,
        nonces=nonces,
        earlier=earlier,
        pacer=pacer,
        streams=_streams(config, venue, inboxes),
        lease=Lease(),
    )
    desks = tuple(
        open_desk(
            shared,
            Place(
                config=one,
                run_dir=coin_dir(run_dir, account.coin, alone=len(each) == 1),
                perp=perp,
                inbox=queues[account.coin],
                beside=tuple(queue for coin, queue in queues.items() if coin != account.coin),
                account=account,
                watch=watch,
                number=number,
                meter=meters[number],
            ),
            state,
            stack,
        )
        for number, (one, perp, account) in enumerate(zip(each, perps, accounts, strict=True))
    )
    keepers = Keepers([desk.keeper for desk in desks], state.store, session_id, str(run_dir))
    control = await stack.enter_async_context(ControlSocket(state.path))
    answer_on(control, keepers, inboxes, clock)
    answer_reconcile_on(control, desks, inboxes, clock)
    return Floor(shared, desks, inboxes, watch, keepers, control)


def metrics_of(floor: Floor, host_death: Callable[[], Mapping[str, Any]]) -> Metrics:
    """What a scrape of this run reads.

    Args:
        floor: Of the run.
        host_death: What a death of the whole host would leave; see `mm.host_death`.
    """

    def reading(desk: Desk) -> Reading:
        snapshot, sz_decimals = desk.engine.snapshot(), desk.instrument.sz_decimals
        # Lines and the date are the account's: told once, with the first coin.
        if desk is not floor.lead:
            return Reading(snapshot, desk.meter, 0, sz_decimals, None)
        lost = sum(stream.reconnects for stream in floor.streams)
        date = host_death()["scheduled_cancel"]
        return Reading(snapshot, desk.meter, lost, sz_decimals, date)

    return Metrics({desk.coin: partial(reading, desk) for desk in floor.desks})


def _streams(config: Config, venue: Venue, inboxes: Inboxes) -> tuple[Stream, Stream]:
    coins, clock = config.coins, venue.clock
    url = "ws" + venue.base_url.removeprefix("http") + "/ws"
    stale_s = min(freshness_s(one)["own_stream_degraded_s"] for one in config.each())
    deadlines = Deadlines(ping_s=min(PING_S, stale_s / PINGS_PER_DEADLINE / clock.speed))
    followed = [coin for one in config.each() if (coin := one.models.followed)]
    asked = market_subscriptions(*coins, followed=followed)
    market = Stream(MARKET, url, asked, clock, inboxes, deadlines=deadlines)
    subscriptions = user_subscriptions(venue.user, *coins)
    on_clock = None
    if isinstance(clock, PaperClock):
        subscriptions.append({"type": "paperClock"})
        on_clock = partial(_hear, clock, venue.instance)
    own = Stream(USER, url, subscriptions, clock, inboxes, deadlines=deadlines, on_clock=on_clock)
    return market, own


def _hear(clock: PaperClock, instance: str | None, frame: bytes) -> None:
    """Take the time that a paper exchange announces."""
    announced = read_announcement(frame)
    # One that was started anew in its place has a time of its own, and no say here.
    if announced.instance == instance:
        clock.announce(announced.time_ns)
