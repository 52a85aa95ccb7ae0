"""`mm unlock`."""

from pathlib import Path
from typing import Annotated

import typer

Network = Annotated[str | None, typer.Option(help="paper, testnet or mainnet.")]
Account = Annotated[
    str | None, typer.Option(help="The address that owns the position; not needed on paper.")
]
Coin = Annotated[
    str | None, typer.Option("--asset", "--coin", help="Only if the kill was of this perp.")
]
File = Annotated[Path | None, typer.Option("--config", help="TOML file; without it: the defaults.")]
By = Annotated[str | None, typer.Option(help="Who looked into it; without it: the login name.")]


def unlock(
    network: Network = None,
    account: Account = None,
    coin: Coin = None,
    config: File = None,
    by: By = None,
) -> None:
    """Show the kill that keeps this account from trading, and acknowledge it.

    A kill never expires: not with the day, not with a restart. Nothing else lifts it.
    """
    import getpass

    from mm.accounts import choose
    from mm.errors import ConfigError
    from mm.state import StateDir, account_dir

    network, account = choose(config, network, account)
    if not account_dir(network, account).is_dir():
        print(f"nothing to unlock: {network}/{account} has no state")
        return
    with StateDir.open(network, account) as state:
        record = state.store.kill_record()
        if record is None:
            print(f"nothing to unlock: {network}/{account} is not stopped")
            return
        if coin is not None and coin != record.coin:
            raise ConfigError(f"--asset was {coin}, but the kill was of {record.coin}")
        name = (by if by is not None else getpass.getuser()).strip()
        if not name:
            raise ConfigError("--by was empty, expected the name of whoever looked into it")
        print(f"killed: {record.words()}")
        print(f"session {record.session}, position on kill: {record.on_kill}")
        acknowledged = state.store.acknowledge(name)
        assert acknowledged is not None, "nobody else writes while the state is held"
        print(f"acknowledged by {name} at {acknowledged.acknowledged_at}: mm run starts again")
