"""A paper exchange in this process: two funded accounts on bare books, no socket."""

import json
from dataclasses import dataclass, field
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from hyperliquid.utils.signing import sign_agent, sign_l1_action

from mm._core import PaperExchange

Json = Any  # whatever JSON holds

START_MS = 1_700_000_000_000
HTTP_OK = 200


def settings(accounts: list[LocalAccount]) -> dict[str, Json]:
    """What the exchange is opened with."""
    return {
        "instance": "test",
        "start_ms": START_MS,
        "warmup_ms": 0,
        "speed": 1.0,
        "block_ms": 70,
        "entry_ms": 0,
        "fees": {"maker": 15_000, "taker": 45_000},
        "cadence": "2026",
        "gtc_partial": "resting",
        "schedule_gate": "volume",
        "accounts": [{"address": wallet.address, "usdc": "10000"} for wallet in accounts],
    }


@dataclass(slots=True)
class Desk:
    """An exchange, its two accounts, and one websocket connection.

    Attributes:
        perps: Coin, decimals of its size and largest leverage, by asset number.
    """

    perps: list[tuple[str, int, int]]
    maker: LocalAccount = field(default_factory=Account.create)
    taker: LocalAccount = field(default_factory=Account.create)
    nonce: int = START_MS
    exchange: PaperExchange = field(init=False)
    connection: int = field(init=False)

    def __post_init__(self) -> None:
        keys = ("coin", "sz_decimals", "max_leverage")
        listed = [dict(zip(keys, perp, strict=True)) for perp in self.perps]
        self.exchange = PaperExchange(
            json.dumps(settings([self.maker, self.taker])),
            json.dumps({"kind": "clients", "perps": listed}),
        )
        self.connection = self.exchange.connect()

    def act(self, wallet: LocalAccount, action: dict[str, Json]) -> Json:
        """Sign an action as the SDK does, run its block, return the answer."""
        self.nonce += 1
        signature = sign_l1_action(wallet, action, None, self.nonce, None, False)
        return self._post(action, signature)

    def approve(self, wallet: LocalAccount, agent: str, name: str) -> Json:
        """Approve an agent."""
        self.nonce += 1
        action: dict[str, Json] = {
            "type": "approveAgent",
            "agentAddress": agent,
            "agentName": name,
            "nonce": self.nonce,
        }
        return self._post(action, sign_agent(wallet, action, False))

    def _post(self, action: dict[str, Json], signature: Json) -> Json:
        body = {"action": action, "nonce": self.nonce, "signature": signature}
        submitted = self.exchange.submit(json.dumps(body).encode())
        if not isinstance(submitted, int):
            assert submitted[0] == HTTP_OK, submitted
            return json.loads(submitted[1])
        self.exchange.advance(self.exchange.next_block_ns, 1)
        [(number, status, answer)] = self.exchange.take_replies()
        assert (number, status) == (submitted, HTTP_OK)
        return json.loads(answer)

    def order(self, wallet: LocalAccount, **changes: Json) -> Json:
        """Place one order: a bid of 0.01 of asset 0 at 99000, but for `changes` by letter."""
        order = {"a": 0, "b": True, "p": "99000", "s": "0.01", "r": False}
        order |= {"t": {"limit": {"tif": "Gtc"}}, **changes}
        return self.act(wallet, {"type": "order", "orders": [order], "grouping": "na"})

    def info(self, **request: Json) -> Json:
        """Ask, and expect an answer."""
        status, body = self.exchange.info(json.dumps(request).encode())
        assert status == HTTP_OK, body
        return json.loads(body)

    def subscribe(self, **subscription: Json) -> list[Json]:
        """Subscribe and return the frames that come at once."""
        message = {"method": "subscribe", "subscription": subscription}
        assert self.exchange.ws_message(self.connection, json.dumps(message))
        return self.frames()

    def frames(self) -> list[Json]:
        """The frames sent since the last call."""
        return [json.loads(frame) for _, frame in self.exchange.take_frames()]
