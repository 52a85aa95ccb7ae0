"""A dry run: the configuration of testnet or mainnet on its live public data, with nothing to sign.

What the run would do to the venue it does to a paper exchange that mirrors the venue, so the
decisions are whole: orders rest, fill and are paid for. No key is read, so the process has no
client that could sign for the venue.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mm.config import Config, parse
from mm.config.engine import control
from mm.errors import UNREADABLE, ConfigError, VenueError
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.meta import dex_of
from mm.hyperliquid.networks import BASE_URLS
from mm.hyperliquid.reading import understood
from mm.live.opening import clock_skew_s, refuse_mode, refuse_skew
from mm.paper.mirror import MIRROR


async def rehearsed(config: Config, base_url: str | None) -> Config:
    """The same configuration on a mirror of its network, with the account's equity and fees.

    Args:
        config: As for the real run; network is testnet or mainnet.
        base_url: Instead of the network's own.

    Returns:
        What to run on paper. The run starts flat, whatever the account holds.

    Raises:
        ConfigError: The network is paper already, or the real run would be refused for its clock
            or the account's mode.
        VenueError: No answer, or none that can be read.
    """
    process = config.process
    if process.network == "paper":
        raise ConfigError(
            "--dry-run on network = paper: expected testnet or mainnet; on paper nothing is real"
        )
    url = (base_url or BASE_URLS[process.network]).rstrip("/")
    address = config.account.address
    assert address is not None, "the configuration demands it on this network"
    async with HttpClient(url) as http:
        refuse_skew(await clock_skew_s(http), config)
        await refuse_mode(http, address)
        fees = await _ask(http, "userFees", address)
        state = await _ask(http, "clearinghouseState", address, dex_of(config.coins[0]))
    try:
        on_paper = {
            "equity_usd": float(state["marginSummary"]["accountValue"]),
            "maker_fee_bps": 1e4 * float(fees["userAddRate"]),
            "taker_fee_bps": 1e4 * float(fees["userCrossRate"]),
        }
    except UNREADABLE as error:
        raise VenueError(f"{url}: equity and fees of {address} cannot be read: {error}") from error
    if on_paper["equity_usd"] <= 0:
        raise ConfigError(f"account {address} holds nothing at {url}: a run could quote nothing")
    market = MIRROR if url == BASE_URLS["mainnet"] else f"{MIRROR}:{url}"
    rehearsal: dict[str, Mapping[str, object]] = {
        "process": {"network": "paper", "market": market, "speed": 1.0},
        "paper": on_paper,
        "control": {"ramp": control(config)["ramp"]},
    }
    given = config.model_dump(mode="json", exclude_unset=True)
    merged = {key: {**given.get(key, {}), **rehearsal.get(key, {})} for key in given | rehearsal}
    return parse(merged, "--dry-run")


async def _ask(
    http: HttpClient, kind: str, user: str, dex: str = ""
) -> Mapping[str, Any]:  # Any: JSON
    query = {"type": kind, "user": user} | ({"dex": dex} if dex else {})
    body = await http.info(query)
    with understood(kind):
        said = json.loads(body)
    if not isinstance(said, dict):
        raise VenueError(f"{kind}: expected an object, got {str(said)[:100]}")
    return said
