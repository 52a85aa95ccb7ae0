"""`mm cancel-all`."""

from typing import Annotated, Any

import typer

from mm.commands.options import Account, BaseUrl, Coins, File, Network

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def cancel_all(
    network: Network = None,
    account: Account = None,
    coin: Coins = None,
    base_url: BaseUrl = None,
    config: File = None,
    yes: Yes = False,
) -> None:
    """Show the orders of an account for a perp, whoever placed them; cancel them once confirmed,
    and verify by query that none rests. Refused while a maker runs: that one has `mm kill`."""
    import asyncio

    from mm.accounts import effective

    for one in effective(config, network, account, coin).each():
        asyncio.run(_cancel(one, base_url, yes))


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
