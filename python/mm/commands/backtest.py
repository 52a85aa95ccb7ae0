"""`mm backtest`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mm.commands.options import File

if TYPE_CHECKING:
    from mm.backtest import Backtested, Progress

Frames = Annotated[
    list[Path], typer.Argument(help="Recordings of one coin in order of time, .zst or plain.")
]
Coin = Annotated[
    str | None, typer.Option(help="The perp; absent: the one its first frame speaks of.")
]
Bound = Annotated[
    Literal["pessimistic", "prorata", "optimistic"] | None,
    typer.Option(help="The queue bound reported at the top; all three always run."),
]
Decimals = Annotated[
    int | None, typer.Option(min=0, max=6, help="Decimals of its size, where not known.")
]
Leverage = Annotated[
    int | None, typer.Option(min=1, max=100, help="Its largest leverage, where not known.")
]
Out = Annotated[
    Path | None, typer.Option(help="A directory for the event log, for mm replay and the audit.")
]
Reference = Annotated[
    Path | None,
    typer.Option(help="A recording of the coin to follow: models.reference, and lead uses it."),
]
AsJson = Annotated[bool, typer.Option("--json", help="The summary as one object on stdout.")]


def backtest(
    frames: Frames,
    coin: Coin = None,
    config: File = None,
    queue_bound: Bound = None,
    sz_decimals: Decimals = None,
    max_leverage: Leverage = None,
    reference: Reference = None,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Run the same engine over recorded market data, under three queue bounds."""
    import json
    import sys

    from mm.backtest import read_followed, read_recording, run_backtest, write_run
    from mm.config import load

    recording = read_recording(frames, coin, sz_decimals, max_leverage)
    quoted = recording.instrument.coin
    followed = None if reference is None else read_followed([reference], [quoted])
    given = {
        "models.reference": followed and f"coin:{followed.coin}",
        "process.coin": quoted,
        "process.market": f"replay:{frames[0]}",
        # Backtests keep market time alone: no deadline is stretched for a clock.
        "process.speed": 1.0,
        "backtest.queue_bound": queue_bound,
    }
    effective = load(config, {key: value for key, value in given.items() if value is not None})
    progress = _progress() if sys.stderr.isatty() else None
    done = run_backtest(recording, effective, progress, followed)
    if out is not None:
        write_run(out, done)
    rate = done.events / done.wall_s
    print(
        f"{done.events:,} events in {done.wall_s:.2f} s: {rate:,.0f} events/s, three passes",
        file=sys.stderr,
    )
    if as_json:
        print(json.dumps(done.summary))
    else:
        _show(done, out)


def _progress() -> "Progress":
    import sys

    def show(bound: str, done: int, of: int) -> None:
        end = "\n" if done == of else ""
        print(f"\r{bound:<12} {done / of:4.0%}", end=end, file=sys.stderr, flush=True)

    return show


AFTER_S = 5.0
"""What a fill costs is read there: the recorded curves are flat."""


def fills_line(run: dict[str, Any]) -> str:  # Any: JSON
    """What the fills of the reported bound earned, and what followed, by notional."""
    fills = run["fills_buy"] + run["fills_sell"]
    after = next(row for row in run["markouts"] if row["horizon_s"] == AFTER_S)
    if not after["n"]:
        return f"fills   {fills}: none with a mid before it and {AFTER_S:g} s after it"
    se = after["notional_se_bps"]
    within = "" if se is None else f" +- {se:.2f}"
    return (
        f"fills   {fills}: {after['half_spread_bps']:.2f} bps earned against the mid,"
        f" {after['notional_mean_bps']:.2f}{within} bps lost {AFTER_S:g} s later"
    )


def _show(done: "Backtested", out: Path | None) -> None:
    """The summary for people."""
    from mm import edge_shown

    run: dict[str, Any] = done.summary  # Any: JSON
    position, limit, orders = run["position"], run["limit"], run["orders"]
    takers = run["market_takers"]
    print(f"{run['coin']}  {run['duration_s']:.0f} s recorded  {run['market']}")
    print(
        f"market  {takers['count']} takers, {takers['volume_usd']} USDC;"
        f" ours {run['our_share']} of it"
    )
    print(
        f"quotes  {run['ready_cycles']} of {run['quote_cycles']} cycles ready,"
        f" {run['two_sided_cycles']} two-sided; orders {orders['placed']} placed,"
        f" {orders['modified']} modified, {orders['cancelled']} cancelled,"
        f" {orders['rejected']} rejected; {run['requests']} requests"
    )
    print(
        f"limit   {limit['long']} long, {limit['short']} short ({limit['value_usd']} USDC,"
        f" {limit['source']}, {limit['binding']} binds); position {position['end']} at the end,"
        f" {position['max_abs']} at most; {run['breaches']} breaches"
    )
    print(f"{'bound':<12} {'buys':>6} {'sells':>6} {'volume':>14} {'pnl':>12} {'fees':>10}  USDC")
    for name in ("pessimistic", "prorata", "optimistic"):
        bound = run["bounds"][name]
        pnl = bound["pnl_usd"]
        print(
            f"{name:<12} {bound['fills_buy']:>6} {bound['fills_sell']:>6}"
            f" {bound['volume_usd']:>14} {pnl['total']:>12} {pnl['fees']:>10}"
        )
    print(fills_line(run))
    print(f"edge    {edge_shown.text(run['edge'])}{edge_shown.back_text(run['edge'])}")
    for name, bound in run["bounds"].items():
        if bound["kill"] is not None:
            print(f"KILLED  in the {name} pass: {bound['kill']}; nothing was quoted after it")
    print(f"decisions {run['decision_hash']}")
    print(
        "Our orders are virtual: a trade through a price fills it, one at the price fills it after"
        " the queue;\nnothing of ours moves a price or takes liquidity away."
    )
    if out is not None:
        print(f"written to {out}; mm replay {out} steps it again")
