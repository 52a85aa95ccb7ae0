"""Options that mean the same in every command about one account."""

from pathlib import Path
from typing import Annotated

import typer

Network = Annotated[str | None, typer.Option(help="paper, testnet or mainnet.")]
Account = Annotated[
    str | None, typer.Option(help="The address that holds the position; not needed on paper.")
]
Coin = Annotated[
    str | None, typer.Option("--asset", "--coin", help="The perp, as the venue names it.")
]
Coins = Annotated[
    list[str] | None,
    typer.Option(
        "--asset", "--coin", help="A perp, as the venue names it; repeat it to quote several."
    ),
]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Instead of the network's own.")]
File = Annotated[Path | None, typer.Option("--config", help="TOML file; without it: the defaults.")]
