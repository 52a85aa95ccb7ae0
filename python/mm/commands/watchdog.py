"""`mm watchdog`."""

from pathlib import Path
from typing import Annotated

import typer

from mm.commands.options import Account, File, Network

State = Annotated[
    Path | None, typer.Option(help="Where state lives, as MM_STATE_DIR says for every command.")
]


def watchdog(
    network: Network = None,
    account: Account = None,
    config: File = None,
    state: State = None,
) -> None:
    """Watch over a maker: when it falls silent or dies, cancel all and work its position down.

    `mm run` starts one by itself. It ends when the position is closed, when the maker says goodbye
    or when another maker takes over. SIGTERM ends it and leaves everything as it is.
    """
    import asyncio

    from mm.accounts import choose
    from mm.state import account_dir
    from mm.watchdog.process import stand_guard

    network, account = choose(config, network, account)
    asyncio.run(stand_guard(network, account, account_dir(network, account, state), config))
