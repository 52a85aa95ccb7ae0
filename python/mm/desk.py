"""What a run has open for one coin: engine, queue, way out, log."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from mm._core import Engine, Instrument
from mm.config import Config, engine_config_json, expires_after_s
from mm.cycles import CycleWatch
from mm.hyperliquid.account import Account
from mm.hyperliquid.gateway import Envelope, Gateway
from mm.hyperliquid.meta import Perp
from mm.inbox import Inbox
from mm.keeper import Keeper, Whose
from mm.ledger import Books
from mm.meter import Meter
from mm.recorder import Recorder
from mm.session import Session
from mm.shared import Shared
from mm.state import StateDir
from mm.watch import Asker, Watch

CLOID_BLOCK = 2**48
"""Cloids of one coin in a session: the counters of several coins never meet."""


@dataclass(frozen=True, slots=True)
class Desk:
    """One coin of a run.

    Attributes:
        config: Of this coin.
        run_dir: Of its event log and list of sends.
    """

    config: Config
    run_dir: Path
    perp: Perp
    engine: Engine
    inbox: Inbox
    account: Account
    gateway: Gateway
    recorder: Recorder
    session: Session
    meter: Meter
    books: Books
    keeper: Keeper

    @property
    def coin(self) -> str:
        """The perp."""
        return self.perp.instrument.coin

    @property
    def instrument(self) -> Instrument:
        """Its lattice and number."""
        return self.perp.instrument

    @property
    def leverage(self) -> int:
        """Leverage to set for it, at most."""
        return self.config.account.leverage


@dataclass(frozen=True, slots=True)
class Place:
    """What a desk is opened with besides what all of them share.

    Attributes:
        config: Of the coin.
        run_dir: Takes its event log and list of sends.
        perp: The perp.
        inbox: Its queue.
        beside: The queues of the other coins.
        account: The account, seen for the coin.
        watch: Asks for it.
        number: Of the coin in the process, from 0.
        meter: Takes its durations.
    """

    config: Config
    run_dir: Path
    perp: Perp
    inbox: Inbox
    beside: tuple[Inbox, ...]
    account: Account
    watch: Watch
    number: int
    meter: Meter


def open_desk(shared: Shared, place: Place, state: StateDir, stack: AsyncExitStack) -> Desk:
    """Open everything of one coin.

    Args:
        shared: What the account has once.
        place: What is the coin's own.
        state: The account's state, held.
        stack: Closes what was opened.
    """
    config, instrument, inbox = place.config, place.perp.instrument, place.inbox
    session_id = shared.session_id
    engine = Engine(engine_config_json(config, session_id, place.number * CLOID_BLOCK), instrument)
    venue = shared.venue
    gateway = Gateway(
        line=shared.line,
        signer=venue.signer,
        instrument=instrument,
        clock=shared.clock,
        nonces=shared.nonces,
        pacer=shared.pacer,
        inbox=inbox,
        meter=place.meter,
        envelope=Envelope(expires_after_s(config), vault=venue.vault, mainnet=venue.mainnet),
        sent=stack.enter_context((place.run_dir / "sent.jsonl").open("ab")),
        on_fate_known=place.watch.look,
        is_same=shared.is_same_exchange,
    )
    stack.push_async_callback(gateway.close)
    process = config.process
    recorder = Recorder(
        place.run_dir / "events.jsonl.zst", flush_s=process.log_flush_s, sync_s=process.log_fsync_s
    )
    stack.callback(recorder.close)
    listener = CycleWatch(
        engine.snapshot,
        instrument.sz_decimals,
        static_max_position(config),
        debug=process.log_level == "debug",
    )
    books = Books(state.store, instrument.coin, instrument.sz_decimals, session_id)
    whose = Whose(session_id, instrument.coin, instrument.sz_decimals, str(place.run_dir))
    keeper = Keeper(engine, state.store, books, whose, place.beside, leads=place.number == 0)
    return Desk(
        config=config,
        run_dir=place.run_dir,
        perp=place.perp,
        engine=engine,
        inbox=inbox,
        account=place.account,
        gateway=gateway,
        recorder=recorder,
        session=Session(
            engine=engine,
            clock=shared.clock,
            inbox=inbox,
            outlet=gateway,
            recorder=recorder,
            meter=place.meter,
            listener=listener,
            diary=keeper,
            asker=Asker(place.watch, instrument.coin),
            lease=shared.lease,
            streams=shared.streams,
            beside=place.beside,
        ),
        meter=place.meter,
        books=books,
        keeper=keeper,
    )


def static_max_position(config: Config) -> str:
    """The configured fallback with its unit: shown beside the limit, read by nothing."""
    limits = config.limits
    if limits.warmup_max_position_coin is not None:
        return f"{limits.warmup_max_position_coin:g} {config.process.coin}"
    return f"{limits.warmup_max_position_usd:g} USD"
