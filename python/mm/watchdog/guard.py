"""The watchdog's own process: look, judge, and if it must, cancel and work the position down."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from mm._core import Signer
from mm.audit.verdict import WATCHDOG_SENT
from mm.clock import Clock, LiveClock, PaperClock
from mm.errors import RejectedError, StateError, VenueError
from mm.heartbeat import Beat, read_beat
from mm.hyperliquid.account import Account
from mm.hyperliquid.errors import LostReplyError
from mm.hyperliquid.gateway import Envelope, Gateway
from mm.hyperliquid.http import HttpClient, Timeouts
from mm.hyperliquid.meta import load_instrument
from mm.hyperliquid.nonces import Nonces
from mm.hyperliquid.pacing import Pacer
from mm.inbox import Inbox
from mm.meter import Meter
from mm.paper.process import Announcement, ask_clock
from mm.store import Counter
from mm.watchdog.charge import Charge, Coin
from mm.watchdog.directory import Doing, Status, WatchdogDir
from mm.watchdog.judgement import Judgement, Why
from mm.watchdog.trade import Trade
from mm.watchdog.unwinding import Escalation, Pacing

log = structlog.get_logger(__name__)

# Wall seconds.
LOOK_S = 0.25
GONE_S = 10.0
TIMEOUTS = Timeouts(connect_s=1.0, send_s=4.0, reply_s=3.0)
# Exchange seconds between two looks at the account: watching, and working; and the least in wall
# seconds: a faster market is looked at as often as the machine allows.
WATCH_S = 5.0
WORK_S = 2.0
FASTEST_S = 0.25

UNSURE = "an order of its own without an answer may still arrive"


Trades = Mapping[str, Trade]
"""By coin."""


class Gone(Exception):
    """The paper exchange is gone, and every order and position with it."""


@dataclass(slots=True)
class _Work:
    """One take-over."""

    why: Why
    asks: str
    escalations: dict[str, Escalation]


class Guard:
    """Watches one maker until it says goodbye or its position is closed."""

    def __init__(
        self, directory: WatchdogDir, charge: Charge, signer: Signer, nonces: Counter
    ) -> None:
        """Prepare, without looking.

        Args:
            directory: Of the watchdog, held.
            charge: What it is in charge of.
            signer: Its own key.
            nonces: Durable, of the agent's key alone.
        """
        self._directory = directory
        self._charge = charge
        self._signer = signer
        self._nonces = nonces
        self._judgement = Judgement(charge.patience, time.monotonic())
        self._looks = 0
        self._positions: dict[str, int] | None = None
        self._work: _Work | None = None
        self._drifted = False
        self._blind = False
        self._account_due_s = 0.0
        self._silent_venue_s: float | None = None
        # Until when an action of ours without an answer may still be carried out.
        self._unsure_until_s = 0.0
        self._told: asyncio.Event = asyncio.Event()

    def stop(self) -> None:
        """End at once: a new maker takes over, or somebody asked for it."""
        self._told.set()

    async def run(self) -> str:
        """Watch and act until the end.

        Returns:
            How it ended: `goodbye`, `flat`, `gone` or `told`.

        Raises:
            StateError: The directory cannot be used.
            VenueError: The venue could not be reached at the start.
        """
        log.info(
            "watchdog_started",
            pid=os.getpid(),
            session=self._charge.session,
            silence_s=self._charge.silence_s,
            drift_s=self._charge.drift_s,
        )
        async with AsyncExitStack() as stack:
            try:
                ended = await self._watch(await self._open(stack))
            except Gone as gone:
                log.error("exchange_gone", why=str(gone), hint="nothing rests and nothing is held")
                ended = "gone"
        self._say("done", ended)
        log.info("watchdog_ended", how=ended, positions=self._positions)
        return ended

    async def _open(self, stack: AsyncExitStack) -> Trades:
        charge = self._charge
        http = await stack.enter_async_context(HttpClient(charge.base_url, TIMEOUTS))
        clock: Clock
        if charge.network == "paper":
            announced = await ask_clock(http)
            self._same(announced)
            clock = PaperClock(announced.time_ns, announced.speed)
        else:
            clock = LiveClock()
        pacer = Pacer(clock, charge.weight_per_min)
        nonces = Nonces(clock, self._nonces)
        return {
            coin.name: await self._trade(stack, coin, http, clock, pacer, nonces)
            for coin in charge.coins
        }

    async def _trade(
        self,
        stack: AsyncExitStack,
        coin: Coin,
        http: HttpClient,
        clock: Clock,
        pacer: Pacer,
        nonces: Nonces,
    ) -> Trade:
        charge = self._charge
        instrument = await load_instrument(http, coin.name)
        sent = (Path(coin.run_dir) / WATCHDOG_SENT).open("ab")
        gateway = Gateway(
            line=http,
            signer=self._signer,
            instrument=instrument,
            clock=clock,
            nonces=nonces,
            pacer=pacer,
            inbox=Inbox(),
            meter=Meter(),
            envelope=Envelope(
                charge.expires_after_s, vault=charge.vault, mainnet=charge.network == "mainnet"
            ),
            sent=stack.enter_context(sent),
            on_fate_known=_nothing,
        )
        return Trade(
            http,
            clock,
            instrument,
            Account(http, pacer, charge.user, coin.name),
            gateway,
            coin.recovery,
            cancels_up_to_session=charge.session,
        )

    async def _watch(self, trades: Trades) -> str:
        while not self._told.is_set():
            # In this order: a maker that has gone had said goodbye before.
            lives = self._directory.maker_lives()
            self._judgement.hear(self._newest_beat(), time.monotonic())
            self._judgement.alive(lives)
            if self._judgement.over() and not self._drifted:
                return "goodbye"
            why = self._why()
            if why is None:
                self._stand_down()
                await self._look(trades)
            elif await self._act(trades, why) and self._is_last(why, lives):
                return "flat"
            if why is None and time.monotonic() >= self._unsure_until_s:
                self._say("watching", "")
            else:
                self._say("working", why or UNSURE)
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._told.wait()
            except TimeoutError:
                continue
        return "told"

    def _is_last(self, why: Why, lives: bool) -> bool:
        """Whether nobody is left who could trade again: the maker has asked for it, or has gone."""
        return why == "asked" or not lives or self._judgement.over()

    def _newest_beat(self) -> Beat | None:
        """Of the run that this watchdog is in charge of. One that cannot be read is silence."""
        try:
            beat = read_beat(self._directory.heartbeat)
        except StateError as error:
            if not self._blind:
                log.error("heartbeat_unreadable", why=str(error))
            self._blind = True
            return None
        self._blind = False
        return beat if beat is not None and beat.session == self._charge.session else None

    def _why(self) -> Why | None:
        """A maker that was found drifting is not believed any more, whatever it says."""
        why = self._judgement.why_act(time.monotonic())
        if why == "drift":
            self._drifted = True
        return "drift" if self._drifted else why

    def _stand_down(self) -> None:
        if self._work is not None:
            log.warning("watchdog_stands_down", after=self._work.why, hint="the maker is back")
            self._work = None

    async def _look(self, trades: Trades) -> None:
        """Ask for the account, when that is due: a check of the maker, and of our own line."""
        if not self._due(trades, WATCH_S):
            return
        try:
            await self._keep_time(trades)
            self._positions = {coin: await trade.position() for coin, trade in trades.items()}
        except VenueError as error:
            self._missed(error)
            return
        self._heard()
        self._judgement.positions(self._positions)

    async def _act(self, trades: Trades, why: Why) -> bool:
        """One step of the take-over; returns whether nothing rests and nothing is held.

        A maker that only hangs may come back and trade, so flat is not the end of that. A coin
        whose step failed does not hold up the others.
        """
        beat = self._judgement.beat
        assert beat is not None, "nobody is watched before the first beat"
        work = self._begun(trades, why, beat)
        if not self._due(trades, WORK_S):
            return False
        flat, failed = True, False
        try:
            await self._keep_time(trades)
        except VenueError as error:
            self._missed(error)
            return False
        for coin, trade in trades.items():
            try:
                flat &= await self._step(coin, trade, work, beat)
            except VenueError as error:
                if isinstance(error, LostReplyError):
                    # The maker may trade again only when nothing of ours can come late.
                    life_s = self._charge.expires_after_s / trade.clock.speed
                    self._unsure_until_s = time.monotonic() + life_s
                self._missed(error)
                failed = True
        if failed:
            return False
        self._heard()
        return flat

    def _begun(self, trades: Trades, why: Why, beat: Beat) -> _Work:
        work = self._work
        # A goodbye asks for nothing new.
        if work is not None and work.why == why and beat.asks in (work.asks, "goodbye"):
            return work
        chase_s: dict[str, float | None] = {"touch": None, "escalate": 0.0}
        escalations = {}
        for coin in self._charge.coins:
            recovery: dict[str, Any] = json.loads(coin.recovery)
            pacing = Pacing.of(recovery, chase_s.get(beat.asks, float(recovery["chase_s"])))
            escalations[coin.name] = Escalation(pacing, trades[coin.name].now_s())
        for trade in trades.values():
            trade.takes_over()
        work = _Work(why, beat.asks, escalations)
        log.warning(
            "watchdog_takes_over",
            why=why,
            asks=beat.asks,
            maker=beat.pid,
            engine_positions={coin: held.position for coin, held in beat.coins.items()},
            engine_modes={coin: held.mode for coin, held in beat.coins.items()},
        )
        self._work, self._account_due_s = work, 0.0
        return work

    async def _step(self, coin: str, trade: Trade, work: _Work, beat: Beat) -> bool:
        escalation = work.escalations[coin]
        view = await trade.view()
        self._positions = {**(self._positions or {}), coin: view.position}
        if view.is_flat:
            return True
        attempt = escalation.due(trade.now_s())
        await trade.carry_out(view, attempt=attempt, held=beat.of(coin))
        if attempt:
            escalation.attempted(trade.now_s())
            if escalation.exhausted:
                log.error(
                    "watchdog_exhausted",
                    coin=coin,
                    attempts=escalation.attempts,
                    position=view.position,
                    hint="it goes on trying; look at the book",
                )
        return False

    # ---- time and line --------------------------------------------------------------------------

    def _due(self, trades: Trades, every_s: float) -> bool:
        trade = _any(trades)
        now_s = time.monotonic()
        if now_s < self._account_due_s:
            return False
        self._account_due_s = now_s + max(every_s / trade.clock.speed, FASTEST_S)
        return True

    async def _keep_time(self, trades: Trades) -> None:
        """A paper exchange tells its time; one that answers as another is another."""
        trade = _any(trades)
        if isinstance(trade.clock, PaperClock):
            announced = await ask_clock(trade.http)
            self._same(announced)
            trade.clock.announce(announced.time_ns)

    def _same(self, announced: Announcement) -> None:
        if announced.instance != self._charge.instance:
            raise Gone(f"{self._charge.base_url} is another exchange now")

    def _heard(self) -> None:
        if self._silent_venue_s is not None:
            log.info("venue_answers_again")
            self._silent_venue_s = None

    def _missed(self, error: VenueError) -> None:
        """A venue that is gone for good is so only on paper: there it takes the account along.

        A maker that has said goodbye ends its exchange next: that one is not waited for.
        """
        now_s = time.monotonic()
        if self._silent_venue_s is None:
            say = log.error if isinstance(error, RejectedError) else log.warning
            say("venue_does_not_answer", why=str(error))
            self._silent_venue_s = now_s
        unreachable_s = now_s - self._silent_venue_s
        refused = isinstance(error, RejectedError)
        patience_s = 0.0 if self._judgement.over() else GONE_S
        if self._charge.network == "paper" and not refused and unreachable_s > patience_s:
            raise Gone(f"{self._charge.base_url} has not answered for {unreachable_s:.1f} s")

    def _say(self, doing: Doing, why: str) -> None:
        self._looks += 1
        status = Status(
            pid=os.getpid(),
            number=self._looks,
            doing=doing,
            why=why,
            session=self._charge.session,
            positions=self._positions,
            heard=None if self._judgement.beat is None else self._judgement.beat.number,
        )
        self._directory.write_status(status)


def _any(trades: Trades) -> Trade:
    """They share line and clock."""
    return next(iter(trades.values()))


def _nothing() -> None:
    """Nobody waits for the fate of an action of the watchdog: it asks the account before each."""
