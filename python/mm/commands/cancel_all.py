"""`mm cancel-all`."""

from pathlib import Path
from typing import Annotated, Any

import typer

Network = Annotated[str | None, typer.Option(help="paper, testnet or mainnet.")]
Account = Annotated[
    str | None, typer.Option(help="The address that holds the position; not needed on paper.")
]
Coin = Annotated[
    str | None, typer.Option("--asset", "--coin", help="The perp, as the venue names it.")
]
BaseUrl = Annotated[str | None, typer.Option("--base-url", help="Instead of the network's own.")]
File = Annotated[Path | None, typer.Option("--config", help="TOML file; without it: the defaults.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def cancel_all(
    network: Network = None,
    account: Account = None,
    coin: Coin = None,
    base_url: BaseUrl = None,
    config: File = None,
    yes: Yes = False,
) -> None:
    """Show the orders of an account for a perp, whoever placed them; cancel them once confirmed,
    and verify by query that none rests. Refused while a maker runs: that one has `mm kill`."""
    import asyncio

    from mm.accounts import effective

    asyncio.run(_cancel(effective(config, network, account, coin), base_url, yes))


async def _cancel(config: Any, base_url: str | None, yes: bool) -> None:  # noqa: ANN401 - loads late
    from mm.by_hand import opened
    from mm.hyperliquid.account import cancel_all as cancel
    from mm.startup import CANCELLED_S

    async with opened(config, base_url) as hand:
        orders = await hand.orders()
        for row in orders:
            side = "buy " if row["side"] == "B" else "sell"
            print(f"{side} {row['sz']:>12} {hand.account.coin} at {row['limitPx']:>12}")
        if not orders:
            print(f"nothing rests for {hand.account.coin} on {hand.venue.user}")
            return
        if not yes:
            typer.confirm(f"cancel {len(orders)} orders of {hand.venue.user}?", abort=True)
        count = await cancel(hand.account, hand.gateway, hand.instrument, CANCELLED_S)
        print(f"cancelled {count}; verified: nothing rests for {hand.account.coin}")
