"""The official SDK and our signer agree, byte for byte."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from hyperliquid.utils import signing as sdk
from hyperliquid.utils.types import Cloid

from mm._core import Action, ConfigError, EventError, Instrument, Signer, recover_signer

SECRET = "0x0123456789012345678901234567890123456789012345678901234567890123"
VAULTS = (None, "0x1719884eb866cb12b2287399b15f7db5e7d775ea")
ACTIONS = 1_000
KINDS = (
    "order",
    "cancel",
    "cancelByCloid",
    "batchModify",
    "updateLeverage",
    "scheduleCancel",
    "noop",
)

# `Any`: what stands in an action differs by kind, and the SDK types it no better.
Json = dict[str, Any]


class Draw:
    """One random action: as the SDK writes it, and signed by us."""

    def __init__(self, rng: random.Random, kind: str) -> None:
        self.rng = rng
        self.instrument = Instrument("COIN", rng.randrange(300), rng.randrange(6), 20)
        self.nonce = rng.randrange(10**12, 2 * 10**12)
        self.vault = rng.choice(VAULTS)
        self.expires_after = rng.choice((None, self.nonce + rng.randrange(60_000)))
        self.mainnet = rng.random() < 0.5
        self.body: Json | None = None
        self.action: Json = getattr(self, f"_{kind.lower()}")()

    def signed(self, signer: Signer) -> bytes:
        """Sign the engine's action where there is one, else the SDK's own."""
        options: Json = {
            "expires_after_ms": self.expires_after,
            "vault": self.vault,
            "mainnet": self.mainnet,
        }
        if self.body is None:
            return signer.sign_json(json.dumps(self.action), self.nonce, **options)
        engine = Action(json.dumps({"id": 1, "cycle": 1, "body": self.body}))
        return signer.sign(engine, self.instrument, self.nonce, **options)

    def _new_order(self) -> tuple[Json, Json]:
        """The same order in lattice units for the engine and in coin and USDC for the SDK."""
        rng, perp = self.rng, self.instrument
        px = rng.randrange(1, 10 ** rng.randrange(1, 9))
        sz = rng.randrange(1, 10 ** rng.randrange(1, 8))
        cloid = f"0x{rng.getrandbits(128):032x}"
        buys, reduces = rng.random() < 0.5, rng.random() < 0.3
        tif = rng.choice(("Alo", "Ioc", "Gtc"))
        engine = {
            "cloid": cloid,
            "side": "Bid" if buys else "Ask",
            "px": px,
            "sz": sz,
            "tif": tif,
            "reduce_only": reduces,
            "reason": "NewLevel",
        }
        request = {
            "coin": perp.coin,
            "is_buy": buys,
            "sz": float(Decimal(sz).scaleb(-perp.sz_decimals)),
            "limit_px": float(Decimal(px).scaleb(-perp.px_decimals)),
            "order_type": {"limit": {"tif": tif}},
            "reduce_only": reduces,
            "cloid": Cloid.from_str(cloid),
        }
        return engine, sdk.order_request_to_order_wire(request, perp.asset)

    def _new_orders(self) -> tuple[list[Json], list[Json]]:
        drawn = [self._new_order() for _ in range(self.rng.randrange(1, 20))]
        return [engine for engine, _ in drawn], [wire for _, wire in drawn]

    def _order(self) -> Json:
        engine, wires = self._new_orders()
        self.body = {"Place": engine}
        action: Json = sdk.order_wires_to_order_action(wires)
        return action

    def _batchmodify(self) -> Json:
        engine, wires = self._new_orders()
        oids = [self.rng.randrange(2**40) for _ in wires]
        self.body = {"Modify": [{"oid": o, "order": e} for o, e in zip(oids, engine, strict=True)]}
        modifies = [{"oid": o, "order": w} for o, w in zip(oids, wires, strict=True)]
        return {"type": "batchModify", "modifies": modifies}

    def _cancel(self) -> Json:
        oids = [self.rng.randrange(2**40) for _ in range(self.rng.randrange(1, 20))]
        return {"type": "cancel", "cancels": [{"a": self.instrument.asset, "o": o} for o in oids]}

    def _cancelbycloid(self) -> Json:
        cloids = [f"0x{self.rng.getrandbits(128):032x}" for _ in range(self.rng.randrange(1, 20))]
        self.body = {"Cancel": [{"cloid": c, "reason": "LevelGone"} for c in cloids]}
        cancels = [{"asset": self.instrument.asset, "cloid": c} for c in cloids]
        return {"type": "cancelByCloid", "cancels": cancels}

    def _updateleverage(self) -> Json:
        return {
            "type": "updateLeverage",
            "asset": self.instrument.asset,
            "isCross": self.rng.random() < 0.5,
            "leverage": self.rng.randrange(1, 51),
        }

    def _schedulecancel(self) -> Json:
        if self.rng.random() < 0.5:
            return {"type": "scheduleCancel"}
        return {"type": "scheduleCancel", "time": self.nonce + 5_000}

    def _noop(self) -> Json:
        return {"type": "noop"}


@pytest.fixture(scope="module")
def wallet() -> LocalAccount:
    account: LocalAccount = Account.from_key(SECRET)
    return account


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer(SECRET)


def test_signatures_equal_those_of_the_official_sdk(wallet: LocalAccount, signer: Signer) -> None:
    rng = random.Random(20250904)
    address = wallet.address.lower()
    assert signer.address == address
    for at in range(ACTIONS):
        draw = Draw(rng, KINDS[at % len(KINDS)])
        theirs = sdk.sign_l1_action(
            wallet, draw.action, draw.vault, draw.nonce, draw.expires_after, draw.mainnet
        )
        body = draw.signed(signer)
        ours = json.loads(body)
        # Dumped, because the order of keys counts: it is what is hashed.
        assert json.dumps(ours["action"]) == json.dumps(draw.action)
        assert (ours["nonce"], ours["vaultAddress"], ours["expiresAfter"]) == (
            draw.nonce,
            draw.vault,
            draw.expires_after,
        )
        # The SDK drops leading zeros of r and s; the venue reads both forms.
        padded = {half: f"0x{int(theirs[half], 16):064x}" for half in "rs"}
        assert ours["signature"] == padded | {"v": theirs["v"]}, draw.action
        assert recover_signer(body, mainnet=draw.mainnet) == address
        posted = json.dumps(ours | {"signature": theirs}).encode()
        assert recover_signer(posted, mainnet=draw.mainnet) == address


def test_recovery_equals_that_of_the_official_sdk(signer: Signer) -> None:
    rng = random.Random(7)
    for at in range(5 * len(KINDS)):
        draw = Draw(rng, KINDS[at % len(KINDS)])
        body = draw.signed(signer)
        # The other network on purpose: a signature nobody meant has one stranger for both of us.
        other = not draw.mainnet
        stranger = sdk.recover_agent_or_user_from_l1_action(
            draw.action,
            json.loads(body)["signature"],
            draw.vault,
            draw.nonce,
            draw.expires_after,
            other,
        )
        assert recover_signer(body, mainnet=other) == stranger.lower() != signer.address


def test_user_signed_actions_equal_those_of_the_official_sdk(
    wallet: LocalAccount, signer: Signer
) -> None:
    for mainnet in (True, False):
        agent: Json = {
            "type": "approveAgent",
            "agentAddress": "0x0d1d9635d0640821d15e323ac8adadfa9c111414",
            "agentName": "bot",
            "nonce": 1_700_000_000_000,
        }
        theirs = sdk.sign_agent(wallet, agent, mainnet)
        body = signer.sign_json(json.dumps(agent), agent["nonce"], mainnet=mainnet)
        ours = json.loads(body)["signature"]
        assert {key: int(str(ours[key]), 0) for key in "rsv"} == {
            key: int(str(theirs[key]), 0) for key in "rsv"
        }
        assert recover_signer(body, mainnet=mainnet) == signer.address
        with pytest.raises(ConfigError, match="hyperliquidChain"):
            signer.sign_json(json.dumps(agent), agent["nonce"], mainnet=not mainnet)


def test_a_changed_byte_is_a_stranger(signer: Signer) -> None:
    body = signer.sign_json('{"type":"noop"}', 1_700_000_000_000, mainnet=False)
    changed = body.replace(b"1700000000000", b"1700000000001")
    assert recover_signer(changed, mainnet=False) != signer.address


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "not a signed action"),
        (b"{}", "missing field `action`"),
        (
            b'{"action":{"type":"noop"},"nonce":1,"signature":{"r":"0x0","s":"0x0","v":27}}',
            "Unable to recover signer.",
        ),
    ],
)
def test_what_nobody_signed_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(EventError, match=message):
        recover_signer(body, mainnet=False)


def test_a_secret_is_never_repeated() -> None:
    with pytest.raises(ConfigError) as refused:
        Signer("0xdeadbeef")
    assert "deadbeef" not in str(refused.value)
    assert repr(Signer(SECRET)) == "Signer(0x14791697260e4c9a71f18484c9f997b308e59325)"


def test_bad_arguments_are_refused_with_their_value(signer: Signer) -> None:
    noop = '{"type":"noop"}'
    with pytest.raises(ConfigError, match='address was "0x12"'):
        signer.sign_json(noop, 1, vault="0x12", mainnet=False)
    with pytest.raises(ConfigError, match="not an action"):
        signer.sign_json('{"type":"order"}', 1, mainnet=False)
    with pytest.raises(EventError, match="not an action"):
        Action("{}")
    with pytest.raises(OverflowError):
        signer.sign_json(noop, -1, mainnet=False)
