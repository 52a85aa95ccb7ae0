"""`mm cancel-all`."""

from typing import Annotated, Any

import typer

from mm.commands.options import Account, BaseUrl, Coins, File, Network

StopToo = Annotated[
    bool, typer.Option("--stop-too", help="Also the stop of a position that is held.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def cancel_all(
    network: Network = None,
    account: Account = None,
    coin: Coins = None,
    base_url: BaseUrl = None,
    config: File = None,
    yes: Yes = False,
    stop_too: StopToo = False,
) -> None:
    """Show the orders of an account for a perp, whoever placed them; cancel them once confirmed,
    and verify by query that none rests. A stop of ours stays while a position is held, unless you
    say so. Refused while a maker runs: that one has `mm kill`."""
    import asyncio

    from mm.accounts import effective

    for one in effective(config, network, account, coin).each():
        asyncio.run(_cancel(one, base_url, yes, stop_too))


async def _cancel(  # Any: `Config`, which loads late
    config: Any,  # noqa: ANN401
    base_url: str | None,
    yes: bool,
    stop_too: bool,
) -> None:
    from mm.by_hand import opened
    from mm.hyperliquid.account import cancel_all as cancel
    from mm.hyperliquid.account import is_stop
    from mm.startup import CANCELLED_S

    async with opened(config, base_url) as hand:
        orders = await hand.orders()
        hand.account.spares_stops = not stop_too and await hand.position() != 0
        what = "nothing"
        if hand.account.spares_stops:
            for row in filter(lambda row: is_stop(row.get("cloid")), orders):
                print(f"stays: the stop at {row['triggerPx']} of the position held (--stop-too)")
                what = "nothing but that"
            orders = [row for row in orders if not is_stop(row.get("cloid"))]
        for row in orders:
            side = "buy " if row["side"] == "B" else "sell"
            print(f"{side} {row['sz']:>12} {hand.account.coin} at {row['limitPx']:>12}")
        if not orders:
            print(f"{what} rests for {hand.account.coin} on {hand.venue.user}")
            return
        if not yes:
            typer.confirm(f"cancel {len(orders)} orders of {hand.venue.user}?", abort=True)
        count = await cancel(hand.account, hand.gateway, hand.instrument, CANCELLED_S)
        print(f"cancelled {count}; verified: {what} rests for {hand.account.coin}")
