"""Approving an agent: all that needs the master's key, which is asked for and not kept."""

from __future__ import annotations

import json
import time
from typing import Any

from mm.errors import ConfigError
from mm.hyperliquid.account import check
from mm.hyperliquid.http import HttpClient
from mm.log import hide

LONGEST_NAME = 16
LONGEST_DAYS = 180
DAY_MS = 86_400_000


async def approve(
    base_url: str, master_secret: str, agent: str, name: str, days: float, *, mainnet: bool
) -> str:
    """Let an agent sign for the master's account.

    A later approval of the same name replaces this one. The address of an agent that was removed
    must never be approved again: the venue may have forgotten which nonces it used.

    Args:
        base_url: Of the venue.
        master_secret: The account's own key; used once.
        agent: Address of the agent.
        name: Of the agent at the venue, at most 16 characters.
        days: For which it is valid, at most 180.
        mainnet: Whether the signature is for mainnet.

    Returns:
        The master's address.

    Raises:
        ConfigError: Name or days are outside of what the venue takes.
        RejectedError: The venue refused, with its words.
        VenueError: No answer.
    """
    from eth_account import Account  # noqa: PLC0415 - takes a second to load
    from hyperliquid.utils.signing import sign_agent  # noqa: PLC0415

    if not 0 < len(name) <= LONGEST_NAME:
        raise ConfigError(f"agent name {name!r}: expected 1 to {LONGEST_NAME} characters")
    if not 0 < days <= LONGEST_DAYS:
        raise ConfigError(f"--days was {days:g}, expected above 0 and up to {LONGEST_DAYS}")
    hide(master_secret)
    wallet = Account.from_key(master_secret)
    now_ms = time.time_ns() // 1_000_000
    action: dict[str, Any] = {  # Any: JSON
        "type": "approveAgent",
        "agentAddress": agent,
        "agentName": f"{name} valid_until {now_ms + int(days * DAY_MS)}",
        "nonce": now_ms,
    }
    signature = sign_agent(wallet, action, mainnet)
    body = {"action": action, "nonce": now_ms, "signature": signature, "vaultAddress": None}
    async with HttpClient(base_url) as http:
        check(await http.exchange(json.dumps(body).encode()), f"approving the agent {name!r}")
    address: str = wallet.address.lower()
    return address
