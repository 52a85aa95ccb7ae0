"""A recording made here."""

import json
from pathlib import Path

from mm.backtest import Recording, read_recording

MINUTES = 4


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
