"""Which account's state a command is about, from the options that `mm run` takes too."""

from __future__ import annotations

from pathlib import Path

from mm.config import Config, load
from mm.errors import ConfigError
from mm.state import holder, state_root

# On paper everything about the account is under this name: its key is new for each exchange.
PAPER_ACCOUNT = "default"
NETWORKS = ("paper", "testnet", "mainnet")


def choose(config: Path | None, network: str | None, account: str | None) -> tuple[str, str]:
    """Network and account as `mm run` with the same options has them.

    Args:
        config: The TOML file; `None`: the defaults.
        network: Instead of the configuration's.
        account: The address that owns the position; `None`: the only one there is on paper.

    Raises:
        ConfigError: The configuration is illegal, or the account is not said.
    """
    if network is not None and network not in NETWORKS:
        raise ConfigError(f"--network was {network!r}, expected one of {', '.join(NETWORKS)}")
    given = load(config, {})
    chosen = network or given.process.network
    if account is None and chosen != "paper":
        account = given.account.address
    if account is None and chosen != "paper":
        raise ConfigError(f"network {chosen}: give --account, the address that owns the position")
    return chosen, (account or PAPER_ACCOUNT).lower()


def effective(
    config: Path | None, network: str | None, account: str | None, coins: list[str] | None
) -> Config:
    """The configuration as `mm run` with the same options has it, for a command that runs nothing.

    Raises:
        ConfigError: It is illegal.
    """
    given = {"process.network": network, "account.address": account, **named(coins)}
    if config is None:
        # Only a maker needs to know what becomes of its position, and none is started.
        given |= {"control.on_kill": "hold", "control.on_exit": "hold"}
    return load(config, {key: value for key, value in given.items() if value is not None})


def named(coins: list[str] | None) -> dict[str, object]:
    """The coins of a command line, as overrides of a configuration."""
    if not coins:
        return {}
    return {"process.coin": coins[0]} if len(coins) == 1 else {"process.coins": list(coins)}


def running() -> list[tuple[str, str]]:
    """Network and account of every process that holds an account's state: makers, as a rule."""
    homes = sorted(path for path in state_root().glob("*/*") if path.parent.name in NETWORKS)
    return [(path.parent.name, path.name) for path in homes if holder(path) is not None]


def command_for(name: str, network: str, account: str) -> str:
    """A command line about this account: `mm unlock`, with options where they are needed."""
    if (network, account) == ("paper", PAPER_ACCOUNT):
        return f"mm {name}"
    return f"mm {name} --network {network} --account {account}"
