"""Fair price: each one's squared error against the mid in 1 s and in 5 s, beside the mid's own."""

from __future__ import annotations

import numpy as np

from mm.clock import SECOND_NS
from mm.forecast.contest import Contest
from mm.forecast.judged import Series
from mm.forecast.watched import BPS, LOOK_S, MINUTE_NS, Look, Watched

UNIT = "bps squared"
HORIZONS_S = (1, 5)
BENCHMARK = "mid"
PASS_OF = {"weighted": "tape", "micro": "micro", "ofi": "ofi", "lead": "lead"}
"""In which pass quotes are centred on it."""


def contests(watched: Watched) -> list[Contest]:
    """Each fair price against the mid."""
    found = []
    for horizon_s in HORIZONS_S:
        for name, of in PASS_OF.items():
            if of in watched.beside:
                one = _one(watched, name, watched.beside[of], horizon_s)
                if one is not None:
                    found.append(one)
    return found


def _one(watched: Watched, name: str, beside: list[Look], horizon_s: int) -> Contest | None:
    steps = round(horizon_s / LOOK_S)
    minutes, gains, ours, theirs = [], [], [], []
    for now, fair, then in zip(watched.looks, beside, watched.looks[steps:], strict=False):
        apart_s = (then.at_ns - now.at_ns) / SECOND_NS
        if not (now.is_fresh and then.is_fresh) or apart_s > horizon_s + LOOK_S / 2:
            continue
        mid, price = now.snapshot["mid"], fair.snapshot["models"]["fair"]
        if price is None:
            continue
        came = np.log(then.snapshot["mid"] / mid) * BPS
        expected = np.log(price / mid) * BPS
        minutes.append(now.at_ns // MINUTE_NS)
        ours.append((came - expected) ** 2)
        theirs.append(came**2)
        gains.append(theirs[-1] - ours[-1])
    if not gains:
        return None
    return Contest(
        f"mid in {horizon_s} s",
        name,
        BENCHMARK,
        UNIT,
        Series.of(np.array(minutes, dtype=np.int64), np.array(gains)),
        (float(np.mean(ours)), float(np.mean(theirs))),
        reference=float(np.mean(theirs)),
    )
