"""The engine from Python: frame bytes to a step, and to signed bytes, judged by ratio.

The yardstick is one `sum(range(1_000))`; the bounds are three to four times what was measured when
they were set (0.35, 1.45 and 5.0).
"""

import itertools
import json
import timeit
from collections.abc import Callable, Iterator

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from mm._core import Action, Engine, Instrument, Signer
from mm.config import Config, engine_config_json

PLENTY = {"cumVlm": "0.0", "nRequestsUsed": 0, "nRequestsCap": 100_000_000, "nRequestsSurplus": 0}
START_MS = 1_700_000_000_000
MID = 1_100_005
"""In tenths of a USDC: BTC's price lattice."""
MS = 1_000_000
USER = "0x" + "00" * 20


@pytest.fixture(scope="module")
def yardstick() -> float:
    """Seconds of one `sum(range(1_000))`, the best of many."""
    return min(timeit.repeat(lambda: sum(range(1_000)), number=100, repeat=30)) / 100


def px(tenths: int) -> str:
    return f"{tenths / 10:.1f}"


def bbo(ms: int, mid: int) -> bytes:
    top = [{"px": px(mid + sign * 5), "sz": "1.5", "n": 3} for sign in (-1, 1)]
    return json.dumps({"channel": "bbo", "data": {"coin": "BTC", "time": ms, "bbo": top}}).encode()


def book(ms: int, mid: int) -> bytes:
    levels = [
        [{"px": px(mid + sign * (5 + 10 * i)), "sz": "1.5", "n": 3} for i in range(20)]
        for sign in (-1, 1)
    ]
    data = {"coin": "BTC", "time": ms, "levels": levels}
    return json.dumps({"channel": "l2Book", "data": data}).encode()


def account(ms: int) -> bytes:
    sums = {"accountValue": "10000.0", "totalNtlPos": "0.0", "totalRawUsd": "10000.0"}
    sums |= {"totalMarginUsed": "0.0"}
    state = {"marginSummary": sums, "crossMarginSummary": sums, "assetPositions": [], "time": ms}
    state |= {"crossMaintenanceMarginUsed": "0.0", "withdrawable": "10000.0"}
    return json.dumps(state).encode()


def candles() -> bytes:
    rows = []
    for minute in range(60):
        opened = START_MS - (60 - minute) * 60_000
        close = px(MID + 300 * (minute % 2))
        row = {"t": opened, "T": opened + 59_999, "s": "BTC", "i": "1m", "v": "1.0", "n": 9}
        rows.append(row | {"o": close, "c": close, "h": close, "l": close})
    return json.dumps(rows).encode()


class Desk:
    """An engine in full quoting whose every action is accepted."""

    def __init__(self) -> None:
        config = Config.model_validate(
            {"control": {"observe_book_s": 1e-3, "observe_deadline_s": 2e-3, "quote_min_s": 1e-3}}
        )
        self.instrument = Instrument("BTC", 0, 5, 40)
        self.engine = Engine(engine_config_json(config, session=1), self.instrument)
        self.signer = Signer("0x" + "11" * 32)
        self.ms = START_MS
        self.oids = itertools.count(1)
        head_room = {"user": USER, "coin": "BTC", "leverage": {"type": "cross", "value": 20}}
        head_room |= {"maxTradeSzs": ["1.8", "1.8"], "availableToTrade": ["10000.0", "10000.0"]}
        head_room |= {"markPx": px(MID)}
        fees = {"userCrossRate": "0.00045", "userAddRate": "0.00015"}
        for stream in ("market", "user"):
            self.engine.on_stream(self.now, stream, True)
        self.engine.on_info(self.now, "userFees", json.dumps(fees).encode())
        self.engine.on_info(self.now, "activeAssetData", json.dumps(head_room).encode())
        self.engine.on_info(self.now, "candleSnapshot", candles())
        self.engine.on_info(self.now, "userRateLimit", json.dumps(PLENTY).encode())
        self.engine.on_command(self.now, "anchor", account(self.ms))
        self.settle(self.engine.on_frame(self.now, book(self.ms, MID)))
        for _ in range(10):
            self.settle(self.engine.on_frame(*self.next(MID)))
        assert len(self.engine.snapshot()["orders"]) == 10

    @property
    def now(self) -> int:
        return self.ms * MS

    def next(self, mid: int) -> tuple[int, bytes]:
        """A bbo a little later."""
        self.ms += 1
        return self.now, bbo(self.ms, mid)

    def settle(self, actions: list[Action]) -> None:
        """Accept everything, and whatever follows from that."""
        while actions:
            action = actions.pop()
            done = "success" if action.kind == "cancel" else None
            statuses = [done or {"resting": {"oid": next(self.oids)}} for _ in range(len(action))]
            response = {"type": "order", "data": {"statuses": statuses}}
            body = json.dumps({"status": "ok", "response": response}).encode()
            actions += self.engine.on_reply(self.now, action.id, 200, body)
            actions += self.engine.on_frame(self.now, self.cancelled(action))

    def cancelled(self, action: Action) -> bytes:
        """The updates that end the old orders of a modify, unfilled."""
        updates = []
        for amend in json.loads(action.json)["body"].get("Modify", ()):
            order = {
                "coin": "BTC",
                "side": "B",
                "limitPx": "1.0",
                "sz": "1000.0",
                "oid": amend["oid"],
            }
            order |= {"timestamp": self.ms, "origSz": "1000.0", "cloid": amend["order"]["cloid"]}
            status = {"status": "canceled", "statusTimestamp": self.ms}
            updates.append({"order": order, **status})
        return json.dumps({"channel": "orderUpdates", "data": updates}).encode()

    def sign(self, actions: list[Action]) -> list[bytes]:
        return [
            self.signer.sign(action, self.instrument, self.ms, mainnet=False) for action in actions
        ]


def moves() -> Iterator[int]:
    """Mids that make every quote wrong, to and fro."""
    return itertools.cycle((MID + 600, MID))


def judge(
    bench: BenchmarkFixture,
    call: Callable[..., object],
    prepare: Callable[[], object],
    bound: float,
) -> None:
    # The plugin leaves `pedantic` untyped.
    bench.pedantic(call, setup=prepare, rounds=300, warmup_rounds=20)  # type: ignore[no-untyped-call]
    assert bench.stats is not None
    best = bench.stats.stats.min
    assert best < bound, f"{best * 1e6:.1f} us, bound {bound * 1e6:.1f} us"


def test_step_still(benchmark: BenchmarkFixture, yardstick: float) -> None:
    """A bbo frame after which nothing has to move."""
    desk = Desk()

    def call(recv_ns: int, frame: bytes) -> None:
        assert desk.engine.on_frame(recv_ns, frame) == []

    judge(benchmark, call, lambda: (desk.next(MID), {}), 1.5 * yardstick)


def test_step_requote(benchmark: BenchmarkFixture, yardstick: float) -> None:
    """A bbo frame after which all ten orders move."""
    desk, mids, out = Desk(), moves(), list[Action]()

    def prepare() -> tuple[tuple[int, bytes], dict[str, object]]:
        desk.settle(out)
        return desk.next(next(mids)), {}

    def call(recv_ns: int, frame: bytes) -> None:
        out.extend(desk.engine.on_frame(recv_ns, frame))

    judge(benchmark, call, prepare, 5 * yardstick)
    assert [len(action) for action in out] == [10], "one request moves the whole ladder"


def test_frame_to_signed_bytes(benchmark: BenchmarkFixture, yardstick: float) -> None:
    """From a frame's bytes to the body of the request that moves all ten orders."""
    desk, mids, out = Desk(), moves(), list[Action]()

    def prepare() -> tuple[tuple[int, bytes], dict[str, object]]:
        desk.settle(out)
        return desk.next(next(mids)), {}

    def call(recv_ns: int, frame: bytes) -> None:
        actions = desk.engine.on_frame(recv_ns, frame)
        desk.sign(actions)
        out.extend(actions)

    judge(benchmark, call, prepare, 18 * yardstick)
    assert out
