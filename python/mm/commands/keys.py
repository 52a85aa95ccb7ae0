"""`mm keys new|import|list|forget|approve|check`."""

from typing import Annotated, Literal

import typer

from mm.commands.options import BaseUrl

app = typer.Typer(
    help="Make, keep and approve the agent keys that sign on testnet and mainnet. No command prints"
    " a key or takes one as an argument.",
    rich_markup_mode=None,
)

Network = Annotated[
    Literal["testnet", "mainnet"],
    typer.Option(help="Keys of one network are never used on another."),
]
Source = Annotated[
    Literal["keystore", "keyring"],
    typer.Option(help="A file that a passphrase opens, or the system's own store."),
]
Name = Annotated[str, typer.Argument(help="As [account] key_name has it: maker, watchdog.")]


@app.command()
def new(name: Name, network: Network, source: Source = "keystore") -> None:
    """Make a fresh key and keep it. It can sign nothing before it is approved."""
    import secrets

    _keep(name, secrets.token_hex(32), network, source)
    print(f"next: mm keys approve {name} --network {network} (needs the master's key, once)")


@app.command(name="import")
def import_(name: Name, network: Network, source: Source = "keystore") -> None:
    """Keep a key that was made elsewhere: it is typed without an echo, or piped in."""
    from mm.keys.sources import checked, typed

    _keep(name, checked(typed(f"private key of agent {name}: "), "the key"), network, source)


@app.command(name="list")
def list_(network: Network) -> None:
    """List the keys in files, by name and address. (A keyring cannot be listed.)"""
    from mm.keys.keystore import Keystore

    kept = Keystore(network).all()
    for key in kept:
        print(f"{key.name:<16} {key.address}  {key.path}")
    if not kept:
        print(f"no keys for {network} in {Keystore(network).path}")


@app.command()
def forget(
    name: Name,
    network: Network,
    source: Source = "keystore",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a kept key. Its approval at the venue stays until it ends or is replaced."""
    from mm.keys.keystore import Keystore
    from mm.keys.sources import SERVICE, keyring

    if not yes:
        typer.confirm(f"delete the key {name} of {network}? it cannot be had back", abort=True)
    if source == "keystore":
        kept = Keystore(network).forget(name)
        print(f"deleted {kept.path} ({kept.address})")
        return
    keyring().delete_password(SERVICE.format(network=network), name)
    print(f"deleted {name} of {network} from the system's keyring")


@app.command()
def approve(
    name: Name,
    network: Network,
    source: Source = "keystore",
    days: Annotated[float, typer.Option(help="Until the approval ends; 180 at most.")] = 90.0,
    base_url: BaseUrl = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Approve a kept key as an agent of a master account. The master's key is asked for (or taken
    from MM_MASTER_KEY), used once and kept nowhere."""
    import asyncio
    import os

    from mm.config import AccountConfig
    from mm.hyperliquid.networks import BASE_URLS
    from mm.keys.approval import approve as send
    from mm.keys.sources import checked, signer_for, typed

    kept = AccountConfig(key_source=source, key_name=name, watchdog_key_name=f"not-{name}"[:32])
    agent = signer_for("maker", kept, network).address
    url = (base_url or BASE_URLS[network]).rstrip("/")
    print(f"agent {name!r}, {agent}, for {days:g} days, at {url}")
    if not yes:
        typer.confirm("approve it? one of the same name is replaced", abort=True)
    master = os.environ.get("MM_MASTER_KEY") or typed("private key of the MASTER account: ")
    secret = checked(master, "the master's key")
    address = asyncio.run(send(url, secret, agent, name, days, mainnet=network == "mainnet"))
    print(f"approved by {address}; see it: mm keys check {name} --network {network} --account ...")


@app.command()
def check(
    name: Name,
    network: Network,
    account: Annotated[str, typer.Option(help="The address that is to hold the position.")],
    source: Source = "keystore",
    base_url: BaseUrl = None,
) -> None:
    """Ask the venue what a kept key may do for an account. Exit 2: not trade for it."""
    import asyncio
    import time

    from mm.config import AccountConfig
    from mm.hyperliquid.http import HttpClient
    from mm.hyperliquid.networks import BASE_URLS
    from mm.keys.sources import signer_for
    from mm.live.roles import Mandate, mandate_of

    kept = AccountConfig(key_source=source, key_name=name, watchdog_key_name=f"not-{name}"[:32])
    signer = signer_for("maker", kept, network).address
    now_ms = time.time_ns() // 1_000_000

    async def ask() -> Mandate:
        async with HttpClient((base_url or BASE_URLS[network]).rstrip("/")) as http:
            return await mandate_of(http, signer, account, master_key_allowed=False, now_ms=now_ms)

    mandate = asyncio.run(ask())
    print("\n".join(mandate.lines(now_ms)))
    if mandate.expires_soon(now_ms):
        print("EXPIRES SOON: mm keys approve a new key, then [account] key_name = its name")


def _keep(name: str, secret: str, network: str, source: str) -> None:
    from mm._core import Signer
    from mm.keys.keystore import Keystore
    from mm.keys.sources import SERVICE, keyring, passphrase
    from mm.log import hide

    hide(secret)
    address = Signer(secret).address
    if source == "keystore":
        kept = Keystore(network).write(name, secret, passphrase(name, again=True))
        print(f"kept key {name}, {address}, in {kept.path}")
        return
    keyring().set_password(SERVICE.format(network=network), name, secret)
    print(f"kept key {name}, {address}, in the system's keyring")
