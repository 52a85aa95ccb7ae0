"""Opens testnet or mainnet for a run: key, mandate, account mode and clock, each checked first."""

from __future__ import annotations

import json
import time

import structlog

from mm.clock import LiveClock
from mm.config import Config, expires_after_s
from mm.errors import ConfigError, VenueError
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.networks import BASE_URLS
from mm.hyperliquid.reading import understood
from mm.keys.sources import signer_for
from mm.live.roles import mandate_of
from mm.venue import Venue

log = structlog.get_logger(__name__)

SEPARATE_MODES = frozenset({"default", "disabled"})
"""Account modes in which the perps account's own value is the equity of perps."""
SKEW_SHARE = 0.5
"""Of an action's life: a clock that is further off would let every action expire, or none."""


async def open_live(config: Config, base_url: str | None) -> Venue:
    """The venue that `process.network` names, ready to be traded on.

    Args:
        config: The effective configuration; network is testnet or mainnet.
        base_url: Instead of the network's own: a proxy, or a paper exchange that stands in for it.

    Raises:
        ConfigError: Key, account or account mode cannot be traded with; or the clock is wrong.
        VenueError: No answer.
    """
    process, account = config.process, config.account
    assert account.address is not None, "the configuration demands it on this network"
    signer = signer_for("maker", account, process.network)
    url = (base_url or BASE_URLS[process.network]).rstrip("/")
    async with HttpClient(url) as http:
        refuse_skew(await clock_skew_s(http), config)
        now_ms = time.time_ns() // 1_000_000
        mandate = await mandate_of(
            http,
            signer.address,
            account.address,
            master_key_allowed=account.master_key_allowed,
            now_ms=now_ms,
        )
        await refuse_mode(http, mandate.account)
    if mandate.expires_soon(now_ms):
        log.warning(
            "agent_expires_soon", agent=mandate.agent, valid_until_ms=mandate.valid_until_ms
        )
    return Venue(
        name=f"Hyperliquid {process.network} at {url}",
        base_url=url,
        clock=LiveClock(),
        signer=signer,
        user=mandate.account,
        vault=mandate.vault,
        mainnet=process.network == "mainnet",
        paper=None,
        says=mandate.lines(now_ms),
    )


async def clock_skew_s(http: HttpClient) -> float:
    """How far this machine's clock is ahead of the venue's, wall seconds; half a round trip is
    taken off.

    Raises:
        VenueError: No answer, or one without a time.
    """
    before_ns = time.time_ns()
    body = await http.info({"type": "exchangeStatus"})
    middle_ns = (before_ns + time.time_ns()) / 2
    with understood("exchangeStatus"):
        return middle_ns / 1e9 - int(json.loads(body)["time"]) / 1e3


def refuse_skew(skew_s: float, config: Config) -> None:
    """Refuse a clock by which every action would have expired, or none would.

    Raises:
        ConfigError: It is that far off.
    """
    if abs(skew_s) > SKEW_SHARE * expires_after_s(config):
        raise ConfigError(
            f"this machine's clock is {skew_s:+.1f} s off the venue's, actions live"
            f" {expires_after_s(config):g} s: set the clock (NTP) first"
        )


async def refuse_mode(http: HttpClient, account: str) -> str:
    """In a unified account the perps account's value is not the equity: nothing may size on it.

    Returns:
        The account's mode.

    Raises:
        ConfigError: It is one in which nothing may size on that value.
        VenueError: No answer.
    """
    body = await http.info({"type": "userAbstraction", "user": account})
    with understood("userAbstraction"):
        mode = json.loads(body)
    if not isinstance(mode, str):
        raise VenueError(f"userAbstraction of {account}: expected a word, got {str(mode)[:100]}")
    if mode not in SEPARATE_MODES:
        raise ConfigError(
            f"account mode of {account} is {mode!r}: expected a standard account"
            f" ({' or '.join(sorted(SEPARATE_MODES))}), where the perps account's own value is its"
            " equity; the venue's page of the account changes it"
        )
    return mode
