"""What the engine believed of volatility each second, and where the mid was: out of sample.

The engine hears frames, synthetic or recorded, and never trades: it is told no fees.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from mm._core import Engine, Instrument
from mm.clock import SECOND_NS
from mm.config import Config, engine_config_json
from mm.coverage.statistics import Floats

EQUITY_USD = 10_000.0
START_S = 1_700_000_000
MINUTE_S = 60
DAY_MINUTES = 1_440
GAP_S = 3.0
"""A window over a longer silence of a recorded market is left out."""

Frame = tuple[int, bytes]
"""Receive time in nanoseconds and the frame."""


@dataclass(frozen=True, slots=True)
class Samples:
    """One row a step, all of one length.

    Attributes:
        step_s: Seconds between rows.
        mid: Mid price.
        sigma: The estimate that limits use, per sqrt(second); NaN while not ready.
        sigma_eff: What the volatility limit made of it, by floor, confidence and prior; NaN too.
        heard: Age of the market data at the row, s; NaN before there is any.
        gap_s: A window over a longer silence than this is left out.
    """

    step_s: float
    mid: Floats
    sigma: Floats
    sigma_eff: Floats
    heard: Floats
    gap_s: float = GAP_S

    def scores(self, horizon_s: float, beliefs: Floats) -> tuple[Floats, Floats]:
        """`log move / (sigma sqrt(h))` from each row on: without overlap, and of every row."""
        rows = round(horizon_s / self.step_s)
        move = np.log(self.mid[rows:] / self.mid[:-rows])
        scores = move / (beliefs[:-rows] * math.sqrt(horizon_s))
        # An age that is not known is a silence too.
        silent = np.concatenate(([0], np.cumsum(~(self.heard <= self.gap_s))))
        whole = silent[rows + 1 :] == silent[: -rows - 1]
        every = np.where(whole & np.isfinite(scores), scores, np.nan)
        apart = every[::rows]
        return apart[np.isfinite(apart)], every[np.isfinite(every)]


def sample(
    config: Config,
    instrument: Instrument,
    frames: Iterable[Frame],
    step_s: float,
    candles: bytes | None = None,
    gap_s: float = GAP_S,
) -> Samples:
    """Let an engine hear frames and look at it on a beat.

    Args:
        config: Limits and freshness.
        instrument: The perp.
        frames: In order of time.
        step_s: Seconds between two looks; a look is before the frames that follow it.
        candles: Body of a `candleSnapshot` that it hears first.
        gap_s: Longest silence of the market inside a window.
    """
    engine = Engine(engine_config_json(config, 1), instrument)
    # Rows of: mid, sigma, what the volatility limit made of it, age of the market.
    rows: list[tuple[float, float, float, float]] = []
    due_ns: int | None = None
    step_ns = round(step_s * SECOND_NS)
    for recv_ns, frame in frames:
        if due_ns is None:
            _open(engine, recv_ns, candles)
            due_ns = recv_ns + step_ns
        while due_ns <= recv_ns:
            engine.on_timer(due_ns)
            rows.append(_look(engine.snapshot(), config))
            due_ns += step_ns
        engine.on_frame(recv_ns, frame)
        engine.take_log()
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    mid, sigma, sigma_eff, heard = table.T
    return Samples(step_s, mid, sigma, sigma_eff, heard, gap_s)


def _open(engine: Engine, recv_ns: int, candles: bytes | None) -> None:
    if candles is not None:
        engine.on_info(recv_ns, "candleSnapshot", candles)
    margin = {"accountValue": f"{EQUITY_USD:.6f}", "totalMarginUsed": "0.0"}
    state = {"marginSummary": margin, "assetPositions": [], "time": recv_ns // 1_000_000}
    engine.on_command(recv_ns, "anchor", json.dumps(state).encode())


def _look(snapshot: dict[str, Any], config: Config) -> tuple[float, float, float, float]:
    """Mid, estimate, what the volatility limit made of it, and the market's age."""
    limits = snapshot["limits"]
    mid, heard = (
        math.nan if snapshot[key] is None else float(snapshot[key])
        for key in ("mid", "market_age_s")
    )
    terms = {} if limits is None else {term["term"]: term["value"] for term in limits["terms"]}
    sigma = snapshot["sigma"]
    if sigma is None or "volatility" not in terms or math.isnan(mid):
        return mid, math.nan, math.nan, heard
    settings = config.limits
    budget = EQUITY_USD * settings.risk_fraction
    reach = settings.num_sigmas * math.sqrt(settings.risk_horizon_s)
    sigma_eff = budget / (reach * terms["volatility"] / 1e6)
    return mid, sigma, sigma_eff, heard


def recorded(frames: bytes) -> Iterator[Frame]:
    """Books and best bids and offers of a recording, at the running maximum of receive time."""
    last_ns = 0
    for line in frames.splitlines():
        stamp, _, frame = line.partition(b" ")
        last_ns = max(last_ns, int(stamp))
        if frame.startswith((b'{"channel":"l2Book"', b'{"channel":"bbo"')):
            yield last_ns, frame


def gbm(hours: float, step_s: float, sigma: float, seed: int) -> Floats:
    """Log returns of a geometric Brownian motion."""
    count = round(hours * 3600 / step_s)
    return np.random.default_rng(seed).normal(0.0, sigma * math.sqrt(step_s), count)


def garch(hours: float, step_s: float, sigma: float, seed: int) -> Floats:
    """Log returns with clustered variance and fat tails.

    Variance of each minute is GARCH(1, 1) with alpha 0.08 and beta 0.91; within it, and from minute
    to minute, innovations are Student's t with 4 degrees of freedom, scaled to variance 1.
    """
    dice = np.random.default_rng(seed)
    count, a_minute = round(hours * 3600 / step_s), max(1, round(MINUTE_S / step_s))
    shocks = dice.standard_t(4, count) / math.sqrt(2.0)
    alpha, beta = 0.08, 0.91
    level = sigma**2 * step_s
    variance, returns = level, np.empty(count)
    for start in range(0, count, a_minute):
        part = math.sqrt(variance) * shocks[start : start + a_minute]
        returns[start : start + a_minute] = part
        realised = float(np.mean(part**2))
        variance = (1 - alpha - beta) * level + alpha * realised + beta * variance
    return returns


def synthetic(returns: Floats, step_s: float, instrument: Instrument) -> tuple[bytes, list[Frame]]:
    """A day of the returns as candles, and the rest as best bids and offers."""
    path = 100_000.0 * np.exp(np.cumsum(returns))
    a_day = round(DAY_MINUTES * MINUTE_S / step_s)
    a_minute = round(MINUTE_S / step_s)
    closes = path[a_minute - 1 : a_day : a_minute]
    first_ms = START_S * 1_000 - len(closes) * 60_000 - 1
    candles = [
        {"t": at, "T": at + 59_999, "s": instrument.coin, "i": "1m", "o": f"{px:.1f}"}
        | {"c": f"{px:.1f}", "h": f"{px:.1f}", "l": f"{px:.1f}", "v": "1.0", "n": 1}
        for at, px in ((first_ms + 60_000 * i, px) for i, px in enumerate(closes))
    ]
    frames = []
    for i, px in enumerate(path[a_day:]):
        time_ms = START_S * 1_000 + round(i * step_s * 1_000)
        whole = round(px)
        frame = (
            f'{{"channel":"bbo","data":{{"coin":"{instrument.coin}","time":{time_ms},"bbo":'
            f'[{{"px":"{whole - 1}","sz":"1","n":1}},{{"px":"{whole + 1}","sz":"1","n":1}}]}}}}'
        )
        frames.append((time_ms * 1_000_000, frame.encode()))
    return json.dumps(candles).encode(), frames
