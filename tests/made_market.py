"""A recording of a market whose truth is known: half an hour of a walk, and takers beside it."""

import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

START_MS = 1_757_000_040_000
STEP_MS = 500
HALF_BPS = 0.5
FEED_MS = 100


@dataclass(frozen=True)
class Truth:
    """What is so.

    Attributes:
        sigma_bps: Of the walk per root second, by the second.
        arrival_per_s: Takers of a side at no distance, `A`.
        kappa_per_bps: How fast they become fewer, `k`.
        knows_bps: How far the mid goes their way at once.
        minutes: How long.
    """

    sigma_bps: Callable[[float], float]
    arrival_per_s: float
    kappa_per_bps: float
    knows_bps: float = 0.0
    minutes: int = 34

    @property
    def per_step(self) -> float:
        """Chance of a taker of a side in a step."""
        return self.arrival_per_s * math.exp(-self.kappa_per_bps * HALF_BPS) * STEP_MS / 1000

    @property
    def cost_bps(self) -> float:
        """How far the mid is on a taker's way later: one of the other side goes back at once."""
        return self.knows_bps * (1.0 - self.per_step)


def rises_and_falls(second: float) -> float:
    """A wave of a quarter of an hour, from 0.7 to 2 bps: below the 3 that are assumed."""
    return 1.2 * math.exp(0.5 * math.sin(2.0 * math.pi * second / 900.0))


def write(path: Path, truth: Truth, seed: int) -> Path:
    """The frames, as a recorder would have written them."""
    chance = random.Random(seed)
    mid, tid = 100_000.0, 0
    lines = []
    for tick in range(truth.minutes * 60_000 // STEP_MS):
        ms = START_MS + tick * STEP_MS
        sigma = truth.sigma_bps(tick * STEP_MS / 1000)
        mid *= 1.0 + 1e-4 * sigma * (STEP_MS / 1000) ** 0.5 * chance.gauss(0.0, 1.0)
        at = round(mid)
        bids, asks = ([sized(at + sign * (5 + k)) for k in range(20)] for sign in (-1, 1))
        book = {"coin": "BTC", "time": ms}
        frames: list[dict[str, object]] = [
            {"channel": "bbo", "data": book | {"bbo": [bids[0], asks[0]]}}
        ]
        if tick % 10 == 0:
            frames.insert(0, {"channel": "l2Book", "data": book | {"levels": [bids, asks]}})
        for sign, side in ((1, "B"), (-1, "A")):
            if chance.random() < truth.per_step:
                tid += 1
                reach = HALF_BPS + chance.expovariate(truth.kappa_per_bps)
                px = f"{at * (1.0 + sign * reach * 1e-4):.0f}"
                trade = {"coin": "BTC", "side": side, "px": px, "sz": "0.05", "time": ms + 200}
                trade |= {"hash": "0x", "tid": tid, "users": ["0x", "0x"]}
                frames.append({"channel": "trades", "data": [trade]})
                mid *= 1.0 + sign * truth.knows_bps * 1e-4
        for frame in frames:
            heard_ms = ms + FEED_MS + (200 if frame["channel"] == "trades" else 0)
            lines.append(f"{heard_ms * 1_000_000} {json.dumps(frame)}")
    path.write_text("\n".join(lines) + "\n")
    return path


def sized(px: float) -> dict[str, object]:
    return {"px": f"{px:.0f}", "sz": "3", "n": 2}
