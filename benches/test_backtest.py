"""A backtest's speed, in events a second, judged by ratio to plain Python on the same machine."""

import json
import random
import timeit

from pytest_benchmark.fixture import BenchmarkFixture

from mm._core import BacktestResult, Instrument, Tape, backtest
from mm.config import Config, engine_config_json

MINUTES = 10
# Yardsticks (`sum(range(1_000))`) an event may cost; 0.3 when it was set.
BOUND = 2.0


def frames() -> bytes:
    """Four books a second around a wandering mid, and takers that reach up to 8 bps."""
    chance = random.Random(5)
    mid, lines = 420_000, []
    for tick in range(MINUTES * 240):
        ms = 1_700_000_000_000 + 250 * tick
        recv = (ms + 300) * 1_000_000
        mid += 10 * chance.randint(-3, 3)
        sides = [
            [
                {"px": f"{(mid + sign * (5 + 10 * i)) / 100:.2f}", "sz": "5", "n": 0}
                for i in range(20)
            ]
            for sign in (-1, 1)
        ]
        if chance.random() < 0.4:
            side, sign = chance.choice((("B", 1), ("A", -1)))
            px = f"{(mid + sign * (5 + 10 * chance.randrange(34))) / 100:.2f}"
            trade = {"coin": "ETH", "side": side, "px": px, "sz": "2", "time": ms, "tid": tick}
            trade |= {"hash": "0x", "users": ["0x", "0x"]}
            lines.append(f"{recv} {json.dumps({'channel': 'trades', 'data': [trade]})}")
        book = {"coin": "ETH", "time": ms, "levels": sides}
        lines.append(f"{recv} {json.dumps({'channel': 'l2Book', 'data': book})}")
    return "\n".join(lines).encode() + b"\n"


def test_events_a_second(benchmark: BenchmarkFixture) -> None:
    tape = Tape(Instrument("ETH", 0, 4, 25), frames())
    config = engine_config_json(Config(), session=1)

    def run() -> BacktestResult:
        return backtest(
            config,
            tape,
            equity_usd=10_000,
            leverage=20,
            maker_fee_bps=1.5,
            taker_fee_bps=4.5,
            order_s=0.1,
            ack_s=0.1,
            block_s=0.07,
            expires_after_s=10,
        )

    # The plugin leaves `pedantic` untyped.
    result = benchmark.pedantic(run, rounds=5, warmup_rounds=1)  # type: ignore[no-untyped-call]
    assert benchmark.stats is not None
    best_s = benchmark.stats.stats.min
    benchmark.extra_info["events_per_s"] = round(result.events / best_s)
    print(f"{result.events} events in {best_s:.3f} s: {result.events / best_s:,.0f} events/s")
    yardstick = min(timeit.repeat(lambda: sum(range(1_000)), number=100, repeat=30)) / 100
    assert best_s / result.events < BOUND * yardstick
