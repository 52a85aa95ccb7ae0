"""A machine that does what a hostile day does, in any order.

Engine and paper exchange in one process. What the exchange does it does at once; what the engine
hears of it, when and how often, is up to the machine. After each action the exchange's own position
and orders are held against the limit.
"""

import json
import os
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mm._core import Action, Engine, Instrument, PaperExchange, Signer
from mm.config import engine_config_json, load

Json = Any  # whatever JSON holds

START_MS = 1_700_000_000_000
SECOND_NS = 10**9
COIN = "BTC"
STEP = 5
MID = 100_000
OK = 200
SETTINGS = {
    "process.speed": 1.0,
    "control.observe_book_s": 1.0,
    "control.observe_deadline_s": 3.0,
    "control.quote_min_s": 0.0,
    "recovery.stuck_s": 3.0,
    "recovery.chase_s": 3.0,
    "recovery.passive_s": 3.0,
}
CHANNELS = ("userFills", "orderUpdates", "userFundings", "userNonFundingLedgerUpdates")
GAP = ("userFills", "frontendOpenOrders", "clearinghouseState", "activeAssetData")
POLL_S = 4
"""What a session asks again and again, it asks here every few seconds."""


def worst(position: int, orders: list[Json]) -> tuple[int, int]:
    """Furthest position toward long and toward short, lots, if everything that adds to it fills."""
    furthest = []
    for side, sign in (("B", 1), ("A", -1)):
        mine = [order for order in orders if order["side"] == side]
        free = sum(lots(order["sz"]) for order in mine if not order["reduceOnly"])
        reducing = sum(lots(order["sz"]) for order in mine if order["reduceOnly"])
        toward = sign * position
        furthest.append(toward + free + min(reducing, max(0, -toward)))
    return furthest[0], furthest[1]


def lots(size: str) -> int:
    """A size of BTC in lots."""
    return round(float(size) * 1e5)


class HostileDay(RuleBasedStateMachine):
    """One account's maker, a crowd that quotes, a stranger who takes."""

    def __init__(self) -> None:
        super().__init__()
        self.maker, self.crowd, self.stranger = (Signer(f"{n:064x}") for n in (1, 2, 3))
        self.nonce = START_MS
        self.mid = MID
        self.exchange = self._open()
        self.perp = Instrument.from_meta(self._ask_raw({"type": "meta"}), COIN)
        self.engine = Engine(engine_config_json(load(None, SETTINGS), 1), self.perp)
        self.connection = self.exchange.connect()
        self.frames: list[bytes] = []
        self.replies: list[tuple[int, int | None, bytes | None]] = []
        self.polled_s = 0
        self.fate: dict[str, int] = {"lost": 0, "vanishes": 0, "cancels_fail": 0}
        self.stopped = False

    def _open(self) -> PaperExchange:
        accounts = (self.maker, 10_000), (self.crowd, 10_000_000), (self.stranger, 10_000_000)
        config = {
            "instance": "day", "start_ms": START_MS, "warmup_ms": 0, "speed": 1.0,
            "block_ms": 70, "entry_ms": 0, "fees": {"maker": 15_000, "taker": 45_000},
            "cadence": "2026", "gtc_partial": "resting", "schedule_gate": "volume",
            "accounts": [{"address": who.address, "usdc": str(usdc)} for who, usdc in accounts],
        }  # fmt: skip
        perp = {"coin": COIN, "sz_decimals": 5, "max_leverage": 40}
        return PaperExchange(json.dumps(config), json.dumps({"kind": "clients", "perps": [perp]}))

    # ---- the exchange ----------------------------------------------------------------------

    def _now(self) -> int:
        return self.exchange.time_ns

    def _block(self) -> None:
        self.exchange.set_clock(self.exchange.next_block_ns, self.exchange.next_block_ns, 1.0)
        self.exchange.advance(self.exchange.next_block_ns, 1)
        self.frames += [frame for _, frame in self.exchange.take_frames()]

    def _ask_raw(self, body: Json) -> bytes:
        status, answer = self.exchange.info(json.dumps(body).encode())
        assert status == OK, answer
        return answer

    def _ask(self, kind: str) -> bytes:
        return self._ask_raw({"type": kind, "user": self.maker.address, "coin": COIN})

    def _post(self, body: bytes) -> tuple[int, bytes]:
        submitted = self.exchange.submit(body)
        self._block()
        if not isinstance(submitted, int):
            return submitted
        [(_, status, answer)] = self.exchange.take_replies()
        return status, answer

    def _act(self, who: Signer, action: Json) -> Json:
        self.nonce += 1
        body = who.sign_json(json.dumps(action), self.nonce, mainnet=False)
        return json.loads(self._post(body)[1])

    def _order(self, who: Signer, buys: bool, px: int, size: float, tif: str) -> None:
        order = {"a": 0, "b": buys, "p": str(px), "s": f"{size:.5f}", "r": False}
        order["t"] = {"limit": {"tif": tif}}
        self._act(who, {"type": "order", "orders": [order], "grouping": "na"})

    def _position(self) -> int:
        state = json.loads(self._ask("clearinghouseState"))
        held = [lots(row["position"]["szi"]) for row in state["assetPositions"]]
        return held[0] if held else 0

    def _orders(self) -> list[Json]:
        rows: list[Json] = json.loads(self._ask("frontendOpenOrders"))
        return rows

    # ---- the session -----------------------------------------------------------------------

    def _did(self, actions: list[Action]) -> None:
        """Send what the engine wants, and judge each action where it arrives."""
        shown = self.engine.snapshot()
        for action in actions:
            body = json.loads(action.json)["body"]
            orders = body.get("Place", []) + [each["order"] for each in body.get("Modify", [])]
            if shown["reduce_only"]:
                assert all(order["reduce_only"] for order in orders), action.json
            self._send(action, shown["limits"])

    def _send(self, action: Action, limits: Json) -> None:
        if self.fate["vanishes"] > 0:
            self.fate["vanishes"] -= 1
            self.replies.append((action.id, None, None))
            return
        if action.kind == "cancel" and self.fate["cancels_fail"] > 0:
            self.fate["cancels_fail"] -= 1
            errors = [{"error": "Cannot cancel now."}] * len(action)
            data = {"type": "cancel", "data": {"statuses": errors}}
            answer = json.dumps({"status": "ok", "response": data}).encode()
            self.replies.append((action.id, OK, answer))
            return
        before = worst(self._position(), self._orders())
        self.nonce += 1
        body = self.maker.sign(action, self.perp, self.nonce, mainnet=False)
        status, answer = self._post(body)
        after = worst(self._position(), self._orders())
        bounds = (limits["long"], limits["short"]) if "long" in limits else tuple(limits["lots"])
        for was, is_now, bound in zip(before, after, bounds, strict=True):
            assert is_now <= max(bound, was), (action.json, before, after, bounds)
        if self.fate["lost"] > 0:
            self.fate["lost"] -= 1
            self.replies.append((action.id, None, None))
        else:
            self.replies.append((action.id, status, answer))

    def _hear(self, frame: bytes) -> None:
        self._did(self.engine.on_frame(self._now(), frame))

    def _hear_replies(self) -> None:
        while self.replies:
            action_id, status, body = self.replies.pop(0)
            self._did(self.engine.on_reply(self._now(), action_id, status, body))

    def _hear_all(self) -> None:
        while self.frames or self.replies:
            self._hear_replies()
            for frame in self._take_frames():
                self._hear(frame)

    def _take_frames(self) -> list[bytes]:
        frames, self.frames = self.frames, []
        return frames

    def _poll(self) -> None:
        for kind in GAP:
            self._did(self.engine.on_info(self._now(), kind, self._ask(kind)))

    def _subscribe(self) -> None:
        user, coin = self.maker.address, COIN
        wanted: list[Json] = [{"type": kind, "user": user} for kind in CHANNELS]
        wanted += [{"type": "clearinghouseState", "user": user, "dex": ""}]
        wanted += [{"type": "activeAssetData", "user": user, "coin": coin}]
        wanted += [{"type": kind, "coin": coin} for kind in ("l2Book", "bbo", "trades")]
        for subscription in wanted:
            message = {"method": "subscribe", "subscription": subscription}
            assert self.exchange.ws_message(self.connection, json.dumps(message))
        self.frames += [frame for _, frame in self.exchange.take_frames()]

    def _quote(self) -> None:
        """The crowd quotes around its mid, and takes what stands in its way."""
        resting = json.loads(self._ask_raw({"type": "openOrders", "user": self.crowd.address}))
        if resting:
            cancels = [{"a": 0, "o": order["oid"]} for order in resting]
            self._act(self.crowd, {"type": "cancel", "cancels": cancels})
        self._order(self.crowd, True, self.mid - STEP, 0.5, "Gtc")
        self._order(self.crowd, False, self.mid + STEP, 0.5, "Gtc")

    @initialize()
    def opens(self) -> None:
        """A session in full quoting."""
        self._quote()
        self._subscribe()
        for stream in ("market", "user"):
            self._did(self.engine.on_stream(self._now(), stream, is_up=True))
        for kind in ("userFees", "activeAssetData", "userRateLimit", "frontendOpenOrders"):
            self._did(self.engine.on_info(self._now(), kind, self._ask(kind)))
        anchor = self._ask("clearinghouseState")
        self._did(self.engine.on_command(self._now(), "anchor", anchor))
        for _ in range(8):
            self.time_passes(1)
        self._hear_all()

    # ---- what may happen -------------------------------------------------------------------

    @rule(bps=st.integers(-30, 30))
    def market_moves(self, bps: int) -> None:
        """The crowd's quotes move, through ours where they stand in the way."""
        self.mid = max(50_000, self.mid + self.mid * bps // 100_000 * 10)
        self._quote()

    @rule(buys=st.booleans(), size=st.sampled_from([0.0005, 0.004, 0.02, 0.3]))
    def somebody_takes(self, buys: bool, size: float) -> None:
        """A stranger takes whatever is best, ours included."""
        px = round(self.mid * (1.02 if buys else 0.98), -1)
        self._order(self.stranger, buys, int(px), size, "Ioc")

    @rule(count=st.integers(1, 5))
    def frames_come(self, count: int) -> None:
        """Some of what is on its way arrives, in order."""
        frames, self.frames = self.frames[:count], self.frames[count:]
        for frame in frames:
            self._hear(frame)

    @rule()
    def everything_comes(self) -> None:
        """All that is on its way arrives."""
        self._hear_all()

    @rule()
    def replies_come_first(self) -> None:
        """Answers overtake frames."""
        self._hear_replies()

    @precondition(lambda self: self.frames)
    @rule(place=st.integers(0, 50))
    def a_frame_comes_twice(self, place: int) -> None:
        """A frame is repeated later."""
        self.frames.append(self.frames[place % len(self.frames)])

    @precondition(lambda self: len(self.frames) > 1)
    @rule(place=st.integers(0, 50))
    def a_frame_overtakes(self, place: int) -> None:
        """A later frame arrives first."""
        self._hear(self.frames.pop(place % len(self.frames)))

    @rule(fate=st.sampled_from(["lost", "vanishes", "cancels_fail"]), count=st.integers(1, 2))
    def requests_go_wrong(self, fate: str, count: int) -> None:
        """The next requests meet a fate."""
        self.fate[fate] += count

    @rule(leverage=st.integers(1, 40))
    def leverage_changes(self, leverage: int) -> None:
        """Somebody sets the leverage by hand."""
        action = {"type": "updateLeverage", "asset": 0, "isCross": True, "leverage": leverage}
        self._act(self.maker, action)

    @rule(seconds=st.integers(1, 20))
    def time_passes(self, seconds: int) -> None:
        """Blocks run, timers ring, and the polls are answered."""
        for _ in range(seconds):
            for _ in range(14):
                self._block()
            pong = b'{"channel":"pong"}'
            self._hear(pong)
            self._did(self.engine.on_timer(self._now()))
            self.polled_s += 1
            if self.polled_s % POLL_S == 0:
                self._poll()

    @rule()
    def lines_break(self) -> None:
        """Both lines are lost with what was on them; then snapshots fill the gap."""
        for stream in ("market", "user"):
            self._did(self.engine.on_stream(self._now(), stream, is_up=False))
        self.exchange.disconnect(self.connection)
        self.connection = self.exchange.connect()
        self.frames = []
        self._subscribe()
        self._poll()
        for frame in self._take_frames():
            self._hear(frame)
        for stream in ("market", "user"):
            self._did(self.engine.on_stream(self._now(), stream, is_up=True))

    @precondition(lambda self: not self.stopped)
    @rule(really=st.integers(0, 9))
    def it_stops(self, really: int) -> None:
        """The session is told to stop."""
        if really == 0:
            self.stopped = True
            self._did(self.engine.on_command(self._now(), "stop", None))

    # ---- what always holds -----------------------------------------------------------------

    @invariant()
    def a_cloid_rests_once(self) -> None:
        """No two of our orders carry one cloid."""
        cloids = [order["cloid"] for order in self._orders() if order["cloid"] is not None]
        assert len(cloids) == len(set(cloids))

    def teardown(self) -> None:
        """When everything has been heard, position and orders are the exchange's."""
        self.fate = dict.fromkeys(self.fate, 0)
        for _ in range(4):
            self._hear_all()
            self.lines_break()
            self.time_passes(8)
        self._hear_all()
        shown = self.engine.snapshot()
        assert shown["position"] == self._position()
        assert shown["pnl"]["residual"] == 0
        if self.stopped:
            assert self._orders() == []


QUICK = settings(max_examples=8, stateful_step_count=20, deadline=None)
DEEP = settings(max_examples=400, stateful_step_count=60, deadline=None)

TestHostileDay = HostileDay.TestCase
TestHostileDay.settings = DEEP if os.environ.get("HYPOTHESIS_PROFILE") == "deep" else QUICK
