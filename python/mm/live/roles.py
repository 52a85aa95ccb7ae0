"""Who signs for whom: the venue's own word on our key and on the account, before anything is sent.

An agent signs for the user that approved it, for that user's sub-accounts and for the vaults it
leads. Orders of a sub-account or a vault carry its address; queries always name the account.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mm.errors import ConfigError, VenueError
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.reading import understood

DAY_MS = 86_400_000
EXPIRES_SOON_MS = 7 * DAY_MS
"""An approval that ends within a week is worth a warning each time."""

Json = dict[str, Any]  # Any: what the venue answered
_ROLES = {"user", "agent", "vault", "subAccount", "missing"}
_WHOSE = {"agent": "user", "subAccount": "master"}


@dataclass(frozen=True, slots=True)
class Mandate:
    """What a key may do for an account.

    Attributes:
        signer: Address of the key.
        account: The account that holds orders and position.
        master: The user that approved the agent, or the key's own account.
        kind: What the account is.
        own_key: Whether the key is the account's own, so that it can also withdraw.
        valid_until_ms: End of the agent's approval, exchange milliseconds; `None`: the venue
            does not list it (an agent without a name).
        agent: Name of the agent; `None`: it has none.
    """

    signer: str
    account: str
    master: str
    kind: str
    own_key: bool
    valid_until_ms: int | None
    agent: str | None

    @property
    def vault(self) -> str | None:
        """What an action must name beside its signer."""
        return None if self.account == self.master else self.account

    def expires_soon(self, now_ms: int) -> bool:
        """Whether the approval ends within a week."""
        return self.valid_until_ms is not None and self.valid_until_ms < now_ms + EXPIRES_SOON_MS

    def lines(self, now_ms: int) -> tuple[str, ...]:
        """Account and key, a line each."""
        of = "" if self.vault is None else f" of {self.master}"
        account = f"Account      {self.account} ({self.kind}{of})"
        if self.own_key:
            return account, f"Key          {self.signer}: THE ACCOUNT'S OWN KEY, it can withdraw"
        named = "an agent without a name" if self.agent is None else f"agent {self.agent!r}"
        until = ""
        if self.valid_until_ms is not None:
            end = datetime.fromtimestamp(self.valid_until_ms / 1000, UTC)
            days = (self.valid_until_ms - now_ms) / DAY_MS
            until = f", valid until {end:%Y-%m-%d %H:%M} UTC ({days:.1f} days)"
        return account, f"Key          {self.signer}, {named}{until}"


async def mandate_of(
    http: HttpClient, signer: str, account: str, *, master_key_allowed: bool, now_ms: int
) -> Mandate:
    """Ask the venue who the key and the account are, and refuse what cannot or should not trade.

    Args:
        http: The venue.
        signer: Address of the key.
        account: The account that is to hold orders and position.
        master_key_allowed: Whether the account's own key may sign.
        now_ms: Exchange time.

    Raises:
        ConfigError: The key may not act for the account; says what was found and expected.
        VenueError: No answer.
    """
    signer, account = signer.lower(), account.lower()
    key, kind = await asyncio.gather(_role(http, signer), _role(http, account))
    _refuse_account(account, kind)
    own_key = key["role"] != "agent"
    master = signer if own_key else str(key["data"]["user"]).lower()
    if own_key:
        _refuse_own_key(signer, account, key, allowed=master_key_allowed)
    owner = await _owner(http, account, kind)
    if owner != master:
        whose = "is" if own_key else "is an agent of"
        belongs = f"belongs to {owner}" if owner != account else "is a master account"
        raise ConfigError(
            f"the key {signer} {whose} {master}, but [account] address = {account} {belongs}:"
            " expected an agent that the account's master approved"
        )
    row = None if own_key else await _agent(http, master, signer)
    until_ms = None if row is None else int(row["validUntil"])
    if until_ms is not None and until_ms <= now_ms:
        raise ConfigError(f"the agent {signer} of {master} has expired: approve a new one")
    return Mandate(
        signer=signer,
        account=account,
        master=master,
        kind={"user": "master account", "subAccount": "sub-account", "vault": "vault"}[
            str(kind["role"])
        ],
        own_key=own_key,
        valid_until_ms=until_ms,
        agent=None if row is None else str(row["name"]),
    )


def _refuse_account(account: str, kind: Json) -> None:
    if kind["role"] == "agent":
        raise ConfigError(
            f"[account] address = {account} is an agent wallet of {kind['data']['user']}: expected"
            " the account that holds the position (queries about an agent are empty)"
        )
    if kind["role"] == "missing":
        raise ConfigError(
            f"[account] address = {account} is unknown to the venue: expected an account that has"
            " been funded there (is it the right network?)"
        )


def _refuse_own_key(signer: str, account: str, key: Json, *, allowed: bool) -> None:
    if key["role"] == "missing" and signer != account:
        raise ConfigError(
            f"the venue does not know the key {signer}: approve it as an agent of the account's"
            " master first (mm keys approve), on the same network"
        )
    if not allowed:
        raise ConfigError(
            f"the key {signer} is an account's own key, which can withdraw everything: expected an"
            " agent's; or ask for it with [account] master_key_allowed = true"
        )


async def _owner(http: HttpClient, account: str, kind: Json) -> str:
    """The master of an account: itself, a sub-account's master or a vault's leader."""
    if kind["role"] == "subAccount":
        return str(kind["data"]["master"]).lower()
    if kind["role"] == "vault":
        body = await http.info({"type": "vaultDetails", "vaultAddress": account})
        with understood("vaultDetails"):
            return str(json.loads(body)["leader"]).lower()
    return account


async def _agent(http: HttpClient, master: str, signer: str) -> Json | None:
    body = await http.info({"type": "extraAgents", "user": master})
    with understood("extraAgents"):
        rows: list[Json] = json.loads(body) or []
        found = [row for row in rows if str(row["address"]).lower() == signer]
        return {**found[0], "validUntil": int(found[0]["validUntil"])} if found else None


async def _role(http: HttpClient, address: str) -> Json:
    body = await http.info({"type": "userRole", "user": address})
    with understood(f"userRole of {address}"):
        role: Json = dict(json.loads(body))
        # Whom they act for: a role without that says nothing.
        if (whose := _WHOSE.get(role["role"])) is not None:
            str(role["data"][whose])
    if role["role"] not in _ROLES:
        raise VenueError(f"userRole of {address}: expected a role known here, got {role}")
    return role
