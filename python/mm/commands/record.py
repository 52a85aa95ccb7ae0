"""`mm record`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from mm.commands.options import BaseUrl

Coins = Annotated[
    list[str],
    typer.Option("--asset", "--coin", help="The perp, as the venue names it; repeatable."),
]
Out = Annotated[
    Path, typer.Option(help="Directory; takes COIN.frames.zst, and overwrites nothing.")
]
Network = Annotated[
    Literal["mainnet", "testnet"], typer.Option(help="Whose public data; no key is needed.")
]
Duration = Annotated[
    float | None, typer.Option(help="Seconds; without it: until Ctrl-C.", min=0.1, max=1e9)
]


def record(
    coin: Coins,
    out: Out = Path("recordings"),
    network: Network = "mainnet",
    base_url: BaseUrl = None,
    duration: Duration = None,
) -> None:
    """Record book, best bid and offer, trades and context of perps, as they come.

    What it writes is what `mm backtest` and `mm run --market replay:PATH` read.
    """
    import asyncio

    from mm.hyperliquid.networks import BASE_URLS
    from mm.log import writing
    from mm.recording import record as write

    url = (base_url or BASE_URLS[network]).rstrip("/")
    with writing("info"):
        for one in asyncio.run(write(url, coin, out, duration)):
            gaps = f", {one.reconnects} gaps" if one.reconnects else ""
            print(f"{one.path}: {one.frames} frames{gaps}")
