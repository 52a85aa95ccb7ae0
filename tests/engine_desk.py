"""An engine told everything by hand, in the venue's own words: frames, bodies and answers.

The engine is built from a user's configuration. Whatever it sends is accepted, unless told
otherwise. Prices are in USDC, sizes in coin, times in seconds since the start.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from mm._core import Action, Engine, Instrument
from mm.config import engine_config_json, load
from mm.cycles import CycleWatch
from mm.meter import Meter
from mm.metrics import Metrics
from mm.samples import Reading

Json = Any  # whatever JSON holds

START_S = 1_700_000_000
SECOND_NS = 10**9
DAY_MINUTES = 24 * 60
OK = 200
USER = "0x" + "11" * 20
CALM = {
    "process.speed": 1.0,
    "control.observe_book_s": 1.0,
    "control.observe_deadline_s": 5.0,
    "control.quote_min_s": 0.0,
    "protection.resident_stop": False,
}
"""A quick opening, freshness deadlines that nothing stretches, no stop: nobody would place it."""


def tiered(tiers: Iterable[tuple[float, int]] = ((0, 40),)) -> Instrument:
    """BTC with a margin table: notional from which each largest leverage holds."""
    table = [{"lowerBound": f"{least:.1f}", "maxLeverage": top} for least, top in tiers]
    perp = {"szDecimals": 5, "name": "BTC", "maxLeverage": table[0]["maxLeverage"]}
    meta = {
        "universe": [{**perp, "marginTableId": 54}],
        "marginTables": [[54, {"description": "", "marginTiers": table}]],
    }
    return Instrument.from_meta(json.dumps(meta).encode(), "BTC")


@dataclass
class EngineDesk:
    """One engine and what it has been told.

    Attributes:
        settings: Configuration keys that differ from the defaults and from `CALM`.
        sent: Every action so far, as the event log writes it.
        log: Every line the engine logged.
        journal: The same as bytes, as a run's event log holds them.
        alarms: Every alarm so far, each with seconds since the start.
    """

    settings: dict[str, Json] = field(default_factory=dict)
    instrument: Instrument = field(default_factory=tiered)
    now_s: float = 0.0
    mid: float = 100_000.0
    equity: float = 10_000.0
    position: float = 0.0
    margin_used: float = 0.0
    liquidation_px: float | None = None
    accepts: bool = True
    used: int = 0
    cap: int = 10_000_000
    sent: list[Json] = field(default_factory=list)
    log: list[Json] = field(default_factory=list)
    journal: bytes = b""
    meter: Meter = field(default_factory=Meter)
    alarms: list[tuple[float, Json]] = field(default_factory=list)
    reconnects: int = 0
    date: str | None = None
    watch: CycleWatch | None = None
    engine: Engine = field(init=False)
    _oid: int = 0
    _tid: int = 0

    def __post_init__(self) -> None:
        config = load(None, {**CALM, **self.settings})
        self.engine = Engine(engine_config_json(config, 1), self.instrument)
        self.metrics = Metrics(
            {
                "BTC": lambda: Reading(
                    self.engine.snapshot(), self.meter, self.reconnects, 5, self.date
                )
            }
        )

    # ---- what the venue says ---------------------------------------------------------------

    def frame(self, channel: str, data: Json) -> list[Json]:
        """A websocket frame."""
        text = json.dumps({"channel": channel, "data": data}).encode()
        return self._did(self.engine.on_frame(self._ns(), text))

    def info(self, kind: str, body: Json) -> list[Json]:
        """The body of an info reply."""
        return self._did(self.engine.on_info(self._ns(), kind, json.dumps(body).encode()))

    def bbo(self, mid: float | None = None, half: float = 1.0) -> list[Json]:
        """A best bid and offer around a mid, USDC."""
        self.mid = self.mid if mid is None else mid
        levels = [{"px": f"{self.mid + side * half:g}", "sz": "5", "n": 3} for side in (-1, 1)]
        return self.frame("bbo", {"coin": "BTC", "time": self._ms(), "bbo": levels})

    def leaning(self, bid: float, ask: float) -> list[Json]:
        """The touch as it is, with so many coins at its bid and at its ask."""
        pairs = ((self.mid - 1, bid), (self.mid + 1, ask))
        levels = [{"px": f"{px:g}", "sz": f"{sz:g}", "n": 3} for px, sz in pairs]
        return self.frame("bbo", {"coin": "BTC", "time": self._ms(), "bbo": levels})

    def book(self) -> list[Json]:
        """A whole book: the touch, five coins beside each order of ours, and an end further out."""
        sides = []
        for side, sign in (("Bid", -1), ("Ask", 1)):
            orders = [row for row in self.snapshot()["orders"] if row["side"] == side]
            ours = {row["px"] / 10: row["sz"] / 1e5 + 5 for row in orders}
            sizes = {self.mid + sign: 5.0, **ours, round(self.mid * (1 + sign * 0.01)): 1.0}
            levels = sorted(sizes.items(), key=lambda level: sign * level[0])
            sides.append([{"px": f"{px:g}", "sz": f"{sz:.5f}", "n": 1} for px, sz in levels])
        return self.frame("l2Book", {"coin": "BTC", "time": self._ms(), "levels": sides})

    def follow(self, seconds: int) -> None:
        """The oracle goes up and down, and our mid goes with it half a second later."""
        for second in range(seconds):
            oracle = 100_000.0 + 20 * (second * 7 % 5)
            self.context(oracle=oracle)
            self.after(0.5)
            self.bbo(oracle)
            self.after(0.5)

    def trade(self, coin: float, side: str = "B", px: float | None = None) -> list[Json]:
        """A public trade by a buyer or a seller (`A`), at the mid or a price, USDC."""
        self._tid += 1
        trade: dict[str, Json] = {
            "coin": "BTC",
            "side": side,
            "px": f"{self.mid if px is None else px:g}",
            "sz": f"{coin:.5f}",
        }
        trade |= {"time": self._ms(), "hash": "0x0", "tid": self._tid, "users": [USER, USER]}
        return self.frame("trades", [trade])

    def informed(self, buyers: int) -> None:
        """Buyers who come 11 bps far and know of 20, a quarter of a minute apart."""
        for _ in range(buyers):
            self.after(1.0)
            mid = self.mid
            self.trade(0.5, px=round(mid * 1.0011))
            self.bbo(round(mid * 1.002))
            self.after(7.0)
            self.bbo(mid)
            self.after(7.0)

    def context(
        self,
        rate: str = "0.0000125",
        premium: str | None = None,
        *,
        oracle: float | None = None,
    ) -> list[Json]:
        """The coin's context, of this funding rate; the oracle's price is the mid, or as given."""
        px = f"{self.mid:.1f}"
        ctx = {
            "funding": rate,
            "openInterest": "10000.0",
            "prevDayPx": px,
            "dayNtlVlm": "1000000000.0",
            "premium": premium,
            "oraclePx": px if oracle is None else f"{oracle:.1f}",
            "markPx": px,
            "midPx": None,
            "impactPxs": None,
            "dayBaseVlm": "10000.0",
        }
        return self.frame("activeAssetCtx", {"coin": "BTC", "ctx": ctx})

    def account_state(self) -> Json:
        """What the venue says of the account now."""
        value = abs(self.position) * self.mid
        held = {
            "coin": "BTC", "szi": f"{self.position:.5f}", "positionValue": f"{value:.6f}",
            "entryPx": f"{self.mid:g}", "leverage": {"type": "cross", "value": 20},
            "unrealizedPnl": "0.0", "returnOnEquity": "0.0",
            "liquidationPx": None if self.liquidation_px is None else f"{self.liquidation_px}",
            "marginUsed": "0.0", "maxLeverage": 40,
            "cumFunding": {"allTime": "0.0", "sinceOpen": "0.0", "sinceChange": "0.0"},
        }  # fmt: skip
        margin = {
            "accountValue": f"{self.equity:.6f}", "totalNtlPos": f"{value:.6f}",
            "totalRawUsd": f"{self.equity:.6f}", "totalMarginUsed": f"{self.margin_used:.6f}",
        }  # fmt: skip
        return {
            "marginSummary": margin,
            "crossMarginSummary": margin,
            "crossMaintenanceMarginUsed": "0.0",
            "withdrawable": f"{self.equity:.6f}",
            "assetPositions": [{"type": "oneWay", "position": held}] if self.position else [],
            "time": self._ms(),
        }

    def account(self, equity: float | None = None) -> list[Json]:
        """A report of the account."""
        self.equity = self.equity if equity is None else equity
        return self.info("clearinghouseState", self.account_state())

    def head_room(self, buy: float = 50.0, sell: float = 50.0, leverage: int = 20) -> list[Json]:
        """What the exchange lets us trade further, coin."""
        return self.info(
            "activeAssetData",
            {
                "user": USER, "coin": "BTC", "leverage": {"type": "cross", "value": leverage},
                "maxTradeSzs": [f"{buy:.5f}", f"{sell:.5f}"],
                "availableToTrade": ["1.0", "1.0"], "markPx": f"{self.mid:g}",
            },
        )  # fmt: skip

    def budget(self, used: int | None = None, cap: int | None = None) -> list[Json]:
        """What the venue has counted of our requests; plenty is left unless told otherwise."""
        self.used = self.used if used is None else used
        self.cap = self.cap if cap is None else cap
        said = {"cumVlm": f"{self.cap - 10_000}.0", "nRequestsSurplus": 0}
        return self.info(
            "userRateLimit", {**said, "nRequestsUsed": self.used, "nRequestsCap": self.cap}
        )

    def candles(
        self, sigma: float = 5e-5, minutes: int = DAY_MINUTES, *, calm_minutes: int = 0
    ) -> list[Json]:
        """One-minute candles that swing so much, and the last `calm_minutes` a tenth of it."""
        step, listed, px = sigma * 60**0.5, [], self.mid
        for back in range(minutes, 0, -1):
            px *= 1 + (step if back % 2 else -step) * (0.1 if back <= calm_minutes else 1)
            opened = self._ms() - back * 60_000 - 1
            listed.append(
                {"t": opened, "T": opened + 59_999, "s": "BTC", "i": "1m", "o": f"{px:.1f}"}
                | {"c": f"{px:.1f}", "h": f"{px:.1f}", "l": f"{px:.1f}", "v": "1.0", "n": 9}
            )
        return self.info("candleSnapshot", listed)

    def fees(self, maker: float = 0.00015) -> list[Json]:
        """Our fee rates."""
        rates = {"userCrossRate": "0.00045", "userAddRate": f"{maker:.5f}"}
        return self.info("userFees", rates)

    def fill(self, order: Json, coin: float | None = None) -> list[Json]:
        """A fill of an order that we sent, in whole unless said otherwise."""
        self._tid += 1
        sz = order["sz"] / 1e5 if coin is None else coin
        sign = 1 if order["side"] == "Bid" else -1
        fill = {
            "coin": "BTC", "px": f"{order['px'] / 10:g}", "sz": f"{sz:.5f}",
            "side": "B" if sign > 0 else "A", "time": self._ms(),
            "startPosition": f"{self.position:.5f}", "dir": "Open Long", "closedPnl": "0.0",
            "hash": "0x0", "oid": order["oid"], "crossed": False, "fee": "0.01",
            "feeToken": "USDC", "tid": self._tid, "cloid": order["cloid_text"],
        }  # fmt: skip
        self.position = round(self.position + sign * sz, 5)
        return self.frame("userFills", {"isSnapshot": False, "user": USER, "fills": [fill]})

    def reply(self, action: int, body: Json) -> list[Json]:
        """An answer to an action."""
        text = json.dumps(body).encode()
        return self._did(self.engine.on_reply(self._ns(), action, OK, text))

    def lose(self, action: int) -> list[Json]:
        """No answer comes to an action."""
        return self._did(self.engine.on_reply(self._ns(), action, None, None))

    def kill(self) -> list[Json]:
        """The switch, by hand."""
        return self._did(self.engine.on_command(self._ns(), "kill", None))

    def timer(self) -> list[Json]:
        """The clock alone."""
        return self._did(self.engine.on_timer(self._ns()))

    def alive(self) -> list[Json]:
        """A pong: both streams live."""
        return self._did(self.engine.on_frame(self._ns(), b'{"channel":"pong"}'))

    def down(self, stream: str) -> list[Json]:
        """A stream is lost: market or user."""
        return self._did(self.engine.on_stream(self._ns(), stream, False))

    def command(self, command: str, body: Json = None) -> list[Json]:
        """A word of the operator's or of the session's, with what belongs to it."""
        told = None if body is None else json.dumps(body).encode()
        return self._did(self.engine.on_command(self._ns(), command, told))

    def restore_limit(self, kept: Json) -> list[Json]:
        """What an earlier session kept of the limit."""
        body = json.dumps(kept).encode()
        return self._did(self.engine.on_command(self._ns(), "restore_limit", body))

    # ---- longer stories --------------------------------------------------------------------

    def anchor(self) -> list[Json]:
        """The streams, and the account's state as the anchor."""
        for stream in ("market", "user"):
            self._did(self.engine.on_stream(self._ns(), stream, True))
        self.budget()
        state = json.dumps(self.account_state()).encode()
        return self._did(self.engine.on_command(self._ns(), "anchor", state))

    def open(
        self,
        sigma: float | None = 5e-5,
        *,
        minutes: int = DAY_MINUTES,
        leverage: int | None = 20,
        seconds: float = 3.0,
    ) -> "EngineDesk":
        """Everything that a run hears first, until it quotes in full; returns itself.

        Args:
            sigma: Of the candles; `None`: the venue serves none.
            minutes: Of candles.
            leverage: Set on the exchange; `None`: it has not said.
            seconds: From the anchor on.
        """
        self.bbo()
        if sigma is not None:
            self.candles(sigma, minutes)
        self.fees()
        if leverage is not None:
            self.head_room(leverage=leverage)
        self.anchor()
        self.after(seconds, quiet=["head_room"])
        return self

    def after(self, seconds: float, *, quiet: Iterable[str] = ()) -> list[Json]:
        """Let time pass in steps of half a second, everything heard of but what is `quiet`.

        Returns:
            What was sent meanwhile.
        """
        before, until, silent = len(self.sent), self.now_s + seconds, set(quiet)
        while self.now_s < until:
            self.now_s = min(self.now_s + 0.5, until)
            if "user" not in silent:
                self.alive()
            if "market" not in silent:
                self.bbo()
            if "account" not in silent and int(self.now_s * 2) % 10 == 0:
                self.account()
            if "head_room" not in silent and int(self.now_s * 2) % 20 == 0:
                self.head_room()
            self.timer()
        return self.sent[before:]

    def placed_by_hand(self, side: str, px: float, coin: float) -> list[Json]:
        """The venue lists our orders, and one that we did not place: `A` or `B`."""
        latest = {order["cloid"]: order for order in self._placed}.values()
        ours = [
            self._listed(
                "B" if order["side"] == "Bid" else "A", order["px"] / 10, order["sz"] / 1e5
            )
            | {"oid": order["oid"], "cloid": order["cloid_text"]}
            for order in latest
        ]
        return self.info("frontendOpenOrders", [self._listed(side, px, coin), *ours])

    def _listed(self, side: str, px: float, coin: float) -> Json:
        return {
            "coin": "BTC", "side": side, "limitPx": f"{px:g}", "sz": f"{coin:.5f}", "oid": 9_999,
            "timestamp": self._ms(), "origSz": f"{coin:.5f}", "reduceOnly": False,
            "orderType": "Limit", "triggerCondition": "N/A", "isTrigger": False,
            "triggerPx": "0.0", "children": [], "isPositionTpsl": False, "tif": "Gtc",
            "cloid": None,
        }  # fmt: skip

    STOP_CLOID: ClassVar[str] = "0x7265736964656e740000000000100001"
    """Of a stop that the first session let rest."""

    def stop_listed(self, trigger: str, sz: str, cloid: str | None = STOP_CLOID) -> Json:
        """A stop that sells, as the venue lists it: of ours by its cloid."""
        return self._listed("A", 1.0, 1.0) | {
            "sz": sz, "origSz": sz, "isTrigger": True, "triggerPx": trigger, "cloid": cloid,
            "limitPx": "90000", "isPositionTpsl": True, "reduceOnly": True, "tif": None,
            "orderType": "Stop Market", "triggerCondition": f"Price below {trigger}",
        }  # fmt: skip

    def one_sided_for(self, seconds: float) -> None:
        """Bids alone in the book, everything else as usual."""
        until = self.now_s + seconds
        while self.now_s < until:
            self.now_s += 0.5
            bid = {"px": f"{self.mid - 1:g}", "sz": "5", "n": 3}
            self.frame("bbo", {"coin": "BTC", "time": self._ms(), "bbo": [bid, None]})
            self.alive()

    # ---- what it did -----------------------------------------------------------------------

    def snapshot(self) -> Json:
        """Everything shown."""
        return self.engine.snapshot()

    @property
    def limits(self) -> Json:
        """The limit in force, as the snapshot shows it."""
        return self.snapshot()["limits"]

    def lots(self, side: str) -> int:
        """Lots that rest or are about to, on `Bid` or `Ask`."""
        return sum(order["sz"] for order in self.snapshot()["orders"] if order["side"] == side)

    def scraped(self) -> dict[str, float]:
        """The metrics as scraped, by name and labels, without `coin`."""
        lines = self.metrics.text().decode().splitlines()
        pairs = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return {
            name.replace('coin="BTC",', "").replace('{coin="BTC"}', ""): float(value)
            for name, value in pairs
        }

    def cycles(self) -> list[Json]:
        """The journalled cycles."""
        return [line["c"] for line in self.log if "c" in line]

    def refused(self) -> set[str]:
        """Reasons of every refusal journalled so far."""
        return {refusal["reason"] for line in self.log if "r" in line for refusal in line["r"]}

    def orders(self, side: str) -> list[Json]:
        """Orders placed so far on `Bid` or `Ask`, with `oid` and `cloid_text`."""
        return [order for order in self._placed if order["side"] == side]

    _placed: list[Json] = field(default_factory=list)

    def _did(self, actions: list[Action]) -> list[Json]:
        """Journal the step, then answer what it sent."""
        lines = self.engine.take_log()
        told = self.engine.take_alarms()
        self.alarms += [(self.now_s, alarm) for alarm in told]
        self.meter.alarms.update(alarm["alarm"] for alarm in told)
        self.journal += lines
        self.log += [json.loads(line) for line in lines.splitlines()]
        if self.watch is not None:
            self.watch.read(lines)
        done = [{"kind": action.kind, **json.loads(action.json)} for action in actions]
        self.sent += done
        if self.accepts:
            for action in actions:
                self._accept(action)
        return done

    def _accept(self, action: Action) -> None:
        wanted = json.loads(action.json)
        statuses: list[Json] = []
        for item in next(iter(wanted["body"].values())):
            if action.kind == "cancel":
                statuses.append("success")
                continue
            self._oid += 1
            order = item["order"] if action.kind == "modify" else item
            self._placed.append({**order, "oid": self._oid, "cloid_text": order["cloid"]})
            statuses.append({"resting": {"oid": self._oid}})
        kind = "cancel" if action.kind.startswith("cancel") else "order"
        body = {"status": "ok", "response": {"type": kind, "data": {"statuses": statuses}}}
        self.reply(action.id, body)

    def _ns(self) -> int:
        return int((START_S + self.now_s) * SECOND_NS)

    def _ms(self) -> int:
        return int((START_S + self.now_s) * 1000)
