"""`make ablation`: what each model is worth on recorded markets, and what there is to earn at all.

Every maker is the same engine with the same limits, fees and latencies; one thing differs. All pass
over the same market at three queue bounds, and are compared minute by minute: differences have an
interval, and say how large a true one would have to be to be told from none. A maker that does not
trade wins nothing here: what is compared is USDC earned of the volume traded.

`symmetric` quotes at one distance from the mid and `touch` joins the best price; the distance of
the one and the size of the other are chosen so that they trade as much as ours does.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mm.backtest import (
    Followed,
    Recording,
    read_followed,
    read_recording,
    run_passes,
    tape_of,
)
from mm.config import Config, load
from mm.paired import BLOCK, Interval, each, rate_difference, summed
from mm.student import quantile

TOUCH = "touch"
OURS = "ours"
BOOK_EVERY_S = 5.0
"""The venue's default cadence of whole books."""
TOUCH_TRADED_USD = 1e9
"""Before: the touch is followed at every tick, whatever requests cost."""
MATCHED_WITHIN = 0.05
MATCHES = 8
AFTER_S = (1.0, 5.0, 30.0)
"""Horizons at which adverse selection is read."""
UPPER = 0.975
"""Of a value, the upper end of its 95 % interval."""

MODELS: Mapping[str, Mapping[str, object]] = {
    OURS: {},
    "mid": {"models.fair_price": "mid"},
    "weighted": {"models.fair_price": "weighted"},
    "ofi": {"models.ofi": True},
    "intensity assumed": {"models.intensity": "assumed"},
    "intensity own": {"models.intensity": "own"},
    "adverse assumed": {"models.adverse_selection": "assumed"},
    "adverse own": {"models.adverse_selection": "own"},
    "none measured": {
        "models.fair_price": "mid",
        "models.intensity": "assumed",
        "models.adverse_selection": "assumed",
    },
    "loss quoted": {"models.no_edge": "quote"},
    "queue": {"models.queue": True},
    "regime": {"models.regime": True},
    "gamma present": {"models.gamma_at": "present"},
    "toxic jump": {"control.toxic_jump_sigmas": 4.0},
    "funding": {"models.funding": True},
    "toxic flow": {"control.toxic_jump_sigmas": 4.0, "control.toxic_flow_sigmas": 4.0},
}
"""What differs from the defaults."""

HEARS: Mapping[str, str] = {"funding": "activeAssetCtx"}
"""Channels that a model lives on; where a recording has none, there is nothing to measure."""

FOLLOWING: Mapping[str, Mapping[str, object]] = {
    "lead": {"models.lead": True},
    "lead and ofi": {"models.lead": True, "models.ofi": True},
}
"""The same for a coin with another one's recording beside it."""

Json = Any  # whatever JSON holds


@dataclass(frozen=True, slots=True)
class By:
    """A plain maker, and the number by which its volume is made equal to ours.

    Attributes:
        maker: Its name.
        given: What differs from the defaults.
        key: Of the configuration.
        least: The smallest value of it.
        most: The largest.
        rises: Whether it trades more with a larger one.
    """

    maker: str
    given: Mapping[str, object]
    key: str
    least: float
    most: float
    rises: bool


PLAIN = (
    By(
        "symmetric",
        {"quoting.strategy": "symmetric"},
        key="quoting.half_spread_bps",
        least=0.5,
        most=20.0,
        rises=False,
    ),
    By(TOUCH, {}, key="quoting.target_liquidity_frac", least=0.0005, most=1.0, rises=True),
)


@dataclass(frozen=True, slots=True)
class Adverse:
    """How far the mid went against us after fills, by notional, bps.

    Attributes:
        horizon_s: After a fill.
        bps: The mean; `None` without a fill.
        low: Lower end of its 95 % interval, by Student's t of the moves that do not overlap; `None`
            below two of them.
        high: Upper end of it.
    """

    horizon_s: float
    bps: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One maker on one recording, at one queue bound. Money in USDC.

    Attributes:
        coin: The perp; `all`: every recording of the same minutes together.
        maker: Which.
        bound: Of the queue.
        minutes: That it is compared by.
        pnl_usd: By the exchange's account value.
        spread_usd: Fills against the mid before them.
        inventory_usd: Positions carried through moves of the mid, adverse selection included.
        fees_usd: Paid.
        volume_usd: Traded.
        fills: How many.
        fill_ratio: Of the orders that rested at a price: fills over placements and amends.
        requests: Of the address budget.
        half_spread_bps: Earned against the mid before a fill, by notional.
        adverse: Moves against us after it; of `all` none.
        bps: Profit of the volume.
        killed: What latched the kill switch; nothing was quoted after it.
        not_measured: Why the model had nothing to go by: it did what ours did.
    """

    coin: str
    maker: str
    bound: str
    minutes: int
    pnl_usd: float
    spread_usd: float
    inventory_usd: float
    fees_usd: float
    volume_usd: float
    fills: int
    fill_ratio: float | None
    requests: int
    half_spread_bps: float | None
    adverse: tuple[Adverse, ...]
    bps: float | None
    killed: str | None
    not_measured: str | None = None


@dataclass(frozen=True, slots=True)
class Pass:
    """A row, and its minutes.

    Attributes:
        row: The whole.
        pnl_usd: By minute.
        volume_usd: By minute.
    """

    row: Row
    pnl_usd: list[float]
    volume_usd: list[float]


@dataclass(frozen=True, slots=True)
class Compared:
    """A maker beside ours.

    Attributes:
        row: The maker's.
        bps: Its profit of the volume less ours; `None`: it is ours, it was not measured, or one of
            both traded nothing.
    """

    row: Row
    bps: Interval | None


def settings(recording: Recording, equity_usd: float, given: Mapping[str, object]) -> Config:
    """The defaults at the venue's cadence, with what differs.

    Args:
        recording: The market.
        equity_usd: Of the account.
        given: Keys of the configuration.
    """
    return load(
        None,
        {
            "process.coin": recording.instrument.coin,
            "process.market": f"replay:{recording.paths[0]}",
            "process.speed": 1.0,
            "paper.equity_usd": equity_usd,
            "backtest.book_every_s": BOOK_EVERY_S,
            **given,
        },
    )


def measure(
    recording: Recording,
    maker: str,
    config: Config,
    *,
    bound: str | None = None,
    followed: Followed | None = None,
) -> dict[str, Pass]:
    """The passes of one maker, by queue bound.

    Args:
        recording: The market.
        maker: Its name; `touch` follows the best price.
        config: The engine's.
        bound: Only this one, which the configuration reports; `None`: all three.
        followed: The recording of the coin that is its reference.
    """
    touch = maker == TOUCH
    result = run_passes(
        recording,
        tape_of(recording, config, followed),
        config,
        planted=TOUCH if touch else None,
        all_bounds=bound is None,
        traded_before_usd=TOUCH_TRADED_USD if touch else 0.0,
    )
    whole = json.loads(result.json)
    return {bound: _pass(whole, maker, bound) for bound in whole["courses"]}


def _pass(whole: Json, maker: str, bound: str) -> Pass:
    of, minutes = whole["bounds"][bound], whole["courses"][bound]["minutes"]
    pnl, costs = of["pnl_usd"], {cost["horizon_s"]: cost for cost in of["markouts"]}
    volume_usd, total = float(of["volume_usd"]), float(pnl["total"])
    fills = of["fills_buy"] + of["fills_sell"]
    rested = of["orders"]["placed"] + of["orders"]["modified"]
    row = Row(
        coin=whole["coin"],
        maker=maker,
        bound=bound,
        minutes=len(minutes),
        pnl_usd=total,
        spread_usd=float(pnl["spread_capture"]),
        inventory_usd=float(pnl["inventory"]),
        fees_usd=float(pnl["fees"]),
        volume_usd=volume_usd,
        fills=fills,
        fill_ratio=fills / rested if rested else None,
        requests=int(minutes[-1]["requests"]),
        half_spread_bps=costs[AFTER_S[1]]["half_spread_bps"],
        adverse=tuple(_adverse(costs[horizon_s]) for horizon_s in AFTER_S),
        bps=total / volume_usd * 1e4 if volume_usd else None,
        killed=of["kill"],
    )
    return Pass(row, each(minutes, "pnl_usd"), each(minutes, "volume_usd"))


def _adverse(cost: Json) -> Adverse:
    mean, se = cost["notional_mean_bps"], cost["notional_se_bps"]
    if se is None:
        return Adverse(cost["horizon_s"], mean, None, None)
    half = quantile(UPPER, cost["apart"] - 1) * se
    return Adverse(cost["horizon_s"], mean, mean - half, mean + half)


def matched(recording: Recording, equity_usd: float, volume_usd: float, bound: str, by: By) -> Pass:
    """A plain maker of which one number is chosen so that it trades as much as ours.

    Args:
        recording: The market.
        equity_usd: Of the account.
        volume_usd: Of ours, at the same bound.
        bound: Of the queue.
        by: The maker and the number.

    Returns:
        The closest of a few tries, by halving the logarithm of the range.
    """
    low, high = by.least, by.most
    tried: list[Pass] = []
    while len(tried) < MATCHES:
        value = math.sqrt(low * high)
        given = {**by.given, by.key: value, "backtest.queue_bound": bound}
        config = settings(recording, equity_usd, given)
        tried.append(measure(recording, by.maker, config, bound=bound)[bound])
        traded = tried[-1].row.volume_usd
        if abs(traded / volume_usd - 1) < MATCHED_WITHIN:
            break
        if (traded < volume_usd) == by.rises:
            low = value
        else:
            high = value
    return min(tried, key=lambda one: abs(one.row.volume_usd - volume_usd))


def compare(one: Pass, ours: Pass) -> Compared:
    """A maker beside ours, minute by minute.

    Args:
        one: The maker's pass.
        ours: Ours on the same market.
    """
    if one.row.maker == OURS or one.row.not_measured is not None:
        return Compared(one.row, None)
    scaled = [([1e4 * usd for usd in series.pnl_usd], series.volume_usd) for series in (one, ours)]
    return Compared(one.row, rate_difference(scaled[0], scaled[1]))


def together(passes: Sequence[Pass]) -> Pass:
    """One maker on several coins of the same minutes; markouts are of one coin and stay out.

    Args:
        passes: At one bound; what is longer is cut.
    """
    rows = [one.row for one in passes]
    pnl = summed([one.pnl_usd for one in passes])
    volume = summed([one.volume_usd for one in passes])
    total, traded = sum(pnl), sum(volume)
    row = Row(
        coin="all",
        maker=rows[0].maker,
        bound=rows[0].bound,
        minutes=len(pnl),
        pnl_usd=total,
        spread_usd=sum(row.spread_usd for row in rows),
        inventory_usd=sum(row.inventory_usd for row in rows),
        fees_usd=sum(row.fees_usd for row in rows),
        volume_usd=traded,
        fills=sum(row.fills for row in rows),
        fill_ratio=None,
        requests=sum(row.requests for row in rows),
        half_spread_bps=None,
        adverse=(),
        bps=total / traded * 1e4 if traded else None,
        killed=next((row.killed for row in rows if row.killed), None),
        not_measured=next((row.not_measured for row in rows if row.not_measured), None),
    )
    return Pass(row, pnl, volume)


def ablate(
    recordings: Sequence[Recording], equity_usd: float, followed: Followed | None = None
) -> list[Compared]:
    """Every maker on every recording and on all together, at every bound.

    Args:
        recordings: One coin each, of the same time.
        equity_usd: Of the account.
        followed: One of a coin that the others may follow.
    """
    found: list[dict[str, dict[str, Pass]]] = []
    for recording in recordings:
        makers: dict[str, dict[str, Pass]] = {}
        for maker, given in MODELS.items():
            lacks = _lacks(recording, maker)
            makers[maker] = (
                measure(recording, maker, settings(recording, equity_usd, given))
                if lacks is None
                else {
                    bound: replace(ours, row=replace(ours.row, maker=maker, not_measured=lacks))
                    for bound, ours in makers[OURS].items()
                }
            )
        if followed is not None and followed.coin != recording.instrument.coin:
            beside: dict[str, object] = {"models.reference": f"coin:{followed.coin}"}
            for maker, given in FOLLOWING.items():
                config = settings(recording, equity_usd, {**beside, **given})
                makers[maker] = measure(recording, maker, config, followed=followed)
        for by in PLAIN:
            makers[by.maker] = {
                bound: matched(recording, equity_usd, ours.row.volume_usd, bound, by)
                for bound, ours in makers[OURS].items()
                if ours.row.volume_usd
            }
        found.append(makers)
    if len(recordings) > 1:
        found.append(
            {
                maker: {
                    bound: together([makers[maker][bound] for makers in found])
                    for bound in found[0][maker]
                    if all(bound in makers[maker] for makers in found)
                }
                for maker in found[0]
                if all(maker in makers for makers in found)
            }
        )
    return [
        compare(one, makers[OURS][bound])
        for makers in found
        for bound in makers[OURS]
        for one in (passes[bound] for passes in makers.values() if bound in passes)
    ]


def _lacks(recording: Recording, maker: str) -> str | None:
    """Why a model cannot be measured there."""
    channel = HEARS.get(maker)
    if channel is None or f'"channel":"{channel}"'.encode() in recording.frames.replace(b" ", b""):
        return None
    return f"no {channel} in the recording"


def _print(rows: Sequence[Compared]) -> None:
    print(
        f"{'coin':<6}{'bound':<12}{'maker':<16}{'pnl':>9}{'spread':>9}{'invent.':>9}{'fees':>8}"
        f"{'volume':>10}{'fills':>7}{'ratio':>7}{'reqs':>7}{'half':>7}{'bps':>8}"
        "   bps less ours [95 %], detectable"
    )
    for one in rows:
        row = one.row
        if row.not_measured is not None:
            print(f"{row.coin:<6}{row.bound:<12}{row.maker:<16}   not measured: {row.not_measured}")
            continue
        print(
            f"{row.coin:<6}{row.bound:<12}{row.maker:<16}{row.pnl_usd:>9.2f}{row.spread_usd:>9.2f}"
            f"{row.inventory_usd:>9.2f}{row.fees_usd:>8.2f}{row.volume_usd:>10,.0f}{row.fills:>7}"
            f"{_or_dash(row.fill_ratio, 7, 3)}{row.requests:>7}"
            f"{_or_dash(row.half_spread_bps, 7, 2)}{_or_dash(row.bps, 8, 2)}   "
            + _told(one.bps)
            + (f"  killed: {row.killed}" if row.killed else "")
        )
    print("\nmove of the mid against us after fills, bps [95 %]")
    print(
        f"{'coin':<6}{'bound':<12}{'maker':<16}"
        + "".join(f"{f'{after_s:g} s':>26}" for after_s in AFTER_S)
    )
    for row in (one.row for one in rows if one.row.adverse and one.row.not_measured is None):
        print(
            f"{row.coin:<6}{row.bound:<12}{row.maker:<16}"
            + "".join(f"{_moved(adverse):>26}" for adverse in row.adverse)
        )


def _print_blocks(minutes: int) -> None:
    print(
        f"\nDifferences are drawn from {minutes} minutes in blocks of {BLOCK}:"
        f" {math.ceil(minutes / BLOCK)} of them. The fewer, the more of the intervals are too"
        " narrow: docs/models.md."
    )


def _moved(adverse: Adverse) -> str:
    if adverse.bps is None or adverse.low is None:
        return _or_dash(adverse.bps, 0, 2)
    return f"{adverse.bps:.2f} [{adverse.low:+.2f}, {adverse.high:+.2f}]"


def _or_dash(value: float | None, width: int, digits: int) -> str:
    return f"{'-':>{width}}" if value is None else f"{value:>{width}.{digits}f}"


def _told(bps: Interval | None) -> str:
    if bps is None:
        return ""
    return f"{bps.value:+.2f} [{bps.low:+.2f}, {bps.high:+.2f}], {bps.detectable:.2f}"


def main() -> int:
    """Print tables, or JSON."""
    parser = argparse.ArgumentParser(prog="make ablation", description=__doc__)
    parser.add_argument("frames", nargs="+", type=Path, help="recordings, one coin each")
    parser.add_argument("--equity", type=float, default=10_000.0, help="USDC")
    parser.add_argument("--reference", type=Path, help="a recording of a coin to follow")
    parser.add_argument("--json", action="store_true", help="an array on stdout, no tables")
    parser.add_argument("--out", type=Path, help="a file for the same array beside the tables")
    given = parser.parse_args()
    recordings = [read_recording([path]) for path in given.frames]
    coins = [one.instrument.coin for one in recordings]
    followed = None if given.reference is None else read_followed([given.reference], coins)
    rows = ablate(recordings, given.equity, followed)
    told = json.dumps([asdict(one) for one in rows])
    if given.out:
        given.out.write_text(told + "\n", encoding="utf-8")
    if given.json:
        print(told)
    else:
        _print(rows)
        _print_blocks(min(one.row.minutes for one in rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
