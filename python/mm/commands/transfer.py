"""`mm transfer`."""

from typing import Annotated, Any, Literal

import typer

from mm.commands.options import BaseUrl

Amount = Annotated[str, typer.Argument(help="USDC, at most 6 decimals.")]
WHERE = "perp, spot, dex:NAME (a builder's dex) or sub:0x... (a sub-account)"
Source = Annotated[str, typer.Option("--from", help=f"{WHERE}.")]
To = Annotated[str, typer.Option("--to", help=f"{WHERE}.")]
Network = Annotated[
    Literal["testnet", "mainnet"], typer.Option(help="Whose money: testnet's is none.")
]


def transfer(
    amount: Amount,
    source: Source,
    to: To,
    network: Network,
    base_url: BaseUrl = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Move USDC between the balances of one owner: to the dex of a perp before it is quoted, to a
    sub-account, back. The master's key is asked for (or taken from MM_MASTER_KEY), used once and
    kept nowhere; nothing can leave the owner."""
    import asyncio
    import os

    from mm.keys.sources import checked, typed
    from mm.transfer import parsed

    move = parsed(amount, source, to)
    master = os.environ.get("MM_MASTER_KEY") or typed("private key of the MASTER account: ")
    secret = checked(master, "the master's key")
    asyncio.run(_transfer(move, network, base_url, secret, yes))


async def _transfer(  # Any: `Transfer`, which loads late
    move: Any,  # noqa: ANN401
    network: str,
    base_url: str | None,
    secret: str,
    yes: bool,
) -> None:
    from mm.hyperliquid.http import HttpClient
    from mm.hyperliquid.networks import BASE_URLS
    from mm.transfer import Teller

    async with HttpClient((base_url or BASE_URLS[network]).rstrip("/")) as http:
        teller = Teller(http, secret, mainnet=network == "mainnet")
        before = [await teller.free(balance) for balance in (move.source, move.to)]
        print(f"{move.usd} USDC of {teller.address} on {network}")
        print(
            f"from {move.source}, where {before[0]} can leave, to {move.to}, where {before[1]} can"
        )
        if not yes:
            typer.confirm("move it?", abort=True)
        await teller.send(move)
        after = [await teller.free(balance) for balance in (move.source, move.to)]
        print(f"moved; verified: {after[0]} can leave {move.source}, {after[1]} {move.to}")
