"""`mm run`."""

from pathlib import Path
from typing import Annotated

import typer

from mm.commands.options import Coins, File, Network

Account = Annotated[
    str | None,
    typer.Option(help="The address that holds the position, of master, sub-account or vault."),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        help="A paper exchange that runs already (mm exchange), or instead of the network's own.",
    ),
]
Duration = Annotated[
    float | None, typer.Option(help="Market seconds until the orderly stop.", min=0.001, max=1e9)
]
Seed = Annotated[int | None, typer.Option(help="Of a made-up market.")]
Market = Annotated[
    str | None,
    typer.Option(
        help="demo, calibrated, replay:PATH of a recording, or mirror[:SOURCE]: live public data of"
        " mainnet,"
        " testnet or a URL."
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="On testnet or mainnet: all of it on a paper exchange that mirrors the network, with"
        " the account's equity and fees. No key is read, nothing is sent there.",
    ),
]
Speed = Annotated[float | None, typer.Option(help="Market seconds per second.")]
NoUi = Annotated[bool, typer.Option("--no-ui", help="No first screen, no status line.")]
AsJson = Annotated[bool, typer.Option("--json", help="The summary as one object on stdout.")]
LogLevel = Annotated[str | None, typer.Option(help="debug, info, warning or error.")]
MetricsPort = Annotated[
    int | None,
    typer.Option(help="Of Prometheus' /metrics on localhost; 0: none.", min=0, max=65535),
]
LogFile = Annotated[Path | None, typer.Option(help="Also write the log here, as JSON lines.")]


def run(
    coin: Coins = None,
    network: Network = None,
    account: Account = None,
    base_url: BaseUrl = None,
    config: File = None,
    duration: Duration = None,
    seed: Seed = None,
    market: Market = None,
    speed: Speed = None,
    no_ui: NoUi = False,
    as_json: AsJson = False,
    log_level: LogLevel = None,
    log_file: LogFile = None,
    metrics_port: MetricsPort = None,
    dry_run: DryRun = False,
) -> int:
    """Make markets. Without options: on paper, on the demo market. Ctrl-C stops in order."""
    import asyncio

    from mm.accounts import named
    from mm.config import load
    from mm.frames import listing_beside
    from mm.live.dry import rehearsed
    from mm.log import writing
    from mm.run import Options, make_markets

    if not coin and config is None and market is not None and market.startswith("replay:"):
        # A recording is named after its coin, or has its listing beside it.
        recorded = Path(market.removeprefix("replay:"))
        told = listing_beside(recorded)
        coin = [recorded.name.split(".")[0] if told is None else told.coin]
    given = {
        **named(coin),
        "process.network": network,
        "account.address": account,
        "process.seed": seed,
        "process.market": market,
        "process.speed": speed,
        "process.log_level": log_level,
        "process.metrics_port": metrics_port,
    }
    effective = load(config, {key: value for key, value in given.items() if value is not None})
    with writing(effective.process.log_level, log_file):
        if dry_run:
            effective, base_url = asyncio.run(rehearsed(effective, base_url)), None
        options = Options(effective, base_url, duration, screen=not no_ui, as_json=as_json)
        return asyncio.run(make_markets(options))
