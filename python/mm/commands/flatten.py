"""`mm flatten`."""

from typing import Annotated, Any

import typer

from mm.commands.options import Account, BaseUrl, Coins, File, Network

Deadline = Annotated[
    float, typer.Option("--deadline", help="Seconds after which it gives up.", min=1, max=86_400)
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def flatten(
    network: Network = None,
    account: Account = None,
    coin: Coins = None,
    base_url: BaseUrl = None,
    config: File = None,
    deadline: Deadline = 120.0,
    yes: Yes = False,
) -> None:
    """Show a position and what closing it costs against the book; once confirmed, cancel every
    order of the perp and close it with immediate reduce-only orders inside [recovery]'s bound.
    Several coins one after another. Exit 3: something is left. Refused while a maker runs: that one
    has `mm kill`."""
    import asyncio

    from mm.accounts import effective

    for one in effective(config, network, account, coin).each():
        asyncio.run(_flatten(one, base_url, deadline, yes))


async def _flatten(  # Any: `Config`, which loads late
    config: Any,  # noqa: ANN401
    base_url: str | None,
    deadline_s: float,
    yes: bool,
) -> None:
    from mm.by_hand import opened
    from mm.closing import close, preview

    async with opened(config, base_url) as hand:
        shown = await preview(hand)
        for line in shown.lines():
            print(line)
        if shown.position == 0 and not shown.orders:
            return
        if not yes:
            typer.confirm("cancel its orders and close it?", abort=True)
        attempts = await close(hand, deadline_s)
        print(f"flat after {attempts} attempts; verified: nothing rests and nothing is held")
