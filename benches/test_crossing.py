"""The pieces of a quote cycle from Python, judged by ratio to plain Python on the same machine.

The yardstick is one `sum(range(1_000))`: the bounds are three to four times what was measured when
they were set, so that a noisy machine passes and a lost order of magnitude does not.
"""

import json
import timeit
from collections.abc import Callable

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import mm
from mm._core import Signer

SZ_DECIMALS = 5
MID = 98_765.5
PX_UNIT = 10 ** (6 - SZ_DECIMALS)


@pytest.fixture(scope="module")
def yardstick() -> float:
    """Seconds of one `sum(range(1_000))`, the best of many."""
    return min(timeit.repeat(lambda: sum(range(1_000)), number=100, repeat=30)) / 100


def judge(bench: BenchmarkFixture, piece: Callable[[], object], bound: float) -> None:
    """Measure a piece and compare its best time with the bound, in seconds."""
    bench(piece)
    assert bench.stats is not None
    best = bench.stats.stats.min
    assert best < bound, f"{best * 1e6:.1f} us, bound {bound * 1e6:.1f} us"


def derive() -> mm.Limits:
    return mm.derive_limits(
        account_value=10_000.0,
        max_leverage=5,
        sigma=6e-5,
        sigma_confidence=0.9,
        mid=MID,
        sz_decimals=SZ_DECIMALS,
        config=CONFIG,
        fallback_max_position=0.005,
        asset_max_leverage=40,
        exchange_leverage=20,
        sigma_24h=5e-5,
    )


CONFIG = mm.DynamicRiskConfig()
BIDS = np.array([int((MID - 10 - 2 * i) * PX_UNIT) for i in range(5)], dtype=np.int64)
ASKS = np.array([int((MID + 10 + 2 * i) * PX_UNIT) for i in range(5)], dtype=np.int64)
RATE = np.linspace(0.1, 0.02, 5)
CAPTURE = np.linspace(0.5, 2.5, 5)


def test_derive_limits(benchmark: BenchmarkFixture, yardstick: float) -> None:
    judge(benchmark, derive, 0.5 * yardstick)


def test_size_ladder(benchmark: BenchmarkFixture, yardstick: float) -> None:
    limits = derive()

    def size() -> mm.Ladder:
        return mm.size_ladder(
            limits=limits,
            config=CONFIG,
            position=0,
            mid=MID,
            bid_px=BIDS,
            bid_fill_rate=RATE,
            bid_net_capture_bps=CAPTURE,
            ask_px=ASKS,
            ask_fill_rate=RATE,
            ask_net_capture_bps=CAPTURE,
            target=limits.lots_long // 5,
            min_level_usd=12,
        )

    assert size().bid_sz.sum() > 0
    judge(benchmark, size, 0.75 * yardstick)


def test_reduce_only_filter(benchmark: BenchmarkFixture, yardstick: float) -> None:
    limits = derive()
    sizes = np.full(5, limits.lots_long // 25, dtype=np.int64)

    def pass_through() -> mm.Ladder:
        return mm.reduce_only_filter(
            limits=limits,
            config=CONFIG,
            position=2 * limits.lots_long,
            mid=MID,
            bid_px=BIDS,
            bid_sz=sizes,
            ask_px=ASKS,
            ask_sz=sizes,
        )

    assert pass_through().reduce_only
    judge(benchmark, pass_through, 0.5 * yardstick)


def test_sign(benchmark: BenchmarkFixture, yardstick: float) -> None:
    order = {
        "a": 0,
        "b": True,
        "p": "98765",
        "s": "0.001",
        "r": False,
        "t": {"limit": {"tif": "Alo"}},
    }
    action = json.dumps({"type": "order", "orders": [order] * 10, "grouping": "na"})
    signer = Signer("0x" + "11" * 32)

    def sign() -> bytes:
        return signer.sign_json(action, 1_700_000_000_000, mainnet=False)

    judge(benchmark, sign, 20 * yardstick)
