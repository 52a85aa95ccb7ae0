"""Moving USDC between the balances of one owner: all that needs the master's key.

An agent may not do it, and none should. What is signed is made by the official SDK's own functions.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from mm.errors import ConfigError
from mm.hyperliquid.account import check
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.reading import understood
from mm.log import hide

MICRO = Decimal("0.000001")
MOST = Decimal(10**12)
ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
DEX = re.compile(r"[a-zA-Z0-9]{1,20}")
WANTED = "expected perp, spot, dex:NAME or sub:0x... (40 hexadecimal digits)"

Kind = Literal["perp", "spot", "dex", "sub"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Balance:
    """Where USDC of an owner lies.

    Attributes:
        kind: The perps' balance, the spot balance, that of a builder's dex, or a sub-account's.
        of: The dex's name or the sub-account's address; else empty.
    """

    kind: Kind
    of: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.of}" if self.of else self.kind

    @property
    def dex(self) -> str:
        """As `sendAsset` names it."""
        return {"perp": "", "spot": "spot", "dex": self.of}[self.kind]


@dataclass(frozen=True, slots=True)
class Transfer:
    """What is to be moved.

    Attributes:
        usd: USDC, in whole micro-USDC.
        source: From where.
        to: Where to.
    """

    usd: Decimal
    source: Balance
    to: Balance


def parsed(amount: str, source: str, to: str) -> Transfer:
    """Read what a person typed.

    Args:
        amount: USDC, at most six decimals.
        source: From where.
        to: Where to.

    Returns:
        What is to be moved.

    Raises:
        ConfigError: Naming what is no amount or no balance, or a pair between which the venue moves
            nothing in one step.
    """
    try:
        usd = Decimal(amount)
    except InvalidOperation:
        usd = Decimal("NaN")
    if not (usd.is_finite() and 0 < usd <= MOST and usd == usd.quantize(MICRO)):
        raise ConfigError(f"amount {amount!r}: expected USDC above 0 with at most 6 decimals")
    move = Transfer(usd, _balance("--from", source), _balance("--to", to))
    kinds = {move.source.kind, move.to.kind}
    if move.source == move.to or ("sub" in kinds and kinds != {"sub", "perp"}):
        raise ConfigError(
            f"--from {source} --to {to}: the venue moves between two balances of one account, or"
            " between perp and sub:0x...; anything else takes two transfers"
        )
    return move


def _balance(option: str, text: str) -> Balance:
    kind, _, of = text.partition(":")
    if text in {"perp", "spot"}:
        return Balance("perp" if text == "perp" else "spot")
    if kind == "sub" and ADDRESS.fullmatch(of):
        return Balance("sub", of.lower())
    if kind == "dex" and DEX.fullmatch(of):
        return Balance("dex", of)
    raise ConfigError(f"{option} {text!r}: {WANTED}")


class Teller:
    """One owner's balances at the venue.

    Attributes:
        address: The owner's.
    """

    def __init__(self, http: HttpClient, secret: str, *, mainnet: bool) -> None:
        """Hold the owner's key for as long as this lives.

        Args:
            http: An open connection.
            secret: The owner's key.
            mainnet: Whether signatures are for mainnet.
        """
        from eth_account import Account  # noqa: PLC0415 - takes a second to load

        hide(secret)
        self._http, self._mainnet = http, mainnet
        self._wallet = Account.from_key(secret)
        self.address: str = self._wallet.address.lower()

    async def free(self, balance: Balance) -> Decimal:
        """What could leave a balance now, USDC.

        Raises:
            VenueError: No answer that can be read.
        """
        who = balance.of if balance.kind == "sub" else self.address
        if balance.kind == "spot":
            answer = await self._ask({"type": "spotClearinghouseState", "user": who})
            with understood("the spot balance"):
                rows = {row["coin"]: row for row in answer["balances"]}
                usdc = rows.get("USDC")
                return Decimal(usdc["total"]) - Decimal(usdc["hold"]) if usdc else Decimal(0)
        query = {"type": "clearinghouseState", "user": who}
        if balance.kind == "dex":
            query["dex"] = balance.of
        answer = await self._ask(query)
        with understood(f"the balance {balance}"):
            return Decimal(answer["withdrawable"])

    async def send(self, move: Transfer) -> None:
        """Move it.

        Raises:
            RejectedError: The venue refused, with its words.
            LostReplyError: Nobody knows whether it was moved.
        """
        now_ms = time.time_ns() // 1_000_000
        action, signature = await self._signed(move, now_ms)
        body = {"action": action, "nonce": now_ms, "signature": signature, "vaultAddress": None}
        what = f"moving {move.usd} USDC from {move.source} to {move.to}"
        check(await self._http.exchange(json.dumps(body).encode()), what)

    async def _signed(self, move: Transfer, now_ms: int) -> tuple[Json, Json]:
        from hyperliquid.utils import signing  # noqa: PLC0415

        kinds = {move.source.kind, move.to.kind}
        action: Json
        if "sub" in kinds:
            into_sub = move.to.kind == "sub"
            action = {
                "type": "subAccountTransfer",
                "subAccountUser": move.to.of if into_sub else move.source.of,
                "isDeposit": into_sub,
                "usd": int(move.usd / MICRO),
            }
            signature = signing.sign_l1_action(
                self._wallet, action, None, now_ms, None, self._mainnet
            )
            return action, signature
        if kinds == {"perp", "spot"}:
            action = {"type": "usdClassTransfer", "amount": f"{move.usd:f}", "nonce": now_ms}
            action["toPerp"] = move.to.kind == "perp"
            signature = signing.sign_usd_class_transfer_action(self._wallet, action, self._mainnet)
            return action, signature
        action = {
            "type": "sendAsset",
            "destination": self.address,
            "sourceDex": move.source.dex,
            "destinationDex": move.to.dex,
            "token": await self._usdc(),
            "amount": f"{move.usd:f}",
            "fromSubAccount": "",
            "nonce": now_ms,
        }
        return action, signing.sign_send_asset_action(self._wallet, action, self._mainnet)

    async def _usdc(self) -> str:
        """The token's full name on this network."""
        meta = await self._ask({"type": "spotMeta"})
        with understood("the list of tokens"):
            ids = {token["name"]: token["tokenId"] for token in meta["tokens"]}
            return f"USDC:{ids['USDC']}"

    async def _ask(self, query: Mapping[str, object]) -> Json:
        reply = await self._http.info(query)
        with understood(str(query["type"])):
            answer: Json = json.loads(reply)
            return dict(answer)
