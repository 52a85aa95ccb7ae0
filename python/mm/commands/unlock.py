"""`mm unlock`."""

from typing import Annotated

import typer

from mm.commands.options import Account, File, Network

Coin = Annotated[
    str | None, typer.Option("--asset", "--coin", help="Only if the kill was of this perp.")
]
By = Annotated[
    str | None, typer.Option(help="Who looked into it; without it: the login name, or the uid.")
]


def login_name() -> str:
    """Who runs this; a user that the system has no name for by number."""
    import getpass
    import os

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def unlock(
    network: Network = None,
    account: Account = None,
    coin: Coin = None,
    config: File = None,
    by: By = None,
) -> None:
    """Show the kill that keeps this account from trading, and acknowledge it.

    A kill never expires: not with the day, not with a restart. Nothing else lifts it. Of a drawdown
    it takes the equity last saved for the new peak; the day's loss stays the day's.
    """
    import time

    from mm.accounts import choose
    from mm.acknowledgement import Shares, consequences
    from mm.config import load
    from mm.errors import ConfigError
    from mm.state import StateDir, account_dir

    network, account = choose(config, network, account)
    limits = load(config).limits
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
        name = (by if by is not None else login_name()).strip()
        if not name:
            raise ConfigError("--by was empty, expected the name of whoever looked into it")
        print(f"killed: {record.words()}")
        print(f"session {record.session}, position on kill: {record.on_kill}")
        acknowledged = state.store.acknowledge(name)
        assert acknowledged is not None, "nobody else writes while the state is held"
        print(f"acknowledged by {name} at {acknowledged.record.acknowledged_at}")
        shares = Shares(day=limits.daily_loss_frac, drawdown=limits.drawdown_frac)
        # A paper exchange has a time of its own, and it may not live any more.
        now_ns = None if network == "paper" else time.time_ns()
        for line in consequences(acknowledged, state.store.budget(), shares, now_ns):
            print(line)
