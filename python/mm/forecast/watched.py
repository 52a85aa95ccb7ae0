"""A recording through the engine: what it estimated at each second, and what it heard after it.

One pass for each thing that only a configured model shows; what is measured is the same in all of
them, so that their looks stand beside each other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mm.backtest import Followed, Recording, run_passes, tape_of
from mm.clock import SECOND_NS
from mm.config import Config
from mm.errors import EventError

Json = dict[str, Any]
Event = tuple[int, str, Any]
"""Receive time, name and body, as in the event log."""

LOOK_S = 1.0
BOOK_EVERY_S = 5.0
"""The venue's cadence of whole books in 2026."""
GAP_S = 15.0
"""Nothing is joined across a longer silence; as `estimators::GAP` of the core."""
SIDES = ("Bid", "Ask")
BPS = 1e4
MINUTE_NS = 60 * SECOND_NS

PLAIN: Mapping[str, object] = {
    "models.fair_price": "mid",
    "models.intensity": "assumed",
    "models.adverse_selection": "assumed",
    "models.no_edge": "quote",
    "models.gamma_at": "present",
    "models.ofi": False,
    "models.lead": False,
    "models.queue": True,
}
"""What prices go by in the pass whose orders are judged; places in queues are seen, though."""
PASSES: Mapping[str, Mapping[str, object]] = {
    "tape": {
        "models.intensity": "tape",
        "models.adverse_selection": "tape",
        "models.fair_price": "weighted",
    },
    "micro": {"models.fair_price": "micro"},
    "ofi": {"models.ofi": True},
}
"""What differs from the plain pass."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the engine knew at a time.

    Attributes:
        at_ns: Receive time; of this time or later it knows nothing.
        snapshot: As it showed it.
    """

    at_ns: int
    snapshot: Json

    @property
    def age_s(self) -> float | None:
        """Of its newest market data, at the look."""
        age = self.snapshot["market_age_s"]
        since_s: float = (self.at_ns - self.snapshot["now"]) / SECOND_NS
        return None if age is None else float(age) + since_s

    @property
    def is_fresh(self) -> bool:
        """Whether it has a mid, and no silence of the market lies before it."""
        return self.snapshot["mid"] is not None and (self.age_s or 0.0) <= GAP_S


@dataclass(frozen=True, slots=True)
class Sweep:
    """One taker: all trades of one exchange time and side.

    Attributes:
        recv_ns: When its first trade was heard.
        exch_ns: Exchange time.
        maker: 0 where it met bids, 1 where it met asks.
        mid: The newest from before it, lattice units.
        reach_bps: How far from there it came.
        moved_bps: How far the mid had gone on its way 5 s later; None: not heard.
    """

    recv_ns: int
    exch_ns: int
    maker: int
    mid: float
    reach_bps: float
    moved_bps: float | None


@dataclass(frozen=True, slots=True)
class OwnFill:
    """A taker that met an order of ours.

    Attributes:
        recv_ns: When it was heard.
        maker: 0 for a bid, 1 for an ask.
        px: Of the order, lattice units.
    """

    recv_ns: int
    maker: int
    px: int


@dataclass(frozen=True, slots=True)
class Watched:
    """A recording, passed through the engine.

    Attributes:
        coin: The perp.
        path: Of the recording.
        config: The plain pass's.
        px_scale: Lattice units of one USDC.
        looks: Of the plain pass, a second apart.
        beside: Those of the other passes, at the same times.
        sweeps: By the time that they were heard.
        fills: Of the plain pass.
    """

    coin: str
    path: str
    config: Config
    px_scale: float
    looks: list[Look]
    beside: dict[str, list[Look]]
    sweeps: list[Sweep]
    fills: list[OwnFill]

    def times(self) -> NDArray[np.int64]:
        """Of the looks, nanoseconds."""
        return np.array([look.at_ns for look in self.looks], dtype=np.int64)


def watch(recording: Recording, config: Config, followed: Followed | None = None) -> Watched:
    """Pass a recording through the engine.

    Args:
        recording: Of one coin.
        config: Where the plain pass begins.
        followed: Frames of a coin whose price may lead.

    Raises:
        ConfigError: As `mm backtest`.
        EventError: A line cannot be used, or the recording holds no market.
    """
    plain = _with(config, PLAIN)
    lines: list[bytes] = []
    looks = _looks(recording, plain, None, lines)
    passes = {name: _with(plain, given) for name, given in PASSES.items()}
    beside = {name: _looks(recording, one, None, None) for name, one in passes.items()}
    if followed is not None and followed.coin != recording.instrument.coin:
        leading = {"models.reference": f"coin:{followed.coin}", "models.lead": True}
        beside["lead"] = _looks(recording, _with(plain, leading), followed, None)
    events = _events(b"".join(lines))
    if len(looks) < 2:  # noqa: PLR2004 - one is no span
        raise EventError(f"{recording.paths[0]}: too short: expected minutes of books and trades")
    return Watched(
        coin=recording.instrument.coin,
        path=str(recording.paths[0]),
        config=plain,
        px_scale=10.0**recording.instrument.px_decimals,
        looks=looks,
        beside=beside,
        sweeps=sweeps_of(events),
        fills=_fills_of(events),
    )


def _with(config: Config, given: Mapping[str, object]) -> Config:
    whole = config.model_dump()
    for key, value in given.items():
        room, name = key.split(".")
        whole[room][name] = value
    return Config.model_validate(whole)


def _looks(
    recording: Recording, config: Config, followed: Followed | None, lines: list[bytes] | None
) -> list[Look]:
    looks: list[Look] = []
    tape = tape_of(recording, config, followed)
    run_passes(
        recording,
        tape,
        config,
        log=None if lines is None else lines.append,
        all_bounds=False,
        look=lambda at_ns, snapshot: looks.append(Look(at_ns, snapshot)),
        look_s=LOOK_S,
    )
    return looks


def _events(log: bytes) -> list[Event]:
    """Receive time, name and body of those that are read here."""
    found = []
    for line in log.splitlines():
        if not line.startswith(b'{"e":'):
            continue
        event = json.loads(line)["e"]
        if isinstance(event["body"], dict):
            ((name, body),) = event["body"].items()
            if name in {"Bbo", "Book", "Trades", "Fills"}:
                found.append((event["recv"], name, body))
    return found


def _touch_mid(name: str, body: Json) -> float | None:
    if name == "Bbo":
        bid, ask = body["bid"], body["ask"]
    else:
        bid, ask = (body[side][0] if body[side] else None for side in ("bids", "asks"))
    return None if bid is None or ask is None else (bid["px"] + ask["px"]) / 2


def _mids(events: Sequence[Event]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Exchange times, rising, and the last mid of each."""
    times: list[int] = []
    mids: list[float] = []
    for _, name, body in events:
        mid = _touch_mid(name, body) if name in {"Bbo", "Book"} else None
        if mid is None or (times and body["exch"] < times[-1]):
            continue
        if times and body["exch"] == times[-1]:
            mids[-1] = mid
        else:
            times.append(body["exch"])
            mids.append(mid)
    return np.array(times, dtype=np.int64), np.array(mids)


def sweeps_of(events: Sequence[Event], after_s: float = 5.0) -> list[Sweep]:
    """Takers of a log: a slow twin of the core's `estimators::sweep`.

    Args:
        events: As heard: receive time, name, body.
        after_s: When the mid is looked at again.
    """
    times, mids = _mids(events)
    first: dict[tuple[int, str], tuple[int, list[int]]] = {}
    seen: set[int] = set()
    for recv, name, body in events:
        for trade in body if name == "Trades" else ():
            if trade["tid"] in seen:
                continue
            seen.add(trade["tid"])
            key = (trade["exch"], trade["side"])
            first.setdefault(key, (recv, []))[1].append(trade["px"])
    found = []
    gap_ns, after_ns = round(GAP_S * SECOND_NS), round(after_s * SECOND_NS)
    for (exch, side), (recv, prices) in first.items():
        before = int(np.searchsorted(times, exch, "left")) - 1
        if before < 0 or exch - times[before] > gap_ns:
            continue
        sign = 1.0 if side == "Bid" else -1.0
        mid = float(mids[before])
        later = int(np.searchsorted(times, exch + after_ns, "right")) - 1
        told = times[-1] > exch + after_ns and exch + after_ns - times[later] <= gap_ns
        reach_bps = max((px / mid - 1.0) * sign * BPS for px in prices)
        moved = sign * float(np.log(mids[later] / mid)) * BPS if told else None
        maker = 1 if side == "Bid" else 0
        found.append(Sweep(recv, exch, maker, mid, max(reach_bps, 0.0), moved))
    return sorted(found, key=lambda sweep: (sweep.recv_ns, sweep.exch_ns))


def _fills_of(events: Sequence[Event]) -> list[OwnFill]:
    """Takers that met us; pieces of one are one."""
    found: dict[tuple[int, int], OwnFill] = {}
    for recv, name, body in events:
        if name != "Fills" or body["snapshot"]:
            continue
        for fill in body["fills"]:
            if not fill["taker"]:
                one = OwnFill(recv, SIDES.index(fill["side"]), fill["px"])
                found.setdefault((fill["exch"], fill["oid"]), one)
    return list(found.values())
