"""`make economy`: requests for a USDC traded, against a plain maker on the same recorded market.

The plain maker is the same engine with the same prices, sizes and limits; it replaces every order
once a second, wherever it stands and whatever requests cost, and its address has traded enough
before to go on so. So both quote the same size at the same distance; what differs is how often.

`--lives` plays each pass so many times and takes the mean: with orders that arrive 80 to 120 % of
the configured latency after they left. One pass is one of many that milliseconds choose from.

`--day` plays each recording and its mirror image in turn for 24 market hours instead, ours alone,
and says hour by hour what was spent and earned. Both are the same to the byte every time.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from mm.backtest import Recording, read_recording, run_passes, tape_of
from mm.config import Config, load
from mm.paired import Interval, difference, each, rate_difference, summed

PLAIN = "refresh"
PLAIN_TRADED_USD = 1e9
MAKERS = ("ours", "plain")
EQUITIES_USD = (10_000.0, 1_000.0)
DAY_EQUITIES_USD = (1_000.0,)
DAY_S = 86_400.0
HOUR_MIN = 60
LATENCY_SPREAD = 0.2
"""Of the order latency, to both sides, over the lives of a pass."""
GRANT = 10_000
"""Requests that an address has before it earns any."""

Json = Any  # whatever JSON holds


@dataclass(frozen=True, slots=True)
class Row:
    """One pass of one maker on one recording, at one queue bound.

    Attributes:
        coin: The perp.
        equity_usd: Of the account.
        maker: `ours` or `plain`.
        bound: Of the queue.
        requests: Used of the address budget.
        volume_usd: Traded: each USDC earns a request.
        requests_per_usd: The one over the other; `None`: nothing was traded.
        pnl_usd: By the exchange's account value, fees paid.
        bps: The same over the volume; `None`: nothing was traded.
        near: Share of the time within so many bps of the touch, both sides averaged.
        side_usd: Notional shown on a side, on average.
        killed: What latched the kill switch; nothing was quoted after it.
    """

    coin: str
    equity_usd: float
    maker: str
    bound: str
    requests: int
    volume_usd: float
    requests_per_usd: float | None
    pnl_usd: float
    bps: float | None
    near: dict[str, float]
    side_usd: float
    killed: str | None


@dataclass(frozen=True, slots=True)
class Pass:
    """A row, and what each of its minutes brought.

    Attributes:
        row: The whole.
        pnl_usd: By minute.
        volume_usd: By minute.
        requests: By minute.
    """

    row: Row
    pnl_usd: list[float]
    volume_usd: list[float]
    requests: list[float]


@dataclass(frozen=True, slots=True)
class Pair:
    """Both makers on one recording at one bound.

    Attributes:
        ours: Ours.
        plain: The plain maker.
        fewer: Times fewer requests for a USDC; `None`: one of them traded nothing.
        pnl_usd: Ours less plain.
        bps: Ours less plain, of the volume of each; `None`: one of them traded nothing.
    """

    ours: Row
    plain: Row
    fewer: float | None
    pnl_usd: Interval
    bps: Interval | None


@dataclass(frozen=True, slots=True)
class Day:
    """What an account did in a day.

    Attributes:
        coin: The perp.
        equity_usd: Of the account.
        spent: Requests by hour.
        earned: USDC traded by hour, one request each.
        lowest_left: Of what the address was granted and earned, at the worst minute.
        pnl_usd: By the exchange's account value.
        killed: What latched the kill switch.
    """

    coin: str
    equity_usd: float
    spent: list[int]
    earned: list[float]
    lowest_left: float
    pnl_usd: float
    killed: str | None


def settings(
    recording: Recording,
    equity_usd: float,
    tolerance_bps: float | None,
    order_latency_s: float | None = None,
) -> Config:
    """The defaults, on this recording.

    Args:
        recording: The market.
        equity_usd: Of the account.
        tolerance_bps: Within which an order stays; `None`: derived each cycle.
        order_latency_s: From sending to arriving, seconds; `None`: the default.
    """
    given = {
        "process.coin": recording.instrument.coin,
        "process.market": f"replay:{recording.paths[0]}",
        "process.speed": 1.0,
        "paper.equity_usd": equity_usd,
    }
    if tolerance_bps is not None:
        given["quoting.max_bps_diff"] = tolerance_bps
    if order_latency_s is not None:
        given["backtest.order_latency_s"] = order_latency_s
    return load(None, given)


def lives_of(
    recording: Recording, equity_usd: float, tolerance_bps: float | None, lives: int
) -> list[Config]:
    """The settings of each life: one has the default latency, more are spread evenly around it.

    Args:
        recording: The market.
        equity_usd: Of the account.
        tolerance_bps: As of `settings`.
        lives: How many.
    """
    usual_s = settings(recording, equity_usd, tolerance_bps).backtest.order_latency_s
    shares = [1 + LATENCY_SPREAD * ((2 * life + 1) / lives - 1) for life in range(lives)]
    return [settings(recording, equity_usd, tolerance_bps, usual_s * share) for share in shares]


def measured(recording: Recording, lives: Sequence[Config], maker: str) -> dict[str, Pass]:
    """The mean of all lives of one maker, by queue bound.

    Args:
        recording: The market.
        lives: The engine's settings of each.
        maker: `ours` or `plain`.
    """
    passes = [measure(recording, config, maker) for config in lives]
    return {bound: mean([one[bound] for one in passes]) for bound in passes[0]}


def measure(recording: Recording, config: Config, maker: str) -> dict[str, Pass]:
    """All passes of one maker, by queue bound.

    Args:
        recording: The market.
        config: The engine's.
        maker: `ours` or `plain`.
    """
    plain = maker == "plain"
    result = run_passes(
        recording,
        tape_of(recording, config),
        config,
        planted=PLAIN if plain else None,
        traded_before_usd=PLAIN_TRADED_USD if plain else 0.0,
    )
    whole = json.loads(result.json)
    return {
        bound: _pass(whole["coin"], config.paper.equity_usd, maker, bound, whole)
        for bound in whole["courses"]
    }


def _pass(coin: str, equity_usd: float, maker: str, bound: str, whole: Json) -> Pass:
    course = whole["courses"][bound]
    end, quoted = course["minutes"][-1], course["quoted"]
    requests, volume_usd, pnl_usd = (
        int(end["requests"]),
        float(end["volume_usd"]),
        float(end["pnl_usd"]),
    )
    row = Row(
        coin=coin,
        equity_usd=equity_usd,
        maker=maker,
        bound=bound,
        requests=requests,
        volume_usd=volume_usd,
        requests_per_usd=requests / volume_usd if volume_usd else None,
        pnl_usd=pnl_usd,
        bps=pnl_usd / volume_usd * 1e4 if volume_usd else None,
        near={f"{near['within_bps']:g}": near["share"] for near in quoted["near"]},
        side_usd=float(quoted["side_usd"]),
        killed=whole["bounds"][bound]["kill"],
    )
    return Pass(
        row,
        pnl_usd=each(course["minutes"], "pnl_usd"),
        volume_usd=each(course["minutes"], "volume_usd"),
        requests=each(course["minutes"], "requests"),
    )


def pair(ours: Pass, plain: Pass) -> Pair:
    """Compares two passes of one market, minute by minute.

    Args:
        ours: Ours.
        plain: The plain maker's.
    """
    mine, theirs = ours.row.requests_per_usd, plain.row.requests_per_usd
    bps = rate_difference(
        ([1e4 * usd for usd in ours.pnl_usd], ours.volume_usd),
        ([1e4 * usd for usd in plain.pnl_usd], plain.volume_usd),
    )
    return Pair(
        ours.row,
        plain.row,
        fewer=theirs / mine if mine and theirs else None,
        pnl_usd=difference(ours.pnl_usd, plain.pnl_usd),
        bps=bps,
    )


def together(passes: Sequence[Pass]) -> Pass:
    """Several coins of the same minutes as one.

    Args:
        passes: Of one maker at one bound; what is longer is cut.
    """
    return _summed(passes, "all", 1)


def mean(passes: Sequence[Pass]) -> Pass:
    """Several lives of one maker in one market as one.

    Args:
        passes: Of one coin at one bound.
    """
    return passes[0] if len(passes) == 1 else _summed(passes, passes[0].row.coin, len(passes))


def _summed(passes: Sequence[Pass], coin: str, over: int) -> Pass:
    """The sums of all passes, divided by `over`."""
    first = passes[0].row
    pnl = summed([one.pnl_usd for one in passes], over)
    volume = summed([one.volume_usd for one in passes], over)
    requests = summed([one.requests for one in passes], over)
    row = Row(
        coin=coin,
        equity_usd=first.equity_usd,
        maker=first.maker,
        bound=first.bound,
        requests=round(sum(requests)),
        volume_usd=sum(volume),
        requests_per_usd=sum(requests) / sum(volume) if sum(volume) else None,
        pnl_usd=sum(pnl),
        bps=sum(pnl) / sum(volume) * 1e4 if sum(volume) else None,
        near={
            within: sum(one.row.near[within] for one in passes) / len(passes)
            for within in first.near
        },
        side_usd=sum(one.row.side_usd for one in passes) / over,
        killed=next((one.row.killed for one in passes if one.row.killed), None),
    )
    return Pass(row, pnl, volume, requests)


def day(recording: Recording, config: Config, duration_s: float = DAY_S) -> Day:
    """A day of ours at the pessimistic bound.

    Args:
        recording: Played in turn with its mirror image, so that the price has no jump.
        config: The engine's.
        duration_s: Of the market, seconds.
    """
    tape = tape_of(recording, config).chained(duration_s)
    whole = json.loads(run_passes(recording, tape, config, all_bounds=False).json)
    minutes = whole["courses"][whole["queue_bound"]]["minutes"]
    # The last of the minutes is the end, which belongs to the hour before it.
    ends = [*range(HOUR_MIN, len(minutes) - 1, HOUR_MIN), len(minutes)]
    hours = [slice(begin, end) for begin, end in pairwise([0, *ends])]
    spent, earned = each(minutes, "requests"), each(minutes, "volume_usd")
    left = (GRANT + float(end["volume_usd"]) - end["requests"] for end in minutes)
    return Day(
        coin=whole["coin"],
        equity_usd=config.paper.equity_usd,
        spent=[round(sum(spent[hour])) for hour in hours],
        earned=[sum(earned[hour]) for hour in hours],
        lowest_left=min(left),
        pnl_usd=float(minutes[-1]["pnl_usd"]),
        killed=whole["kill"],
    )


def _compared(given: argparse.Namespace) -> list[Pair]:
    """Every recording at every equity, and all recordings together."""
    recordings = [read_recording([path]) for path in given.frames]
    pairs: list[Pair] = []
    for equity_usd in given.equity or EQUITIES_USD:
        lives = [
            lives_of(recording, equity_usd, given.tolerance_bps, given.lives)
            for recording in recordings
        ]
        found = [
            [measured(recording, configs, maker) for maker in MAKERS]
            for recording, configs in zip(recordings, lives, strict=True)
        ]
        for bound in found[0][0]:
            both = [[passes[bound] for passes in makers] for makers in found]
            pairs += [pair(ours, plain) for ours, plain in both]
            if len(both) > 1:
                ours, plain = (together(makers) for makers in zip(*both, strict=True))
                pairs.append(pair(ours, plain))
    return pairs


def _print_pairs(pairs: Sequence[Pair]) -> None:
    print(
        f"{'coin':<6}{'equity':>7} {'bound':<12}{'per USDC':>9}{'plain':>9}{'fewer':>7}"
        f"{'volume':>9}{'plain':>9}{'side $':>8}{'plain':>7}{'<=2bps':>8}{'plain':>6}"
        f"{'<=5bps':>8}{'plain':>6}{'<=10bps':>9}{'plain':>6}{'pnl':>9}{'plain':>9}"
        f"   difference [95 %], detectable  bps of volume, difference [95 %], detectable"
    )
    for one in pairs:
        ours, plain = one.ours, one.plain
        print(
            f"{ours.coin:<6}{ours.equity_usd:>7,.0f} {ours.bound:<12}"
            f"{_or_dash(ours.requests_per_usd, '9.4f')}{_or_dash(plain.requests_per_usd, '9.4f')}"
            f"{_or_dash(one.fewer, '6.1f')}x{ours.volume_usd:>9,.0f}{plain.volume_usd:>9,.0f}"
            f"{ours.side_usd:>8,.0f}{plain.side_usd:>7,.0f}"
            + "".join(
                f"{ours.near[near]:>{width}.0%}{plain.near[near]:>6.0%}"
                for near, width in (("2", 8), ("5", 8), ("10", 9))
            )
            + f"{ours.pnl_usd:>9.2f}{plain.pnl_usd:>9.2f}   {_told(one.pnl_usd)}"
            f"   {_told(one.bps)}" + (f"  killed: {ours.killed}" if ours.killed else "")
        )


def _or_dash(value: float | None, form: str) -> str:
    width = int(form.partition(".")[0])
    return f"{'-':>{width}}" if value is None else f"{value:{form}}"


def _told(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    span = f"[{interval.low:+.2f}, {interval.high:+.2f}]"
    return f"{interval.value:+.2f} {span}, {interval.detectable:.2f}"


def _print_days(days: Sequence[Day]) -> None:
    for one in days:
        print(f"{one.coin}, {one.equity_usd:,.0f} USDC: {len(one.spent)} hours")
        for hour, (spent, earned) in enumerate(zip(one.spent, one.earned, strict=True)):
            print(f"  hour {hour:>2}  spent {spent:>7,}  earned {earned:>9,.0f}")
        print(
            f"  in all   spent {sum(one.spent):>7,}  earned {sum(one.earned):>9,.0f}"
            f"  least left {one.lowest_left:,.0f} of {GRANT:,} and what was earned"
            f"  pnl {one.pnl_usd:.2f}" + (f"  killed: {one.killed}" if one.killed else "")
        )


def _lives(text: str) -> int:
    lives = int(text)
    if lives < 1:
        raise argparse.ArgumentTypeError(f"{lives} lives: at least 1")
    return lives


def main() -> int:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(prog="make economy", description=__doc__)
    parser.add_argument("frames", nargs="+", type=Path, help="recordings, one coin each")
    parser.add_argument("--equity", type=float, nargs="+", help="USDC")
    parser.add_argument("--lives", type=_lives, default=1, help="passes of which to take the mean")
    parser.add_argument("--day", action="store_true", help="24 market hours of ours alone")
    parser.add_argument("--tolerance-bps", type=float, help="within which an order stays")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    given = parser.parse_args()
    if given.day:
        days = [
            day(recording, settings(recording, equity_usd, given.tolerance_bps))
            for recording in (read_recording([path]) for path in given.frames)
            for equity_usd in given.equity or DAY_EQUITIES_USD
        ]
        if given.json:
            print(json.dumps([asdict(one) for one in days]))
        else:
            _print_days(days)
        return 0
    pairs = _compared(given)
    if given.json:
        print(json.dumps([asdict(one) for one in pairs]))
    else:
        _print_pairs(pairs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
