"""`mm scout`."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    from mm.scout import Row, Scouted, Tier

Frames = Annotated[
    list[Path], typer.Argument(help="Recordings, .zst or plain, each of one coin and its own.")
]
Horizon = Annotated[
    Literal["1", "5", "30"], typer.Option(help="Seconds after a sweep at which its cost is taken.")
]
Fee = Annotated[
    float | None,
    typer.Option(
        "--fee-bps", help="Our maker fee, bps; absent: the venue's base.", min=-10, max=10
    ),
]
Level = Annotated[
    float, typer.Option(help="Probability that all intervals hold at once.", min=0.5, max=0.9999)
]
Decimals = Annotated[
    int | None, typer.Option(min=0, max=6, help="Decimals of the coin's size, where not known.")
]
Leverage = Annotated[
    int | None, typer.Option(min=1, max=100, help="Its largest leverage, where not known.")
]
AsJson = Annotated[bool, typer.Option("--json", help="One array on stdout, an object a recording.")]


def scout(
    frames: Frames,
    horizon: Horizon = "5",
    fee_bps: Fee = None,
    level: Level = 0.95,
    sz_decimals: Decimals = None,
    max_leverage: Leverage = None,
    as_json: AsJson = False,
) -> None:
    """Tell from recordings what a maker earns or loses at each distance, and how surely."""
    import json

    from mm.backtest import read_recording
    from mm.scout import scout as look

    recordings = [read_recording([path], None, sz_decimals, max_leverage) for path in frames]
    found = look(recordings, int(horizon), fee_bps, level)
    if as_json:
        print(json.dumps([one.as_json() for one in found]))
        return
    for one in found:
        _show(one)
    print(
        "A maker earns depth - cost - fee of each sweep that comes to its price; of the queue there"
        " nothing is said.\nCosts cannot fall with depth: neighbours are pooled until none does."
        " What is not known better than chance is no edge.\n"
        "`edge from`: the first fee tier (USDC traded in 14 days) at which there is one."
    )


def _show(found: "Scouted") -> None:
    """One recording for people."""
    seen: dict[str, Any] = found.seen  # Any: JSON
    print(
        f"{seen['coin']}  {seen['watched_s']:.0f} s watched, {seen['sweeps']} sweeps,"
        f" half-spread {seen['half_spread_bps']:.2f} bps on average"
    )
    for side in seen["sides"]:
        print(f"  {side['side'].lower()}s  {_fit(side['fit'])}")
    cost, within = f"cost after {found.horizon_s} s", f"+- ({found.level:.0%} all at once)"
    print(
        f"  {'depth':>6} {'side':>4} {'sweeps/h':>9} {'n':>6} {cost:>15} {within:>22}"
        f" {'break-even fee':>15} {f'net at {found.fee_bps:g}':>11} {'edge from':>10}"
    )
    for row in found.rows:
        inside = "  inside the spread" if row.depth_bps < seen["half_spread_bps"] else ""
        print(
            f"  {row.depth_bps:>6g} {row.side:>4} {row.sweeps_per_h:>9.1f} {row.n:>6.0f}"
            f" {row.cost_bps:>15.2f} {row.half_width_bps:>22.2f} {row.break_even_fee_bps:>15.2f}"
            f" {row.net_bps:>11.2f} {_tier(row.edge_from):>10}  {row.verdict}{inside}"
        )
    print(f"  {_conclusion(found)}")
    print("  by fee tier (traded in 14 days, maker fee), the distances outside the spread:")
    for at, tier in enumerate(seen["fee_tiers"]):
        verdicts = Counter(row.tiers[at].verdict for row in _outside(found))
        print(
            f"    {_volume(tier['volume_usd']):>6} {tier['maker_bps']:>5g} bps:"
            f" {verdicts['edge']} with an edge, {verdicts['loss']} lose,"
            f" {verdicts['cannot tell']} cannot be told, {verdicts['too few']} had too few sweeps"
        )


def _fit(fit: dict[str, Any] | None) -> str:
    if fit is None:
        return "too few sweeps to fit an intensity"
    return (
        f"A {fit['arrival_per_s']:.3f} /s (+- {fit['arrival_log_se']:.0%}),"
        f" k {fit['kappa_per_bps']:.2f} +- {fit['kappa_se']:.2f} /bp"
        f" from {fit['from_bps']:g} to {fit['to_bps']:g} bps"
    )


def _tier(tier: "Tier | None") -> str:
    return "-" if tier is None else _volume(tier.volume_usd)


def _volume(usd: int) -> str:
    return f"{usd / 1e6:g}M" if usd else "base"


def _outside(found: "Scouted") -> "list[Row]":
    return [row for row in found.rows if row.depth_bps >= found.seen["half_spread_bps"]]


def _conclusion(found: "Scouted") -> str:
    outside = _outside(found)
    with_edge = [row for row in outside if row.verdict == "edge"]
    if with_edge:
        at = ", ".join(f"{row.side} {row.depth_bps:g}" for row in with_edge)
        return f"edge at {found.fee_bps:g} bps of fee: {at}"
    count = Counter(row.verdict for row in outside)
    return (
        f"no edge at {found.fee_bps:g} bps of fee: of {len(outside)} distances"
        f" {count['loss']} lose, {count['cannot tell']} cannot be told, {count['too few']} had too"
        " few sweeps"
    )
