"""A client of another ecosystem: ccxt's Hyperliquid class, only its URLs redirected.

`pip install --require-hashes -r requirements/ccxt.txt` brings it; `.ci/run` does.
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from paper_process import Served, serving

pytestmark = pytest.mark.wire

try:
    import ccxt
except ImportError:
    ccxt = None
    if os.environ.get("CI") != "true":
        pytest.skip("ccxt is absent: requirements/ccxt.txt brings it", allow_module_level=True)

Client = Any  # ccxt builds its classes from tables
COIN = "ETH/USDC:USDC"
BUILDERS = "TEST-ABC/USDC:USDC"
PERP = ("--perp", "test:ABC=0,3,1.2")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    directory = tmp_path_factory.mktemp("exchange")
    with serving(directory, "--speed", "5", "--seed", "7", *PERP) as exchange:
        yield exchange


@pytest.fixture(scope="module")
def client(served: Served) -> Client:
    """With its markets loaded. The sandbox is its word for signing as testnet does."""
    assert ccxt is not None, "CI installs ccxt"
    wallet = served.wallets[0]
    secret = "0x" + wallet.key.hex().removeprefix("0x")
    client = ccxt.hyperliquid({"walletAddress": wallet.address.lower(), "privateKey": secret})
    client.set_sandbox_mode(True)
    client.urls["api"] = dict.fromkeys(("public", "private"), served.url)
    client.session.trust_env = False
    client.load_markets()
    return client


def test_markets_of_every_kind_are_read(client: Client) -> None:
    assert {"BTC/USDC:USDC", COIN, BUILDERS, "PURR/USDC"} <= set(client.markets)
    market = client.market(COIN)
    assert (market["baseId"], market["limits"]["leverage"]["max"]) == ("1", 25.0)
    assert client.market(BUILDERS)["baseId"] == "110000"
    assert client.market(COIN)["precision"]["amount"] == pytest.approx(0.0001)


def test_the_market_is_read(client: Client) -> None:
    book = client.fetch_order_book(COIN)
    assert book["bids"][0][0] < book["asks"][0][0]
    ticker = client.fetch_ticker(COIN)
    assert ticker["bid"] <= ticker["ask"]
    candles = client.fetch_ohlcv(COIN, "1m", limit=5)
    assert len(candles) >= 5
    assert all(low <= close <= high for _, _, high, low, close, _ in candles)
    rate = client.fetch_funding_rate(COIN)
    assert abs(rate["fundingRate"]) <= 0.04
    assert rate["markPrice"] > 0
    assert client.fetch_funding_rate_history(COIN)[0]["symbol"] == COIN
    assert client.fetch_open_interest(COIN)["openInterestAmount"] > 0


def test_an_order_lives_as_ccxt_expects(client: Client) -> None:
    assert client.set_leverage(5, COIN)["status"] == "ok"
    px = round(0.9 * client.fetch_order_book(COIN)["bids"][0][0])
    placed = client.create_order(COIN, "limit", "buy", 0.01, px, {"postOnly": True})
    [resting] = client.fetch_open_orders(COIN)
    assert (resting["id"], resting["price"], resting["status"]) == (placed["id"], px, "open")
    edited = client.edit_order(
        placed["id"], COIN, "limit", "buy", 0.02, px + 10, {"postOnly": True}
    )
    assert edited["id"] != placed["id"]
    now = client.fetch_order(edited["id"], COIN)
    assert (now["amount"], now["price"], now["status"]) == (0.02, px + 10, "open")
    client.cancel_order(edited["id"], COIN)
    assert client.fetch_open_orders(COIN) == []
    with pytest.raises(ccxt.OrderNotFound):
        client.cancel_order(edited["id"], COIN)
    with pytest.raises(ccxt.InvalidOrder):
        client.create_order(COIN, "limit", "buy", 0.0001, px)
    best = client.fetch_order_book(COIN)["asks"][0][0]
    with pytest.raises(ccxt.InvalidOrder):
        client.create_order(COIN, "limit", "buy", 0.01, round(best * 1.01), {"postOnly": True})


def test_a_trade_moves_position_and_balance(client: Client) -> None:
    client.set_margin_mode("cross", COIN, {"leverage": 5})
    before = client.fetch_balance()["USDC"]["total"]
    px = client.fetch_order_book(COIN)["asks"][0][0]
    bought = client.create_order(COIN, "market", "buy", 0.05, px)
    [held] = client.fetch_positions([COIN])
    assert (held["contracts"], held["side"], held["leverage"]) == (0.05, "long", 5.0)
    trade = client.fetch_my_trades(COIN)[-1]
    assert (trade["order"], trade["side"], trade["takerOrMaker"]) == (bought["id"], "buy", "taker")
    # ccxt is the builder of its orders: it had a fee of 1 bp approved before the first of them.
    fee, builder = (float(trade["info"][key]) for key in ("fee", "builderFee"))
    notional = 0.05 * trade["price"]
    assert builder == pytest.approx(0.0001 * notional, rel=0.01)
    assert fee - builder == pytest.approx(0.00045 * notional, rel=0.01)
    client.create_order(COIN, "market", "sell", 0.05, px, {"reduceOnly": True})
    assert client.fetch_positions([COIN]) == []
    assert before - 5 < client.fetch_balance()["USDC"]["total"] < before + 5
    assert client.fetch_trading_fee(COIN)["taker"] == 0.00045


def test_the_gate_of_schedule_cancel_is_told_in_the_venues_words(client: Client) -> None:
    with pytest.raises(ccxt.ExchangeError, match="until enough volume traded"):
        client.cancel_all_orders_after(10_000)
