"""The unmodified official SDK and accounts: isolated margin, stops, sub-accounts, transfers."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from eth_account.signers.local import LocalAccount
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info

from paper_process import Served, serving

pytestmark = pytest.mark.wire

COIN = "ETH"
DONE = {"status": "ok", "response": {"type": "default"}}


@dataclass(frozen=True, slots=True)
class Client:
    """One account of the exchange through the SDK."""

    url: str
    wallet: LocalAccount
    info: Info
    exchange: Exchange

    @property
    def address(self) -> str:
        return str(self.wallet.address)

    def value(self, address: str | None = None) -> float:
        state = self.info.user_state(address or self.address)
        return float(state["marginSummary"]["accountValue"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("exchange"), "--speed", "20", "--seed", "7") as exchange:
        yield exchange


@pytest.fixture
def client(served: Served) -> Client:
    wallet = served.wallets[0]
    info = Info(served.url, skip_ws=True)
    return Client(served.url, wallet, info, Exchange(wallet, served.url))


def test_an_isolated_position_takes_and_gives_back_collateral(client: Client) -> None:
    assert client.exchange.update_leverage(10, COIN, is_cross=False) == DONE
    bought = client.exchange.market_open(COIN, True, 0.1)
    assert "filled" in bought["response"]["data"]["statuses"][0], bought
    [held] = client.info.user_state(client.address)["assetPositions"]
    before = float(held["position"]["marginUsed"])
    assert held["position"]["leverage"]["type"] == "isolated"
    assert client.exchange.update_isolated_margin(50, COIN) == DONE
    [held] = client.info.user_state(client.address)["assetPositions"]
    assert float(held["position"]["marginUsed"]) == pytest.approx(before + 50, abs=10)
    switched = client.exchange.update_leverage(10, COIN, is_cross=True)
    assert switched["response"] == "Cannot switch leverage type with open position."

    px = float(client.info.all_mids()[COIN])
    stop = client.exchange.order(
        COIN,
        is_buy=False,
        sz=0.1,
        limit_px=round(px * 0.8),
        order_type={"trigger": {"isMarket": True, "triggerPx": round(px * 0.9), "tpsl": "sl"}},
        reduce_only=True,
    )
    assert stop["response"]["data"]["statuses"] == ["waitingForTrigger"]
    [waiting] = client.info.frontend_open_orders(client.address)
    assert waiting["orderType"] == "Stop Market"
    cancelled = client.exchange.cancel(COIN, waiting["oid"])
    assert cancelled["response"]["data"]["statuses"] == ["success"]

    closed = client.exchange.market_close(COIN)
    assert "filled" in closed["response"]["data"]["statuses"][0], closed
    state = client.info.user_state(client.address)
    assert state["assetPositions"] == []
    assert state["marginSummary"] == state["crossMarginSummary"]
    assert client.exchange.update_leverage(10, COIN, is_cross=True) == DONE


def test_a_sub_account_trades_with_its_own_money(client: Client) -> None:
    created = client.exchange.create_sub_account("second")
    sub = created["response"]["data"]
    assert client.exchange.sub_account_transfer(sub, True, 500_000_000) == DONE
    assert client.value(sub) == 500.0
    [row] = client.info.query_sub_accounts(client.address)
    assert (row["name"], row["subAccountUser"]) == ("second", sub)
    for_sub = Exchange(client.wallet, client.url, vault_address=sub)
    bought = for_sub.market_open(COIN, True, 0.01)
    assert "filled" in bought["response"]["data"]["statuses"][0], bought
    [held] = client.info.user_state(sub)["assetPositions"]
    assert held["position"]["szi"] == "0.01"
    assert client.info.user_state(client.address)["assetPositions"] == []


def test_usdc_moves_between_balances_and_accounts(client: Client, served: Served) -> None:
    other = served.wallets[1].address
    assert client.exchange.usd_transfer(25, other) == DONE
    assert client.value(other) == 10_025.0
    before = client.value()
    assert client.exchange.usd_class_transfer(100, to_perp=False) == DONE
    assert client.value() == pytest.approx(before - 100)
    [usdc] = client.info.spot_user_state(client.address)["balances"]
    assert usdc["total"] == "100.0"
    assert client.exchange.usd_class_transfer(100, to_perp=True) == DONE
    assert client.exchange.withdraw_from_bridge(10, client.address) == DONE
    assert client.value() == pytest.approx(before - 10)
