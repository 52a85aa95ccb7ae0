"""The watchdog's own key: an agent's, so that its nonces can never collide with the maker's.

On paper it is made here, approved by the account's key and kept for the watchdog alone. Elsewhere
it is the operator's, approved by hand (`mm keys`), and handed over in the process's environment. It
may trade and cancel for the account; it cannot withdraw.
"""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path

import structlog

from mm._core import Signer
from mm.config import load
from mm.errors import StateError
from mm.hyperliquid.account import Account, check
from mm.hyperliquid.gateway import Gateway
from mm.hyperliquid.reading import understood
from mm.keys.sources import VARIABLES, checked, signer_for
from mm.log import hide
from mm.watchdog.charge import Charge
from mm.watchdog.directory import AgentKey, WatchdogDir

log = structlog.get_logger(__name__)

WATCHDOG_KEY = VARIABLES["watchdog"]
NAME = "mm watchdog"
"""At most 16 characters; a new approval of this name replaces the one before."""
LEFT_MS = 86_400_000
"""An approval that ends within a day is renewed."""


async def ready_key(
    directory: WatchdogDir,
    account: Account,
    gateway: Gateway,
    instance: str | None,
    now_ms: int,
) -> AgentKey:
    """The key kept in `directory`, where the venue still knows it; else a new one, approved.

    A key that the venue has forgotten is never used again: its nonces may have been forgotten too.

    Args:
        directory: Of the watchdog.
        account: Of the master.
        gateway: Signs with the master's key.
        instance: Of the paper exchange; `None` on a venue of its own.
        now_ms: Exchange time.

    Raises:
        RejectedError: The venue refused.
        VenueError: No answer.
        StateError: The key cannot be read or kept.
    """
    kept = directory.read_key()
    if kept is not None and (kept.master, kept.instance) == (account.user, instance):
        body = await account.ask("extraAgents", urgent=True)
        with understood("extraAgents"):
            rows = json.loads(body) or ()
            listed = {str(row["address"]).lower(): int(row["validUntil"]) for row in rows}
        until_ms = listed.get(kept.signer.address)
        if until_ms is not None and until_ms > now_ms + LEFT_MS:
            return kept
    secret = secrets.token_hex(32)
    hide(secret)
    address = Signer(secret).address
    # Kept first: an approved key that nobody has could not be used, but one that is not approved
    # is refused by the venue and replaced at the next start.
    key = directory.write_key(secret, account.user, instance)
    check(await gateway.approve_agent(address, NAME), f"approving the agent {NAME!r}")
    log.info("agent_approved", name=NAME, address=address)
    return key


def own_signer(directory: WatchdogDir, charge: Charge, config: Path | None) -> Signer:
    """The key of a watchdog's process.

    Args:
        directory: Of the watchdog: has the key on paper.
        charge: Names the agent that was approved.
        config: Says where else the key is kept, when the environment does not have it.

    Raises:
        StateError: It is not there, or it is another one.
        ConfigError: It is not where the configuration says.
    """
    if charge.network == "paper":
        kept = directory.read_key()
        signer = None if kept is None or kept.instance != charge.instance else kept.signer
    elif os.environ.get(WATCHDOG_KEY):
        signer = Signer(checked(os.environ[WATCHDOG_KEY], WATCHDOG_KEY))
    else:
        signer = signer_for("watchdog", load(config).account, charge.network)
    if signer is None or signer.address != charge.agent:
        found = "none" if signer is None else signer.address
        raise StateError(
            f"{directory.path}: expected the key of the agent {charge.agent}, found {found}"
        )
    return signer
