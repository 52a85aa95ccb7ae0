"""`mm doctor`."""

from typing import Annotated, Any

import typer

from mm.commands.options import Account, BaseUrl, Coins, File, Network

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]


def doctor(
    network: Network = None,
    account: Account = None,
    coin: Coins = None,
    base_url: BaseUrl = None,
    config: File = None,
    as_json: AsJson = False,
) -> int:
    """Check clock, keys, account, leverage, fees, feasibility and request budget with the venue.

    Nothing is sent but queries, and a maker may run beside it. Exit 1: something would stop a run.
    """
    import asyncio
    import json
    from dataclasses import asdict

    from mm.accounts import effective
    from mm.exits import Exit

    found = asyncio.run(_examine(effective(config, network, account, coin), base_url))
    failed = any(finding.grade == "fail" for finding in found)
    if as_json:
        print(json.dumps({"good": not failed, "findings": [asdict(one) for one in found]}))
    else:
        for finding in found:
            print(f"{finding.grade:<5} {finding.name:<13} {finding.text}")
    return Exit.DIFFERENCE if failed else Exit.DONE


async def _examine(config: Any, base_url: str | None) -> list[Any]:  # noqa: ANN401 - load late
    from mm.accounts import PAPER_ACCOUNT
    from mm.doctor import Doctor
    from mm.hyperliquid.http import HttpClient
    from mm.hyperliquid.networks import BASE_URLS
    from mm.paper.venue import standing
    from mm.runs import last_burn
    from mm.state import account_dir

    network = config.process.network
    if network == "paper":
        home = account_dir("paper", PAPER_ACCOUNT)
        url, user = await standing(home, base_url)
    else:
        home = account_dir(network, config.account.address)
        url, user = BASE_URLS[network], config.account.address.lower()
    async with HttpClient((base_url or url).rstrip("/")) as http:
        return await Doctor(config, http, user, last_burn(home)).examine()
