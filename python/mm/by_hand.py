"""One account opened for an operator: no engine, no streams, but the same key, nonces and weights.

It holds the account's state, so that a maker and a hand never sign side by side.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mm._core import Instrument
from mm.accounts import PAPER_ACCOUNT
from mm.clock import Clock
from mm.config import Config, expires_after_s
from mm.config.engine import recovery
from mm.hyperliquid.account import Account
from mm.hyperliquid.gateway import Envelope, Gateway
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.meta import load_instrument
from mm.hyperliquid.nonces import nonces_of
from mm.hyperliquid.pacing import Pacer
from mm.hyperliquid.reading import rows_of, understood
from mm.inbox import Inbox
from mm.live.opening import open_live
from mm.meter import Meter
from mm.paper.venue import open_given, open_standing
from mm.state import StateDir
from mm.venue import Venue

SENT = "by-hand.jsonl"
"""In the account's state: which nonce carried what, as a run's own list of sends."""

Json = dict[str, Any]  # Any: what the venue answered


@dataclass(frozen=True, slots=True)
class Hand:
    """What an operator's command works with.

    Attributes:
        venue: Where.
        http: Of the venue.
        clock: Exchange time.
        instrument: The perp.
        account: Of the coin; every order on it is the operator's to cancel.
        gateway: Signs.
        recovery: The section `[recovery]`, JSON text.
    """

    venue: Venue
    http: HttpClient
    clock: Clock
    instrument: Instrument
    account: Account
    gateway: Gateway
    recovery: str

    async def orders(self) -> list[Json]:
        """Orders of the account for the coin, as the venue shows them."""
        body = await self.account.ask("frontendOpenOrders", urgent=True)
        with understood("frontendOpenOrders"):
            rows = [row for row in rows_of(body) if row["coin"] == self.account.coin]
            for row in rows:
                row["side"], row["sz"], row["limitPx"]
            return rows

    async def position(self) -> Decimal:
        """The exchange's position, in coin."""
        body = await self.account.ask("clearinghouseState", urgent=True)
        with understood("clearinghouseState"):
            rows = [row["position"] for row in json.loads(body)["assetPositions"]]
            held = [Decimal(row["szi"]) for row in rows if row["coin"] == self.account.coin]
        return held[0] if held else Decimal(0)


@asynccontextmanager
async def opened(config: Config, base_url: str | None) -> AsyncIterator[Hand]:
    """Open the account of a configuration for the length of a block.

    Args:
        config: Network, account, one coin, and where the key is.
        base_url: Instead of the network's own, or of a paper exchange that somebody runs.

    Raises:
        StateError: A maker holds the account: `mm kill` is for that.
        ConfigError: Key, account or coin cannot be used.
        VenueError: No answer, or no paper exchange lives.
    """
    network = config.process.network
    name = PAPER_ACCOUNT if network == "paper" else config.account.address
    assert name is not None, "the configuration demands it"
    with StateDir.open(network, name) as state:
        venue = await _venue(config, base_url, state)
        async with HttpClient(venue.base_url) as http:
            instrument = await load_instrument(http, config.process.coin)
            pacer = Pacer(venue.clock)
            life_s = expires_after_s(config)
            nonces, _ = nonces_of(venue.signer.address, state, venue.clock, life_s)
            with (state.path / SENT).open("ab") as sent:
                gateway = Gateway(
                    line=http,
                    signer=venue.signer,
                    instrument=instrument,
                    clock=venue.clock,
                    nonces=nonces,
                    pacer=pacer,
                    inbox=Inbox(),
                    meter=Meter(),
                    envelope=Envelope(life_s, venue.vault, venue.mainnet),
                    sent=sent,
                    on_fate_known=_nothing,
                )
                yield Hand(
                    venue=venue,
                    http=http,
                    clock=venue.clock,
                    instrument=instrument,
                    account=Account(http, pacer, venue.user, instrument.coin),
                    gateway=gateway,
                    recovery=json.dumps(recovery(config)),
                )
                await gateway.close()


async def _venue(config: Config, base_url: str | None, state: StateDir) -> Venue:
    if config.process.network != "paper":
        return await open_live(config, base_url)
    return await (
        open_standing(state)
        if base_url is None
        else open_given(base_url, state, config.process.coin)
    )


def _nothing() -> None:
    """Nobody waits for the fate of an action here: each command asks the account afterwards."""
