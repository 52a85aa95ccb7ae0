"""Everything a run has open, put together once: clock, engine, queue, lines, way out, log."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from mm._core import Engine, Instrument
from mm.answers import answer_on, answer_reconcile_on
from mm.clock import Clock, PaperClock
from mm.config import Config, engine_config_json, expires_after_s
from mm.config.engine import freshness_s, watchdog_weight
from mm.control_socket import ControlSocket
from mm.cycles import CycleWatch
from mm.hyperliquid.account import Account
from mm.hyperliquid.gateway import Envelope, Gateway
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.meta import Perp, load_perp
from mm.hyperliquid.nonces import MILLISECOND_NS, Nonces, nonces_of
from mm.hyperliquid.order_line import OrderLine
from mm.hyperliquid.pacing import WEIGHT_PER_MINUTE, Pacer
from mm.hyperliquid.socket import Deadlines
from mm.hyperliquid.streams import MARKET, USER, Stream, market_subscriptions, user_subscriptions
from mm.inbox import Inbox
from mm.keeper import Keeper, Whose
from mm.lease import Lease
from mm.ledger import Books
from mm.meter import Meter
from mm.metrics import Metrics, Reading
from mm.paper.process import read_announcement
from mm.recorder import Recorder
from mm.session import Session
from mm.state import StateDir
from mm.venue import Venue
from mm.watch import Watch

# Wall seconds between pings, at most: the engine's deadline for our own stream is in market time.
PING_S = 30.0
PINGS_PER_DEADLINE = 3


@dataclass(frozen=True, slots=True)
class Desk:
    """What a run works with, and what its end has to close."""

    session_id: int
    clock: Clock
    instrument: Instrument
    perp: Perp
    engine: Engine
    inbox: Inbox
    http: HttpClient
    account: Account
    gateway: Gateway
    order_line: OrderLine | None
    nonces: Nonces
    recorder: Recorder
    session: Session
    streams: tuple[Stream, ...]
    watch: Watch
    meter: Meter
    books: Books
    keeper: Keeper
    control: ControlSocket
    lease: Lease


async def open_desk(
    config: Config, state: StateDir, run_dir: Path, venue: Venue, stack: AsyncExitStack
) -> Desk:
    """Open everything for one run.

    Args:
        config: The effective configuration.
        state: The account's state, held.
        run_dir: Takes the event log and the list of sends.
        venue: Where to trade and with which key.
        stack: Closes what was opened.

    Raises:
        ConfigError: The venue does not list the coin.
        VenueError: No answer.
    """
    http = await stack.enter_async_context(HttpClient(venue.base_url))
    clock = venue.clock
    perp = await load_perp(http, config.process.coin)
    instrument = perp.instrument
    session_id = state.new_session(time.time_ns() // MILLISECOND_NS)
    engine = Engine(engine_config_json(config, session_id), instrument)
    weight = WEIGHT_PER_MINUTE - watchdog_weight(config)
    inbox, pacer, meter = Inbox(), Pacer(clock, weight), Meter()
    account = Account(http, pacer, venue.user, instrument.coin, session_id)
    watch = Watch(account, clock, inbox)
    nonces = nonces_of(venue.signer.address, state, clock)
    order_line = OrderLine(http, meter.carried) if config.process.orders == "websocket" else None
    gateway = Gateway(
        line=order_line or http,
        signer=venue.signer,
        instrument=instrument,
        clock=clock,
        nonces=nonces,
        pacer=pacer,
        inbox=inbox,
        meter=meter,
        envelope=Envelope(expires_after_s(config), vault=venue.vault, mainnet=venue.mainnet),
        sent=stack.enter_context((run_dir / "sent.jsonl").open("ab")),
        on_fate_known=watch.look,
    )
    stack.push_async_callback(gateway.close)
    process = config.process
    recorder = Recorder(
        run_dir / "events.jsonl.zst", flush_s=process.log_flush_s, sync_s=process.log_fsync_s
    )
    stack.callback(recorder.close)
    listener = CycleWatch(
        engine.snapshot,
        instrument.sz_decimals,
        static_max_position(config),
        debug=process.log_level == "debug",
    )
    books = Books(state.store, instrument.coin, instrument.sz_decimals, session_id)
    whose = Whose(session_id, instrument.coin, instrument.sz_decimals, str(run_dir))
    keeper = Keeper(engine, state.store, books, whose)
    control = await stack.enter_async_context(ControlSocket(state.path))
    answer_on(control, keeper, inbox, clock)
    answer_reconcile_on(control, engine, instrument, inbox, clock)
    streams, lease = _streams(config, venue, inbox), Lease()
    return Desk(
        session_id=session_id,
        clock=clock,
        instrument=instrument,
        perp=perp,
        engine=engine,
        inbox=inbox,
        http=http,
        account=account,
        gateway=gateway,
        order_line=order_line,
        nonces=nonces,
        recorder=recorder,
        session=Session(
            engine=engine,
            clock=clock,
            inbox=inbox,
            outlet=gateway,
            recorder=recorder,
            meter=meter,
            listener=listener,
            diary=keeper,
            asker=watch,
            lease=lease,
            streams=streams,
        ),
        streams=streams,
        watch=watch,
        meter=meter,
        books=books,
        keeper=keeper,
        control=control,
        lease=lease,
    )


def metrics_of(desk: Desk) -> Metrics:
    """What a scrape of this run reads."""
    return Metrics(
        desk.instrument.coin,
        lambda: Reading(
            desk.engine.snapshot(),
            desk.meter,
            sum(stream.reconnects for stream in desk.streams),
            desk.instrument.sz_decimals,
        ),
    )


def _streams(config: Config, venue: Venue, inbox: Inbox) -> tuple[Stream, Stream]:
    coin, clock = config.process.coin, venue.clock
    url = "ws" + venue.base_url.removeprefix("http") + "/ws"
    stale_s = freshness_s(config)["own_stream_degraded_s"]
    deadlines = Deadlines(ping_s=min(PING_S, stale_s / PINGS_PER_DEADLINE / clock.speed))
    market = Stream(MARKET, url, market_subscriptions(coin), clock, inbox, deadlines=deadlines)
    subscriptions = user_subscriptions(venue.user, coin)
    on_clock = None
    if isinstance(clock, PaperClock):
        subscriptions.append({"type": "paperClock"})
        on_clock = partial(_hear, clock, venue.instance)
    own = Stream(USER, url, subscriptions, clock, inbox, deadlines=deadlines, on_clock=on_clock)
    return market, own


def _hear(clock: PaperClock, instance: str | None, frame: bytes) -> None:
    """Take the time that a paper exchange announces."""
    announced = read_announcement(frame)
    # One that was started anew in its place has a time of its own, and no say here.
    if announced.instance == instance:
        clock.announce(announced.time_ns)


def static_max_position(config: Config) -> str:
    """The configured fallback with its unit: shown beside the limit, read by nothing."""
    limits = config.limits
    if limits.warmup_max_position_coin is not None:
        return f"{limits.warmup_max_position_coin:g} {config.process.coin}"
    return f"{limits.warmup_max_position_usd:g} USD"
