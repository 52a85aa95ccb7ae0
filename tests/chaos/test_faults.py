"""Plans of faults: what a client meets, and what the exchange itself still says."""

import json
from pathlib import Path

import aiohttp
import pytest

from mm._core import ConfigError, PaperExchange
from mm.errors import ConfigError as BadPlan
from mm.paper.opening import read_plan
from paper_desk import Desk, Json, settings
from paper_process import serving

PERPS = [("BTC", 5, 40)]
ORDER = {"a": 0, "b": True, "p": "99000", "s": "0.01", "r": False, "t": {"limit": {"tif": "Gtc"}}}
PLACE: Json = {"type": "order", "orders": [ORDER], "grouping": "na"}
BLOCK_S = 0.07


def desk(*script: Json, acts: tuple[Json, ...] = ()) -> Desk:
    """A maker and a taker on a bare book, with faults for the maker from the first second on."""
    plan = {
        "script": [{"at_s": 0, "fault": fault} for fault in script],
        "acts": [{"at_s": 0, "act": act} for act in acts],
    }
    opened = Desk(PERPS)
    listed = [{"coin": coin, "sz_decimals": sz, "max_leverage": top} for coin, sz, top in PERPS]
    config = settings([opened.maker, opened.taker]) | {"faults": plan}
    opened.exchange = PaperExchange(
        json.dumps(config), json.dumps({"kind": "clients", "perps": listed})
    )
    opened.exchange.advance(opened.exchange.next_block_ns, 1)
    opened.connection = opened.exchange.connect()
    return opened


def blocks(opened: Desk, count: int) -> None:
    """Run some blocks."""
    for _ in range(count):
        opened.exchange.advance(opened.exchange.next_block_ns, 1)


def resting(opened: Desk) -> int:
    """Orders of the maker that rest."""
    return len(opened.info(type="openOrders", user=opened.maker.address))


def report(opened: Desk) -> list[Json]:
    """The exchange's own lines about actions."""
    return [json.loads(line) for line in opened.exchange.take_report().splitlines()]


def answers(opened: Desk, action: Json) -> list[tuple[int, int, bytes]]:
    """Send an action of the maker, run its block, return what came back."""
    with pytest.raises(ValueError, match="not enough values"):
        opened.act(opened.maker, action)
    return opened.exchange.take_replies()


def test_a_lost_reply_is_carried_out() -> None:
    opened = desk({"lost_reply": {}})
    assert answers(opened, PLACE) == []
    assert resting(opened) == 1
    assert [line["action"] for line in report(opened)] == ["order"]
    assert opened.exchange.fault_counts() == {"lost_reply": 1}


def test_what_never_arrives_is_in_no_report() -> None:
    opened = desk({"never_arrives": {"of": "place"}})
    assert answers(opened, PLACE) == []
    assert resting(opened) == 0
    assert report(opened) == []


@pytest.mark.parametrize("lost", [False, True])
def test_an_action_that_arrives_late_is_carried_out_then(lost: bool) -> None:
    opened = desk({"late_arrival": {"by_s": 5.0, "lost": lost}})
    sent_ns = opened.exchange.next_block_ns - int(BLOCK_S * 1e9)
    assert answers(opened, PLACE) == []
    while resting(opened) == 0:
        assert opened.exchange.take_replies() == []
        blocks(opened, 1)
    late_s = (opened.exchange.next_block_ns - sent_ns) / 1e9
    assert 5.0 <= late_s <= 5.0 + 5 * BLOCK_S
    assert len(opened.exchange.take_replies()) == int(not lost)
    assert opened.exchange.fault_counts() == {"late_arrival": 1}


def test_a_late_reply_comes_after_its_time() -> None:
    opened = desk({"late_reply": {"by_s": 3 * BLOCK_S}})
    assert answers(opened, PLACE) == []
    blocks(opened, 2)
    assert opened.exchange.take_replies() == []
    blocks(opened, 1)
    [(_, status, body)] = opened.exchange.take_replies()
    assert status == 200
    assert "resting" in json.loads(body)["response"]["data"]["statuses"][0]


def test_a_refused_batch_and_a_failed_cancel_are_reported_and_not_carried_out() -> None:
    opened = desk({"refused_batch": {"of": "place"}}, {"failed_cancel": {"text": "no"}})
    refused = opened.act(opened.maker, PLACE | {"orders": [ORDER, ORDER]})
    assert refused["response"]["data"]["statuses"] == [{"error": "Order has invalid price."}]
    assert resting(opened) == 0
    placed = opened.order(opened.maker)
    oid = placed["response"]["data"]["statuses"][0]["resting"]["oid"]
    cancel = {"type": "cancel", "cancels": [{"a": 0, "o": oid}]}
    assert opened.act(opened.maker, cancel)["response"]["data"]["statuses"] == [{"error": "no"}]
    assert resting(opened) == 1
    assert opened.act(opened.maker, cancel)["response"]["data"]["statuses"] == ["success"]
    assert [line["action"] for line in report(opened)] == ["order", "order", "cancel", "cancel"]


@pytest.mark.parametrize(
    ("fault", "status", "rests"),
    [
        ({"http429": {}}, 429, 0),
        ({"http5xx": {}}, 502, 0),
        ({"http5xx": {"executed": True}}, 502, 1),
    ],
)
def test_http_failures(fault: Json, status: int, rests: int) -> None:
    opened = desk(fault)
    with pytest.raises(AssertionError):
        opened.act(opened.maker, PLACE)
    assert opened.exchange.fault_counts() == {next(iter(fault)): 1}
    assert resting(opened) == rests, status


def test_nobody_else_is_met() -> None:
    opened = desk({"lost_reply": {}}, {"drop_frame": {"feed": "orders"}})
    opened.subscribe(type="orderUpdates", user=opened.taker.address)
    assert opened.order(opened.taker)["status"] == "ok"
    assert [frame["channel"] for frame in opened.frames()] == ["orderUpdates"]
    assert opened.exchange.fault_counts() == {}


def test_frames_come_twice_late_or_never() -> None:
    opened = desk(
        {"duplicate_frame": {"feed": "orders"}},
        {"reorder_frame": {"feed": "orders", "by_s": 2 * BLOCK_S}},
        {"drop_frame": {"feed": "orders"}},
    )
    opened.subscribe(type="orderUpdates", user=opened.maker.address)
    heard = []
    for px in ("99000", "99001", "99002", "99003"):
        opened.order(opened.maker, p=px)
        heard.append([frame["data"][0]["order"]["limitPx"] for frame in opened.frames()])
    assert heard == [["99000.0", "99000.0"], [], [], ["99003.0", "99001.0"]]


def test_a_silent_stream_says_nothing_and_its_connection_stays() -> None:
    opened = desk({"silent_stream": {"feed": "orders", "for_s": 3 * BLOCK_S}})
    opened.subscribe(type="orderUpdates", user=opened.maker.address)
    opened.order(opened.maker)
    assert opened.frames() == []
    assert opened.exchange.take_dropped() == []
    blocks(opened, 3)
    opened.order(opened.maker, p="99001")
    assert len(opened.frames()) == 1


def test_sockets_break_and_the_next_snapshot_is_short() -> None:
    opened = desk()
    for _ in range(3):
        opened.order(opened.taker, b=False, s="0.001")
        opened.order(opened.maker, s="0.001")
    whole = opened.subscribe(type="userFills", user=opened.maker.address)
    assert len(whole[-1]["data"]["fills"]) == 3
    broken = desk({"disconnect": {"for_s": 3 * BLOCK_S, "snapshot_fills": 1}})
    accepted = []
    for _ in range(3):
        accepted.append(broken.exchange.accepts_sockets)
        blocks(broken, 1)
    assert accepted == [False, False, True]
    for _ in range(3):
        broken.order(broken.taker, b=False, s="0.001")
        broken.order(broken.maker, s="0.001")
    short = broken.subscribe(type="userFills", user=broken.maker.address)
    assert short[-1]["data"]["isSnapshot"] is True
    assert len(short[-1]["data"]["fills"]) == 1


def test_money_moves_and_both_streams_tell() -> None:
    opened = desk()
    plan = {"acts": [{"at_s": 1, "act": {"transfer": {"usd": -250}}}]}
    plan["acts"].append({"at_s": 2, "act": {"funding": {"usd": -0.5}}})
    config = settings([opened.maker]) | {"faults": plan}
    perps = [{"coin": "BTC", "sz_decimals": 5, "max_leverage": 40}]
    opened.exchange = PaperExchange(
        json.dumps(config), json.dumps({"kind": "clients", "perps": perps})
    )
    opened.connection = opened.exchange.connect()
    opened.subscribe(type="userNonFundingLedgerUpdates", user=opened.maker.address)
    opened.subscribe(type="userFundings", user=opened.maker.address)
    blocks(opened, 30)
    transfer, funding = opened.frames()
    assert transfer["data"]["nonFundingLedgerUpdates"][0]["delta"]["type"] == "withdraw"
    assert transfer["data"]["nonFundingLedgerUpdates"][0]["delta"]["usdc"] == "250.0"
    assert funding["data"]["fundings"][0]["usdc"] == "-0.5"
    state = opened.info(type="clearinghouseState", user=opened.maker.address)
    assert state["marginSummary"]["accountValue"] == "9749.5"


def demo(*acts: Json) -> Desk:
    """A maker in the demo market, with these things done to it a second after the start."""
    opened = Desk(PERPS)
    plan = {"coin": "BTC", "acts": [{"at_s": 1, "act": act} for act in acts]}
    config = settings([opened.maker]) | {"warmup_ms": 10_000, "faults": plan}
    opened.exchange = PaperExchange(json.dumps(config), json.dumps({"kind": "demo", "seed": 3}))
    opened.connection = opened.exchange.connect()
    return opened


def mid(opened: Desk) -> float:
    """Mid price of BTC."""
    return float(opened.info(type="allMids")["BTC"])


def test_hands_strangers_prices_and_leverage() -> None:
    quiet, opened = (
        demo(),
        demo(
            {"hand_order": {"way": "buy", "usd": 100}},
            {"hand_order": {"way": "sell", "usd": 100, "resting_bps": 30}},
            {"leverage": {"leverage": 3}},
            {"sweep": {"way": "sell", "usd": 50_000}},
            {"burst": {"way": "buy", "usd": 1_000, "orders": 4, "within_s": 0.5}},
            {"price_jump": {"frac": -0.01}},
        ),
    )
    for each in (quiet, opened):
        blocks(each, 100)
    fills = opened.info(type="userFills", user=opened.maker.address)
    assert [(fill["side"], fill["crossed"]) for fill in fills] == [("B", True)]
    [order] = opened.info(type="openOrders", user=opened.maker.address)
    assert order["side"] == "A"
    assert "cloid" not in order
    data = opened.info(type="activeAssetData", user=opened.maker.address, coin="BTC")
    assert data["leverage"]["value"] == 3
    assert mid(opened) / mid(quiet) == pytest.approx(0.99, abs=5e-4)
    assert opened.exchange.fault_counts() == {
        kind: 2 if kind == "hand_order" else 1
        for kind in ("burst", "sweep", "hand_order", "price_jump", "leverage")
    }


def test_a_wrong_plan_is_refused_with_its_key(tmp_path: Path) -> None:
    opened = Desk(PERPS)
    market = json.dumps({"kind": "demo", "seed": 1})

    def refused(plan: Json, words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            PaperExchange(json.dumps(settings([opened.maker]) | {"faults": plan}), market)

    refused({"rates": {"lost_reply": 2}}, "rates.lost_reply was 2, expected a chance")
    refused({"rates": {"bad_day": 1}}, "unknown variant `bad_day`")
    refused({"coin": "XYZ"}, 'coin was "XYZ", expected one that the exchange lists')
    wrong = tmp_path / "plan.toml"
    wrong.write_text("seed = ")
    with pytest.raises(BadPlan, match=r"plan\.toml"):
        read_plan(wrong)


@pytest.mark.wire
async def test_a_plan_reaches_a_process(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text(
        """
        [[script]]
        at_s = 0
        fault = { http429 = { of = "info" } }
        [[script]]
        at_s = 0
        fault = { hung = { of = "info", for_s = 30 } }
        [[script]]
        at_s = 30
        fault = { disconnect = { for_s = 60 } }
        """
    )
    body = {"type": "exchangeStatus"}
    with serving(tmp_path, "--speed", "60", "--seed", "7", "--faults", str(plan)) as served:
        async with aiohttp.ClientSession() as http:
            socket = await http.ws_connect(f"{served.url}/ws")
            async with http.post(f"{served.url}/info", json=body) as refused:
                assert refused.status == 429
            with pytest.raises(TimeoutError):
                async with http.post(
                    f"{served.url}/info", json=body, timeout=aiohttp.ClientTimeout(0.2)
                ):
                    pass
            gone = await socket.receive(timeout=5)
            assert gone.type in (aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await http.ws_connect(f"{served.url}/ws")
