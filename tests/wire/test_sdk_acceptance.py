"""The unmodified official SDK trades on the paper exchange: another process, over TCP.

The acceptance test at the end of HYPERLIQUID.md 8, schedule_cancel and spot channels excepted.
"""

import socket
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest
from eth_account import Account
from hyperliquid import exchange as sdk_exchange
from hyperliquid.exchange import Exchange
from hyperliquid.info import Info
from hyperliquid.utils.types import Cloid

from paper_process import Served, serving

pytestmark = pytest.mark.wire

COIN = "BTC"
WAIT_S = 8.0
GONE = "Order was never placed, already canceled, or filled. asset=0"

T = TypeVar("T")


def wait_for(found: Callable[[], T]) -> T:
    """The first true value of `found`; fails after `WAIT_S`."""
    deadline = time.monotonic() + WAIT_S
    while not (value := found()):
        assert time.monotonic() < deadline, f"waited {WAIT_S} s in vain"
        time.sleep(0.01)
    return value


@dataclass(frozen=True, slots=True)
class Client:
    """The SDK's two objects, and every frame it routed, by channel."""

    info: Info
    exchange: Exchange
    address: str
    frames: dict[str, list[Any]]  # Any: JSON

    def statuses(self, answer: dict[str, Any]) -> list[Any]:  # Any: JSON
        assert answer["status"] == "ok", answer
        return list(answer["response"]["data"]["statuses"])

    def touch(self) -> tuple[int, int]:
        levels = self.info.l2_snapshot(COIN)["levels"]
        return round(float(levels[0][0]["px"])), round(float(levels[1][0]["px"]))

    def resting(self, px: int, sz: float = 0.001, cloid: Cloid | None = None) -> int:
        """Place a post-only bid and return its oid."""
        answer = self.exchange.order(COIN, True, sz, px, {"limit": {"tif": "Alo"}}, cloid=cloid)
        return int(self.statuses(answer)[0]["resting"]["oid"])

    def open_oids(self) -> set[int]:
        return {order["oid"] for order in self.info.open_orders(self.address)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A demo market at twenty times the speed of life."""
    with serving(tmp_path_factory.mktemp("exchange"), "--speed", "20", "--seed", "7") as exchange:
        yield exchange


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Client]:
    wallet = served.wallets[0]
    info = Info(served.url)
    frames: dict[str, list[Any]] = defaultdict(list)  # Any: JSON

    def keep(frame: Any) -> None:  # noqa: ANN401 - JSON
        frames[frame["channel"]].append(frame["data"])

    user = {"user": wallet.address}
    for subscription in (
        {"type": "allMids"},
        {"type": "l2Book", "coin": COIN},
        {"type": "trades", "coin": COIN},
        {"type": "bbo", "coin": COIN},
        {"type": "candle", "coin": COIN, "interval": "1m"},
        {"type": "activeAssetCtx", "coin": COIN},
        {"type": "activeAssetData", "coin": COIN, **user},
        {"type": "userEvents", **user},
        {"type": "userFills", **user},
        {"type": "orderUpdates", **user},
        {"type": "userFundings", **user},
        {"type": "userNonFundingLedgerUpdates", **user},
        {"type": "webData2", **user},
    ):
        info.subscribe(subscription, keep)
    yield Client(info, Exchange(wallet, served.url), wallet.address, frames)
    info.disconnect_websocket()
    info.ws_manager.join(WAIT_S)


def test_the_client_starts(client: Client) -> None:
    assert client.info.name_to_asset(COIN) == 0
    assert client.exchange.info.coin_to_asset == client.info.coin_to_asset
    state = client.info.user_state(client.address)
    assert state["marginSummary"]["accountValue"] == "10000.0"
    assert state["assetPositions"] == []


@pytest.mark.parametrize(
    "channel",
    [
        "allMids",
        "l2Book",
        "trades",
        "bbo",
        "candle",
        "activeAssetCtx",
        "activeAssetData",
        "userFills",
        "userFundings",
        "userNonFundingLedgerUpdates",
        "webData2",
    ],
)
def test_every_routed_channel_delivers(client: Client, channel: str) -> None:
    wait_for(lambda: client.frames[channel])


def test_market_data_goes_on(client: Client) -> None:
    wanted = {"bbo": 20, "trades": 3, "l2Book": 2, "activeAssetCtx": 5}
    wait_for(lambda: all(len(client.frames[channel]) > n for channel, n in wanted.items()))
    for bbo in client.frames["bbo"]:
        bid, ask = bbo["bbo"]
        assert bid is None or ask is None or float(bid["px"]) < float(ask["px"])


def test_a_far_order_rests_until_it_is_cancelled(client: Client) -> None:
    far = client.touch()[0] * 9 // 10
    oid = client.resting(far)
    [order] = [order for order in client.info.open_orders(client.address) if order["oid"] == oid]
    assert (order["side"], order["sz"], order["limitPx"]) == ("B", "0.001", f"{far}.0")
    assert client.statuses(client.exchange.cancel(COIN, oid)) == ["success"]
    assert oid not in client.open_oids()
    assert client.statuses(client.exchange.cancel(COIN, oid)) == [{"error": GONE}]
    states = wait_for(
        lambda: [
            update["status"]
            for frame in client.frames["orderUpdates"]
            for update in frame
            if update["order"]["oid"] == oid and update["status"] != "open"
        ]
    )
    assert states == ["canceled"]


def test_cancel_by_cloid(client: Client) -> None:
    cloid = Cloid.from_int(17)
    client.resting(client.touch()[0] * 9 // 10, cloid=cloid)
    status = client.info.query_order_by_cloid(client.address, cloid)
    assert status["order"]["status"] == "open"
    assert client.statuses(client.exchange.cancel_by_cloid(COIN, cloid)) == ["success"]
    assert client.statuses(client.exchange.cancel_by_cloid(COIN, cloid)) == [{"error": GONE}]
    status = client.info.query_order_by_cloid(client.address, cloid)
    assert status["order"]["status"] == "canceled"


def test_a_crossing_post_only_order_is_refused(client: Client) -> None:
    px = client.touch()[1] * 101 // 100
    answer = client.exchange.order(COIN, True, 0.001, px, {"limit": {"tif": "Alo"}})
    [status] = client.statuses(answer)
    assert status["error"].startswith("Post only order would have immediately matched, bbo was ")
    assert status["error"].endswith(". asset=0")
    historical = client.info.historical_orders(client.address)[0]
    assert historical["status"] == "badAloPxRejected"


def test_an_immediate_order_becomes_a_position(client: Client) -> None:
    before = len(client.info.user_fills(client.address))
    px = client.touch()[1] * 101 // 100
    answer = client.exchange.order(COIN, True, 0.002, px, {"limit": {"tif": "Ioc"}})
    filled = client.statuses(answer)[0]["filled"]
    assert filled["totalSz"] == "0.002"
    [held] = client.info.user_state(client.address)["assetPositions"]
    assert (held["position"]["coin"], held["position"]["szi"]) == (COIN, "0.002")
    fills = client.info.user_fills(client.address)
    fresh = fills[: len(fills) - before]
    assert {fill["oid"] for fill in fresh} == {filled["oid"]}
    assert sum(float(fill["sz"]) for fill in fresh) == pytest.approx(0.002)
    assert all(fill["crossed"] and fill["dir"] == "Open Long" for fill in fresh)

    def streamed(channel: str) -> set[int]:
        frames = [frame for frame in client.frames[channel] if not frame.get("isSnapshot")]
        return {fill["tid"] for frame in frames for fill in frame.get("fills", [])}

    tids = {fill["tid"] for fill in fresh}
    wait_for(lambda: tids <= streamed("userFills"))
    wait_for(lambda: tids <= streamed("user"))
    public = {trade["tid"] for frame in client.frames["trades"] for trade in frame}
    assert tids <= public


def test_market_open_and_close(client: Client) -> None:
    opened = client.statuses(client.exchange.market_open(COIN, True, 0.001))
    assert opened[0]["filled"]["totalSz"] == "0.001"
    closed = client.statuses(client.exchange.market_close(COIN))
    assert "filled" in closed[0]
    assert client.info.user_state(client.address)["assetPositions"] == []
    last = client.info.user_fills(client.address)[0]
    assert last["dir"] == "Close Long"


def test_a_bad_tick_spoils_one_order_of_three(client: Client) -> None:
    far = client.touch()[0] * 9 // 10
    limit = {"limit": {"tif": "Alo"}}
    orders = [
        {"coin": COIN, "is_buy": True, "sz": 0.001, "limit_px": px, "order_type": limit}
        for px in (far, far + 0.5, far - 1)
    ]
    first, second, third = client.statuses(
        client.exchange.bulk_orders([{**order, "reduce_only": False} for order in orders])
    )
    assert second == {"error": "Price must be divisible by tick size. asset=0"}
    oids = {first["resting"]["oid"], third["resting"]["oid"]}
    assert oids <= client.open_oids()
    cancels = [{"coin": COIN, "oid": oid} for oid in oids]
    assert client.statuses(client.exchange.bulk_cancel(cancels)) == ["success", "success"]


def test_a_modified_order_has_a_new_oid(client: Client) -> None:
    far = client.touch()[0] * 9 // 10
    cloid = Cloid.from_int(23)
    old = client.resting(far, cloid=cloid)
    limit = {"limit": {"tif": "Alo"}}
    answer = client.exchange.modify_order(old, COIN, True, 0.001, far - 1, limit, cloid=cloid)
    new = client.statuses(answer)[0]["resting"]["oid"]
    assert new > old
    assert client.open_oids() == {new}
    [order] = client.info.open_orders(client.address)
    assert (order["limitPx"], order["cloid"]) == (f"{far - 1}.0", cloid.to_raw())
    assert client.statuses(client.exchange.cancel(COIN, new)) == ["success"]


def test_leverage_is_set(client: Client) -> None:
    assert client.exchange.update_leverage(5, COIN) == {
        "status": "ok",
        "response": {"type": "default"},
    }
    asked = {"type": "activeAssetData", "user": client.address, "coin": COIN}
    leverage = client.info.post("/info", asked)["leverage"]
    assert leverage == {"type": "cross", "value": 5}
    refused = client.exchange.update_leverage(1_000, COIN)
    assert refused == {"status": "err", "response": "Invalid leverage value"}


def test_a_nonce_is_good_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    nonce = int(time.time() * 1000) + 5_000
    monkeypatch.setattr(sdk_exchange, "get_timestamp_ms", lambda: nonce)
    far = client.touch()[0] * 9 // 10
    oid = client.resting(far)
    again = client.exchange.cancel(COIN, oid)
    assert again == {"status": "err", "response": f"Invalid nonce: duplicate nonce {nonce}"}
    monkeypatch.undo()
    assert client.statuses(client.exchange.cancel(COIN, oid)) == ["success"]


def test_a_stranger_is_told_that_it_does_not_exist(served: Served, client: Client) -> None:
    stranger = Account.create()
    exchange = Exchange(stranger, served.url)
    px = client.touch()[0] * 9 // 10
    answer = exchange.order(COIN, True, 0.001, px, {"limit": {"tif": "Alo"}})
    text = f"User or API Wallet {stranger.address.lower()} does not exist."
    assert answer == {"status": "err", "response": text}


def test_an_approved_agent_trades_for_its_master(served: Served, client: Client) -> None:
    answer, key = client.exchange.approve_agent("bot")
    assert answer == {"status": "ok", "response": {"type": "default"}}
    agent = Exchange(Account.from_key(key), served.url, account_address=client.address)
    px = client.touch()[0] * 9 // 10
    [status] = client.statuses(agent.order(COIN, True, 0.001, px, {"limit": {"tif": "Alo"}}))
    assert client.open_oids() == {status["resting"]["oid"]}
    [named] = client.info.extra_agents(client.address)
    assert named["name"] == "bot"
    assert client.statuses(agent.cancel(COIN, status["resting"]["oid"])) == ["success"]


def test_a_client_that_vanishes_leaves_the_others_alone(served: Served, client: Client) -> None:
    other = Info(served.url)
    seen: list[Any] = []  # Any: JSON
    other.subscribe({"type": "bbo", "coin": COIN}, seen.append)
    wait_for(lambda: len(seen) > 3)
    other.ws_manager.ws.sock.sock.shutdown(socket.SHUT_RDWR)
    other.ws_manager.stop_event.set()
    other.ws_manager.join(WAIT_S)
    told = len(client.frames["bbo"])
    wait_for(lambda: len(client.frames["bbo"]) > told + 5)


def test_its_own_report_ends_with_what_is_left(served: Served, client: Client) -> None:
    far = client.touch()[0] * 9 // 10
    oid = client.resting(far)
    rows = served.stop()
    actions = [row for row in rows if row["kind"] == "action"]
    assert len(actions) > 10
    assert {row["user"] for row in actions} == {client.address.lower()}
    assert actions[-1]["exposure"][0]["lots"] == [0, 100, 0]
    left = [row for row in rows if row["kind"] == "left"]
    assert [row["oid"] for row in left] == [oid]
    assert rows[-1]["kind"] == "end"
    assert rows[-1]["orders_left"] == 1
