"""The exchange of a stage: our own, its blocks run by the virtual clock, with other accounts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from mm._core import PaperExchange, Signer, recover_signer
from mm.hyperliquid.meta import BUILDERS_EACH, BUILDERS_FIRST, dex_of
from stage.virtual import VirtualLoop

Json = Any  # whatever JSON holds

# 2023-11-14 22:13:20 UTC: far from midnight.
START_MS = 1_700_000_000_000
BLOCK_MS = 100
# As long as the demo market runs before its first client.
WARMUP_MS = 3_600_000
ANNOUNCE_S = 1.0
MAKER = "11" * 32
CROWD = "22" * 32
TAKER = "33" * 32
# Volatility of the history that is served, per square root of a second.
SIGMA = 1e-4
MINUTE_MS = 60_000
INTERVAL_MINUTES = {"1m": 1, "15m": 15}
RICH_USDC = "1000000000"
HTTP_OK = 200


@dataclass(frozen=True, slots=True)
class Received:
    """An action at the exchange's door.

    Attributes:
        at_s: Exchange seconds since the stage opened.
        signer: Who signed it.
        action: The action itself, as sent.
        nonce: Its nonce.
        expires_ms: Until when it may be carried out; `None`: for ever.
    """

    at_s: float
    signer: str
    action: Json
    nonce: int
    expires_ms: int | None

    @property
    def kind(self) -> str:
        """The action's `type`."""
        return str(self.action["type"])

    @property
    def orders(self) -> list[Json]:
        """The orders that it places, those of amends included."""
        if self.kind == "order":
            return list(self.action["orders"])
        if self.kind == "batchModify":
            return [amend["order"] for amend in self.action["modifies"]]
        return []


@dataclass(frozen=True, slots=True)
class Perp:
    """A listed perp: `dex:COIN` on a builder's dex, on which every account holds as much again."""

    coin: str = "BTC"
    sz_decimals: int = 5
    max_leverage: int = 40
    growth: bool = False

    @property
    def dex(self) -> str:
        """Name of its dex; empty on the main one."""
        return dex_of(self.coin)


class House:
    """Runs a `PaperExchange` and remembers whatever came to its door."""

    def __init__(
        self,
        loop: VirtualLoop,
        *,
        usdc: str = "10000",
        perps: tuple[Perp, ...] = (Perp(),),
        start_ms: int = START_MS,
        dead_man: str = "volume",
        block_ms: int = BLOCK_MS,
        market: Json = None,
        speed: float = 1.0,
        **terms: Json,
    ) -> None:
        """Open the exchange; `terms` are more of its configuration: `faults`, `oi_caps`.

        At `speed` above 1 a long story costs less: what beats by the wall clock beats less often.
        """
        self._loop = loop
        self._speed = speed
        self._begun_s = loop.time()
        self.perps = perps
        self.start_ms = start_ms
        self.maker, self.crowd, self.taker = (Signer(key) for key in (MAKER, CROWD, TAKER))
        funded = {self.maker: usdc, self.crowd: RICH_USDC, self.taker: RICH_USDC}
        config = {
            "instance": "stage",
            "start_ms": start_ms,
            "warmup_ms": 0,
            "speed": speed,
            "block_ms": block_ms,
            "entry_ms": 0,
            "fees": {"maker": 15_000, "taker": 45_000},
            "cadence": "2026",
            "gtc_partial": "resting",
            "schedule_gate": dead_man,
            "accounts": [
                {
                    "address": who.address,
                    "usdc": usd,
                    "dexes": {perp.dex: usd for perp in perps if perp.dex},
                }
                for who, usd in funded.items()
            ],
        }
        config |= {name: term for name, term in terms.items() if term is not None}
        listed = [
            {
                "coin": perp.coin,
                "sz_decimals": perp.sz_decimals,
                "max_leverage": perp.max_leverage,
                "growth": perp.growth,
            }
            for perp in perps
        ]
        # A market of its own has a past of its own.
        self._invents_history = market is None
        market = market or {"kind": "clients", "perps": listed}
        if market["kind"] == "demo":
            # The crowd is there before us, as it is where the demo market is served.
            config["warmup_ms"] = WARMUP_MS
        self.exchange = PaperExchange(json.dumps(config), json.dumps(market))
        # Price around which history is served; None: a new market, without any.
        self.history_px: float | None = None
        self.history_sigma = SIGMA
        # Exchange seconds and interval of each query for it.
        self.asked_history: list[tuple[float, str]] = []
        self.received: list[Received] = []
        self.report = b""
        self.on_frames: Callable[[list[tuple[int, bytes]]], None] = lambda _: None
        self.on_dropped: Callable[[list[int]], None] = lambda _: None
        self._waiting: dict[int, asyncio.Future[tuple[int, bytes]]] = {}
        self._nonce = start_ms

    # ---- time ----------------------------------------------------------------------------------

    def now_ns(self) -> int:
        """Exchange time, nanoseconds since the epoch."""
        return self.start_ms * 1_000_000 + round(self.now_s() * 1_000_000_000)

    def now_s(self) -> float:
        """Exchange seconds since the stage opened."""
        return (self._loop.time() - self._begun_s) * self._speed

    def _set_clock(self) -> None:
        now_ns = min(self.now_ns(), self.exchange.next_block_ns)
        self.exchange.set_clock(now_ns, now_ns, self._speed)

    async def run(self) -> None:
        """Run every block when it is due, until cancelled."""
        announce_s = 0.0
        while True:
            self.catch_up()
            if self.now_s() >= announce_s:
                announce_s = self.now_s() + ANNOUNCE_S
                self.exchange.announce_clock()
                self._send_frames()
            left_s = (self.exchange.next_block_ns - self.now_ns()) / 1e9 / self._speed
            await asyncio.sleep(max(left_s, 1e-6))

    def catch_up(self) -> None:
        """Run the blocks that are due."""
        while self.exchange.next_block_ns <= self.now_ns():
            self._set_clock()
            self.exchange.advance(self.now_ns(), 1_000)
            for number, status, body in self.exchange.take_replies():
                waiting = self._waiting.pop(number, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result((status, body))
            if dropped := self.exchange.take_dropped():
                self.on_dropped(dropped)
            self._send_frames()
            self.report += self.exchange.take_report()

    def _send_frames(self) -> None:
        if frames := self.exchange.take_frames():
            self.on_frames(frames)

    # ---- the run's requests --------------------------------------------------------------------

    async def answer(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Answer a request of HTTP."""
        self._set_clock()
        if path == "/info":
            if self._invents_history and b'"candleSnapshot"' in body:
                return HTTP_OK, self._history(json.loads(body)["req"])
            answer = self.exchange.info(body)
            await asyncio.sleep(self.exchange.info_hold_s)
            return answer
        self._note(body)
        submitted = self.exchange.submit(body)
        if not isinstance(submitted, int):
            return submitted
        waiting: asyncio.Future[tuple[int, bytes]] = self._loop.create_future()
        self._waiting[submitted] = waiting
        return await waiting

    def _history(self, asked: Json) -> bytes:
        """A past that this market never had: each candle moves `history_sigma` up or down."""
        self.asked_history.append((self.now_s(), str(asked["interval"])))
        if self.history_px is None:
            return b"[]"
        length_ms = MINUTE_MS * INTERVAL_MINUTES[asked["interval"]]
        step = self.history_sigma * (length_ms / 1_000) ** 0.5
        rows = []
        for index, opened in enumerate(range(asked["startTime"], asked["endTime"], length_ms)):
            close = self.history_px * (1 + step * (index % 2))
            row = {"t": opened, "T": opened + length_ms - 1, "s": asked["coin"], "n": 9}
            row["i"] = asked["interval"]
            rows.append({**row, "v": "1.0", **dict.fromkeys("ohlc", f"{close:.1f}")})
        return json.dumps(rows).encode()

    def hear(self, connection: int, text: str) -> None:
        """Take a client's websocket text."""
        self._set_clock()
        self.exchange.ws_message(connection, text)
        self._send_frames()

    def _note(self, body: bytes) -> None:
        whole = json.loads(body)
        signer = recover_signer(body, mainnet=False)
        expires = whole.get("expiresAfter")
        self.received.append(
            Received(self.now_s(), signer, whole["action"], whole["nonce"], expires)
        )

    # ---- other accounts ------------------------------------------------------------------------

    def act(self, who: Signer, action: Json) -> Json:
        """Let an account do something in a block of its own, at once; returns the answer's data."""
        self._nonce = max(self._nonce + 1, self.now_ns() // 1_000_000)
        self._set_clock()
        submitted = self.exchange.submit(
            who.sign_json(json.dumps(action), self._nonce, mainnet=False)
        )
        answer: tuple[int, bytes] | None = None
        if isinstance(submitted, int):
            waiting = self._waiting
            self._waiting = {**waiting, submitted: self._loop.create_future()}
            mine = self._waiting[submitted]
            self._loop.skip((self.exchange.next_block_ns - self.now_ns()) / 1e9)
            self.catch_up()
            answer = mine.result()
        else:
            answer = submitted
        assert answer[0] == HTTP_OK, answer
        told = json.loads(answer[1])
        assert told["status"] == "ok", told
        return told["response"].get("data")

    def asset(self, coin: str | None) -> int:
        """Number of a perp; of the first one where none is named."""
        coin = self.perps[0].coin if coin is None else coin
        dex = dex_of(coin)
        mates = [perp.coin for perp in self.perps if perp.dex == dex]
        first = BUILDERS_FIRST + self.dexes.index(dex) * BUILDERS_EACH if dex else 0
        return first + mates.index(coin)

    @property
    def dexes(self) -> list[str]:
        """Names of all dexes, the main one first."""
        return list(dict.fromkeys(["", *(perp.dex for perp in self.perps)]))

    def place(self, who: Signer, *orders: Json, coin: str | None = None) -> list[Json]:
        """Place orders (side, px, sz, tif[, reduce-only]) and return their statuses."""
        wire = [{**self._wire(*order), "a": self.asset(coin)} for order in orders]
        action = {"type": "order", "orders": wire, "grouping": "na"}
        return list(self.act(who, action)["statuses"])

    @staticmethod
    def _wire(side: str, px: object, sz: object, tif: str, reduces: bool = False) -> Json:
        terms = {"a": 0, "b": side == "bid", "p": f"{Decimal(str(px)).normalize():f}"}
        return {**terms, "s": str(sz), "r": reduces, "t": {"limit": {"tif": tif}}}

    def cancel(self, who: Signer) -> None:
        """Cancel everything of an account."""
        cancels = [
            {"a": self.asset(order["coin"]), "o": order["oid"]} for order in self.open_orders(who)
        ]
        if cancels:
            self.act(who, {"type": "cancel", "cancels": cancels})

    def book(
        self,
        mid: str,
        *,
        coin: str | None = None,
        half_bps: str = "0.5",
        sz: str = "0.001",
        levels: int = 3,
        deep: str = "5",
    ) -> None:
        """Let the crowd move its book: `levels` small levels, and a deep one 20 bps behind.

        Orders that rest are amended in place, so that the book is never bare.
        """
        middle = Decimal(mid)
        away = [Decimal(half_bps) * (1 + level) for level in range(levels)] + [Decimal(20)]
        wanted = {
            side: [
                (side, self.px(middle, sign * bps), deep if bps == away[-1] else sz, "Gtc")
                for bps in away
            ]
            for side, sign in (("bid", -1), ("ask", 1))
        }
        resting, asset = self.open_orders(self.crowd, coin), self.asset(coin)
        rising = any(Decimal(row["limitPx"]) < middle for row in resting if row["side"] == "A")
        amends, places = [], []
        # What is moved away goes first, or the crowd would trade with itself.
        for side in ("ask", "bid") if rising else ("bid", "ask"):
            own = [row for row in resting if row["side"] == ("A" if side == "ask" else "B")]
            own.sort(key=lambda row: Decimal(row["limitPx"]), reverse=rising)
            levels_of = sorted(wanted[side], key=lambda order: order[1], reverse=rising)
            amends += [
                {"oid": row["oid"], "order": {**self._wire(*order), "a": asset}}
                for row, order in zip(own, levels_of, strict=False)
            ]
            places += levels_of[len(own) :]
        if amends:
            self.act(self.crowd, {"type": "batchModify", "modifies": amends})
        if places:
            self.place(self.crowd, *places, coin=coin)

    def px(self, middle: Decimal, bps: Decimal) -> Decimal:
        """A legal price, rounded outward: five significant figures."""
        raw = middle * (1 + bps / 10_000)
        digit = Decimal(1).scaleb(raw.adjusted() - 4)
        rounding = ROUND_FLOOR if bps < 0 else ROUND_CEILING
        return (raw / digit).to_integral_value(rounding) * digit

    # ---- what the exchange says ----------------------------------------------------------------

    def ask(self, **query: Json) -> Json:
        """An `/info` answer."""
        self._set_clock()
        status, body = self.exchange.info(json.dumps(query).encode())
        assert status == HTTP_OK, body
        return json.loads(body)

    def open_orders(self, who: Signer, coin: str | None = None) -> list[Json]:
        """What rests of an account, for every perp or for one."""
        asked = {"type": "frontendOpenOrders", "user": who.address}
        rows = [row for dex in self.dexes for row in self.ask(**asked, dex=dex)]
        return [row for row in rows if coin in (None, row["coin"])]

    def position(self, who: Signer, coin: str | None = None) -> Decimal:
        """Signed position in a perp, the first one where none is named, coin."""
        coin = coin or self.perps[0].coin
        state = self.ask(type="clearinghouseState", user=who.address, dex=dex_of(coin))
        held = {row["position"]["coin"]: row["position"]["szi"] for row in state["assetPositions"]}
        return Decimal(held.get(coin, "0"))
