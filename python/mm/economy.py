"""`make economy`: requests for a USDC traded, against a plain maker on the same recorded market.

The plain maker is the same engine with the same prices, sizes and limits; it replaces every order
once a second, wherever it stands and whatever requests cost. So both quote the same size at the
same distance, and what differs is how often.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from mm.backtest import Recording, read_recording, run_backtest
from mm.config import load

PLAIN = "refresh"
EQUITIES_USD = (10_000.0, 1_000.0)
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Row:
    """One maker on one recording.

    Attributes:
        coin: The perp.
        equity_usd: Of the account.
        maker: `ours` or `plain`.
        requests: Used of the address budget.
        volume_usd: Traded: each USDC earns a request.
        requests_per_usd: The one over the other; `None`: nothing was traded.
        fills: Of both sides.
        pnl_usd: By the exchange's account value, fees paid.
        near: Share of the time within so many bps of the touch, both sides averaged.
        side_usd: Notional shown on a side, on average.
        spent_per_day: Requests a day, at this pace.
        earned_per_day: Earned a day, at this pace.
    """

    coin: str
    equity_usd: float
    maker: str
    requests: int
    volume_usd: float
    requests_per_usd: float | None
    fills: int
    pnl_usd: float
    near: dict[str, float]
    side_usd: float
    spent_per_day: float
    earned_per_day: float


def measure(recording: Recording, equity_usd: float, maker: str) -> Row:
    """One pass of one maker, at the pessimistic queue bound.

    Args:
        recording: The market.
        equity_usd: Of the account.
        maker: `ours` or `plain`.
    """
    coin = recording.instrument.coin
    config = load(
        None,
        {
            "process.coin": coin,
            "process.market": f"replay:{recording.paths[0]}",
            "process.speed": 1.0,
            "paper.equity_usd": equity_usd,
        },
    )
    done = run_backtest(recording, config, planted=PLAIN if maker == "plain" else None)
    found = done.summary
    requests, volume_usd = int(found["requests"]), float(found["volume_usd"])
    days = float(found["duration_s"]) / DAY_S
    return Row(
        coin=coin,
        equity_usd=equity_usd,
        maker=maker,
        requests=requests,
        volume_usd=volume_usd,
        requests_per_usd=requests / volume_usd if volume_usd else None,
        fills=found["fills_buy"] + found["fills_sell"],
        pnl_usd=float(found["pnl_usd"]["total"]),
        near={f"{row['within_bps']:g}": row["share"] for row in done.quoted["near"]},
        side_usd=float(done.quoted["side_usd"]),
        spent_per_day=requests / days,
        earned_per_day=volume_usd / days,
    )


def main() -> int:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(prog="make economy", description=__doc__)
    parser.add_argument("frames", nargs="+", type=Path, help="recordings, one coin each")
    parser.add_argument("--equity", type=float, nargs="+", default=EQUITIES_USD, help="USDC")
    parser.add_argument("--json", action="store_true", help="one object on stdout")
    given = parser.parse_args()
    rows: list[Row] = []
    for path in given.frames:
        recording = read_recording([path])
        for equity_usd in given.equity:
            rows += [measure(recording, equity_usd, maker) for maker in ("ours", "plain")]
    if given.json:
        print(json.dumps([asdict(row) for row in rows]))
        return 0
    print(
        f"{'coin':<6}{'equity':>8}  {'maker':<6}{'requests':>9}{'USDC':>10}{'per USDC':>10}"
        f"{'fills':>7}{'pnl':>9}{'<=2bps':>8}{'<=5bps':>8}{'side $':>8}{'spent/d':>10}"
        f"{'earned/d':>10}"
    )
    for row in rows:
        ratio = "-" if row.requests_per_usd is None else f"{row.requests_per_usd:.4f}"
        print(
            f"{row.coin:<6}{row.equity_usd:>8,.0f}  {row.maker:<6}{row.requests:>9,}"
            f"{row.volume_usd:>10,.0f}{ratio:>10}{row.fills:>7}{row.pnl_usd:>9.2f}"
            f"{row.near['2']:>8.1%}{row.near['5']:>8.1%}{row.side_usd:>8,.0f}"
            f"{row.spent_per_day:>10,.0f}{row.earned_per_day:>10,.0f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
