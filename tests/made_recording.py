"""A recording made here."""

import json
import random
from pathlib import Path

from mm.backtest import Recording, read_recording

MINUTES = 4
LIVELY_MINUTES = 8


def level(px: float) -> dict[str, object]:
    return {"px": f"{px:.0f}", "sz": "3", "n": 2}


def made_recording(directory: Path) -> Recording:
    """Minutes of a price that goes to and fro by 4 bps, with takers that reach further."""
    path = directory / "BTC.frames"
    lines, tid = [], 0
    for tick in range(MINUTES * 240):
        ms = 1_757_000_000_000 + 250 * tick
        mid = 100_000 + abs(tick % 80 - 40)
        book = {"coin": "BTC", "time": ms}
        sides = [[level(mid - 5 - k) for k in range(20)], [level(mid + 5 + k) for k in range(20)]]
        frames: list[dict[str, object]] = [
            {"channel": "l2Book", "data": book | {"levels": sides}},
            {"channel": "bbo", "data": book | {"bbo": [sides[0][0], sides[1][0]]}},
        ]
        if tick % 12 == 0:
            tid += 1
            side, px = ("B", mid + 150) if tid % 2 else ("A", mid - 150)
            trade = {"coin": "BTC", "side": side, "px": f"{px}", "sz": "0.5", "time": ms}
            users = {"hash": "0x", "tid": tid, "users": ["0x", "0x"]}
            frames.append({"channel": "trades", "data": [trade | users]})
        lines += [f"{(ms + 100) * 1_000_000} {json.dumps(frame)}" for frame in frames]
    path.write_text("\n".join(lines) + "\n")
    return read_recording([path])


def lively_recording(directory: Path) -> Recording:
    """A price that wanders and jumps, sizes that lean, takers in runs who know a little."""
    chance = random.Random(3)
    path = directory / "BTC.frames"
    lines, tid, mid, taker = [], 0, 100_000.0, 1
    for tick in range(LIVELY_MINUTES * 240):
        ms = 1_757_000_000_000 + 250 * tick
        lean = chance.uniform(-0.9, 0.9)
        mid += 4.0 * chance.gauss(0.0, 1.0) + 2.0 * lean
        if tick % 160 == 159:
            mid += chance.choice((-200.0, 200.0))
        at = round(mid)
        sides = [[sized(at - 5 - k, 3 + 2 * lean) for k in range(20)]]
        sides.append([sized(at + 5 + k, 3 - 2 * lean) for k in range(20)])
        book = {"coin": "BTC", "time": ms}
        frames: list[dict[str, object]] = [
            {"channel": "l2Book", "data": book | {"levels": sides}},
            {"channel": "bbo", "data": book | {"bbo": [sides[0][0], sides[1][0]]}},
        ]
        if chance.random() < 0.4:
            tid += 1
            taker = taker if chance.random() < 0.95 else -taker
            reach = 5 + chance.expovariate(1 / 40)
            trade = {"coin": "BTC", "side": "B" if taker > 0 else "A", "sz": "0.05", "time": ms}
            trade |= {"px": f"{at + taker * reach:.0f}", "hash": "0x", "tid": tid}
            frames.append({"channel": "trades", "data": [trade | {"users": ["0x", "0x"]}]})
            mid += taker * 0.15 * reach
        lines += [f"{(ms + 100) * 1_000_000} {json.dumps(frame)}" for frame in frames]
    path.write_text("\n".join(lines) + "\n")
    return read_recording([path])


def sized(px: float, sz: float) -> dict[str, object]:
    return {"px": f"{px:.0f}", "sz": f"{sz:.3f}", "n": 2}
