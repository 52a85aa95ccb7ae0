"""A maker that dies and is started again, on one exchange in this process, with the real session.

What is real: engine, session loop body, database, nonces, restart, queries. What is not: sockets
and clocks; a life is stepped block by block, and ends where the test says, as by kill -9: the next
one finds a copy of the files as they were, and the exchange as it is.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mm._core import Action, Engine, Instrument, PaperExchange, Signer
from mm.clock import SECOND_NS
from mm.config import Config, engine_config_json, expires_after_s, load
from mm.history import KIND as HISTORY
from mm.history import history
from mm.hyperliquid.account import Account, cancel_all
from mm.hyperliquid.http import HttpReply
from mm.hyperliquid.nonces import Nonces, nonces_of
from mm.hyperliquid.pacing import Pacer
from mm.hyperliquid.streams import market_subscriptions, user_subscriptions
from mm.inbox import Command, Frame, Inbox, Info, Reply, StreamState
from mm.keeper import Keeper, Keepers, Whose
from mm.lease import Lease
from mm.ledger import Books
from mm.meter import Meter
from mm.restart import reconcile, restore_day, restore_limit
from mm.session import Session, Timer
from mm.startup import BEFORE_ANCHOR, refuse_while_killed
from mm.state import StateDir
from mm.store import FILE

Json = Any  # whatever JSON holds
COIN = "BTC"
START_MS = 1_700_000_000_000
MS_NS = 1_000_000
SECRET = "11" * 32
# Quotes within a moment: a life here is short.
# Many fills are what these lives are about: no governor holds them back.
QUICK = {
    "control.observe_book_s": 0.3,
    "control.quote_min_s": 0.0,
    "control.burst_fills": 1000,
}


class Killed(BaseException):
    """The process is gone: nothing after this point has happened."""


class ExchangeClock:
    """Exchange time as the exchange has it."""

    speed = 1.0

    def __init__(self, exchange: PaperExchange) -> None:
        self._exchange = exchange

    def now_ns(self) -> int:
        return self._exchange.time_ns


@dataclass
class World:
    """The exchange, which outlives the maker, and what it saw of it.

    Attributes:
        exchange: The demo market, and one account.
        nonces: Every nonce that ever left a maker.
        cloids: Every cloid that ever left a maker in a new order.
    """

    exchange: PaperExchange
    signer: Signer = field(default_factory=lambda: Signer(SECRET))
    nonces: list[int] = field(default_factory=list)
    cloids: list[str] = field(default_factory=list)

    @classmethod
    def begin(cls, seed: int, start_ms: int = START_MS) -> World:
        settings = {
            "instance": "test",
            "start_ms": start_ms,
            "warmup_ms": 3_600_000,
            "speed": 1.0,
            "block_ms": 70,
            "entry_ms": 0,
            "fees": {"maker": 15_000, "taker": 45_000},
            "cadence": "2026",
            "gtc_partial": "resting",
            "schedule_gate": "volume",
            "accounts": [{"address": Signer(SECRET).address, "usdc": "10000"}],
        }
        market = {"kind": "demo", "seed": seed}
        return cls(PaperExchange(json.dumps(settings), json.dumps(market)))

    @property
    def user(self) -> str:
        return self.signer.address

    def ask(self, **query: Json) -> Json:
        status, body = self.exchange.info(json.dumps(query).encode())
        assert status == 200, body
        return json.loads(body)

    def fills(self) -> list[Json]:
        """The exchange's own list, oldest first."""
        return list(reversed(self.ask(type="userFills", user=self.user)))

    def tids(self) -> list[int]:
        return sorted(fill["tid"] for fill in self.fills())

    def lots(self) -> int:
        """The account's position."""
        held = self.ask(type="clearinghouseState", user=self.user)["assetPositions"]
        return round(float(held[0]["position"]["szi"]) * 1e5) if held else 0

    def resting(self) -> int:
        return len(self.ask(type="openOrders", user=self.user))

    def run(self, blocks: int) -> None:
        """The market goes on."""
        for _ in range(blocks):
            self.exchange.set_clock(self.exchange.next_block_ns, time.time_ns(), 1.0)
            self.exchange.advance(self.exchange.next_block_ns, 1)
            self.exchange.take_report()

    def submit(self, body: bytes) -> int | tuple[int, bytes]:
        sent = json.loads(body)
        self.nonces.append(sent["nonce"])
        for order in sent["action"].get("orders", ()):
            self.cloids.append(order["c"])
        return self.exchange.submit(body)


class Wire:
    """What a start asks over HTTP, answered at once; an action takes a block."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def info(self, query: Json, *, urgent: bool = False) -> bytes:
        status, body = self._world.exchange.info(json.dumps(query).encode())
        assert status == 200, body
        return body

    async def exchange(self, body: bytes) -> HttpReply:
        submitted = self._world.submit(body)
        if not isinstance(submitted, int):
            return HttpReply(*submitted)
        self._world.run(1)
        [(number, status, answer)] = self._world.exchange.take_replies()
        assert number == submitted
        return HttpReply(status, answer)


class Mute:
    """Takes the log, shows nothing."""

    def write(self, lines: bytes) -> None: ...

    def read(self, lines: bytes) -> None: ...


class Life:
    """One process, from `start` until it is killed or stopped."""

    def __init__(self, world: World, root: Path, config: Config | None = None) -> None:
        self.world, self.root = world, root
        self.config = config or load(None, QUICK)
        self.place: Callable[[str], None] = lambda _place: None
        self.heard: list[int] = []
        self._pending: dict[int, int] = {}
        self._saved_ns = 0
        self._asked: dict[tuple[str, str | None], None] = {}

    async def start(self) -> None:
        """Everything `mm run` does before it quotes, in its order."""
        world = self.world
        self.state = StateDir.open("paper", "default", self.root)
        refuse_while_killed(self.state)
        self.clock = ExchangeClock(world.exchange)
        self.session_id = self.state.new_session(self.clock.now_ns() // MS_NS)
        meta = json.dumps(world.ask(type="meta")).encode()
        self.instrument = Instrument.from_meta(meta, COIN)
        self.engine = Engine(engine_config_json(self.config, self.session_id), self.instrument)
        self.inbox = Inbox()
        life_s = expires_after_s(self.config)
        self.nonces: Nonces = nonces_of(world.user, self.state, self.clock, life_s)[0]
        store = self.state.store
        self.books = Books(store, COIN, self.instrument.sz_decimals, self.session_id)
        whose = Whose(self.session_id, COIN, self.instrument.sz_decimals, str(self.root))
        self.keeper = Keeper(self.engine, store, self.books, whose)
        self.keepers = Keepers([self.keeper], store, self.session_id, str(self.root))
        self.session = Session(
            engine=self.engine,
            clock=self.clock,
            inbox=self.inbox,
            outlet=self,
            recorder=Mute(),  # type: ignore[arg-type]
            meter=Meter(),
            listener=Mute(),
            diary=self,
            asker=self,
            lease=Lease(),
            streams=(),
        )
        self._connect()
        await self._synchronise()

    def _connect(self) -> None:
        exchange = self.world.exchange
        self._socket = exchange.connect()
        for wanted in (*market_subscriptions(COIN), *user_subscriptions(self.world.user, COIN)):
            message = json.dumps({"method": "subscribe", "subscription": wanted})
            assert exchange.ws_message(self._socket, message)
        self._hear()
        for stream in ("market", "user"):
            self.inbox.put(StreamState(self.clock.now_ns(), stream, up=True))

    async def _synchronise(self) -> None:
        account = Account(Wire(self.world), Pacer(self.clock), self.world.user, COIN)  # type: ignore[arg-type]
        await cancel_all(account, self, self.instrument, 5.0)  # type: ignore[arg-type]
        assert self.world.resting() == 0
        restore_day(self.state.store, self.inbox, self.clock)
        restore_limit(self.state.store, COIN, self.inbox, self.clock, leads=True)
        async for candles in history(account, self.clock):
            self.inbox.put(Info(self.clock.now_ns(), HISTORY, candles))
        for kind in BEFORE_ANCHOR:
            self.inbox.put(Info(self.clock.now_ns(), kind, await account.ask(kind)))
        anchor = await account.ask("clearinghouseState")
        self.inbox.put(Command(self.clock.now_ns(), "anchor", anchor))
        await self._drain()
        position = self.engine.snapshot()["position_start"]
        self.place("anchored")
        self.found = await reconcile(account, self.books, self.instrument, anchor, position)
        self.keepers.save()

    async def request(self, action: Json) -> HttpReply:
        """As `Gateway.request`: one of the session's own actions."""
        body = self.world.signer.sign_json(
            json.dumps(action), self.nonces.take(), expires_after_ms=None, vault=None, mainnet=False
        )
        return await Wire(self.world).exchange(body)

    async def live(self, blocks: int) -> None:
        """Make markets for a number of blocks."""
        for _ in range(blocks):
            self.world.run(1)
            for number, status, body in self.world.exchange.take_replies():
                action = self._pending.pop(number)
                self.inbox.put(Reply(self.clock.now_ns(), action, status, body))
            self._hear()
            self._answer()
            await self._drain()
            if self.world.exchange.time_ns - self._saved_ns >= SECOND_NS:
                # The keeper's beat.
                self._saved_ns = self.world.exchange.time_ns
                self.keepers.save()

    def ask(self, kind: str, cloid: str | None) -> None:
        """The session's questions; answered with the next block."""
        self._asked[kind, cloid] = None

    def _answer(self) -> None:
        for kind, cloid in self._asked:
            query = {"type": kind, "user": self.world.user, "coin": COIN}
            if cloid is not None:
                query["oid"] = cloid
            body = json.dumps(self.world.ask(**query)).encode()
            self.inbox.put(Info(self.clock.now_ns(), kind, body, cloid))
        self._asked.clear()

    def _hear(self) -> None:
        for connection, data in self.world.exchange.take_frames():
            if connection == self._socket:
                self.inbox.put(Frame(self.clock.now_ns(), 0, data, about_us=True))

    async def _drain(self) -> None:
        while len(self.inbox):
            item = await self.inbox.take(0)
            assert item is not None
            if isinstance(item, Frame) and item.data.startswith(b'{"channel":"userFills"'):
                data = json.loads(item.data)["data"]
                if not data.get("isSnapshot"):
                    self.heard += [fill["tid"] for fill in data["fills"]]
            self.session._handle(item)
        if (wake_ns := self.engine.wake_at()) is not None and wake_ns <= self.clock.now_ns():
            self.session._handle(Timer(self.clock.now_ns()))

    def after_step(self, alarms: Json) -> None:
        """The session's diary: the keeper, with a place to die on either side."""
        self.place("stepped")
        self.keeper.after_step(alarms)
        self.place("kept")

    def dispatch(self, action: Action, _decided_ns: int) -> int:
        """The session's way out, with a place to die on either side of the exchange."""
        nonce = self.nonces.take()
        body = self.world.signer.sign(
            action, self.instrument, nonce, expires_after_ms=None, vault=None, mainnet=False
        )
        self.place("signed")
        submitted = self.world.submit(body)
        assert isinstance(submitted, int), submitted
        self._pending[submitted] = action.id
        self.place("sent")
        return time.perf_counter_ns()

    def manual_kill(self) -> Command:
        """What `mm kill` puts into the inbox."""
        return Command(self.clock.now_ns(), "kill", None)

    def killed(self, to: Path) -> Path:
        """What kill -9 leaves: the files as they are now, nothing of the process."""
        self.world.exchange.disconnect(self._socket)
        copy = to / "paper" / "default"
        copy.mkdir(parents=True)
        for file in self.state.path.iterdir():
            # The shared-memory index of the database dies with the last of its processes.
            if file.is_file() and file.name != f"{FILE}-shm":
                (copy / file.name).write_bytes(file.read_bytes())
        self.state.close()
        return to
