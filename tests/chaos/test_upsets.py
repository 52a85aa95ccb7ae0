"""Faults of lines, books, clocks and batches, and upsets of the venue: what a client meets."""

import json

import pytest

from mm._core import ConfigError, PaperExchange
from paper_desk import Desk, Json, settings

PERPS = [("BTC", 5, 40), ("ETH", 4, 25)]
LISTED = [{"coin": coin, "sz_decimals": sz, "max_leverage": top} for coin, sz, top in PERPS]
BLOCK_S = 0.07
AT_S = 1.0
POST_ONLY = "Only post-only orders allowed immediately after a network upgrade asset=0"
IOC = {"limit": {"tif": "Ioc"}}
ALO = {"limit": {"tif": "Alo"}}


def desk(*script: Json, acts: tuple[Json, ...] = (), at_s: float = AT_S) -> Desk:
    """A maker and a taker on bare books, with faults for the maker a second after the start."""
    plan = {
        "script": [{"at_s": at_s, "fault": fault} for fault in script],
        "acts": [{"at_s": at_s, "act": act} for act in acts],
    }
    opened = Desk(PERPS)
    config = settings([opened.maker, opened.taker]) | {"faults": plan}
    opened.exchange = PaperExchange(
        json.dumps(config), json.dumps({"kind": "clients", "perps": LISTED})
    )
    opened.exchange.advance(opened.exchange.next_block_ns, 1)
    opened.connection = opened.exchange.connect()
    return opened


def run(opened: Desk, seconds: float) -> list[Json]:
    """Run the blocks of so many seconds; returns the frames."""
    for _ in range(round(seconds / BLOCK_S)):
        ns = opened.exchange.next_block_ns
        opened.exchange.set_clock(ns, ns, 1.0)
        opened.exchange.advance(ns, 1)
    return opened.frames()


def say(opened: Desk, connection: int, **message: Json) -> None:
    """A client's text on a connection; it is never cut for it."""
    assert opened.exchange.ws_message(connection, json.dumps(message))


def told(opened: Desk, connection: int) -> list[str]:
    """Channels of the frames for a connection."""
    frames = opened.exchange.take_frames()
    return [json.loads(frame)["channel"] for to, frame in frames if to == connection]


def subscription(of: str, opened: Desk) -> Json:
    if of == "market":
        return {"type": "l2Book", "coin": "BTC", "fast": True}
    return {"type": "clearinghouseState", "user": opened.maker.address}


@pytest.mark.parametrize("lines", ["all", "market", "user", "orders"])
def test_half_open_lines_stay_open_and_nothing_passes(lines: str) -> None:
    opened = desk({"half_open": {"lines": lines, "for_s": 2.0}})
    kept = {"market": opened.connection, "user": opened.exchange.connect()}
    kept["orders"] = opened.exchange.connect()
    for of in ("market", "user"):
        say(opened, kept[of], method="subscribe", subscription=subscription(of, opened))
    run(opened, 0.5)
    for connection in kept.values():
        say(opened, connection, method="ping")
        assert "pong" in told(opened, connection)
    # Into it, and past the longest silence of either feed.
    run(opened, 1.0)
    opened.exchange.take_frames()
    deaf = set()
    for of, connection in kept.items():
        say(opened, connection, method="ping")
        if told(opened, connection) == []:
            deaf.add(of)
    assert deaf == ({"market", "user", "orders"} if lines == "all" else {lines})
    assert opened.exchange.take_dropped() == [], "nobody hung up"
    assert opened.exchange.accepts_sockets
    if lines != "orders":
        of = "market" if lines == "all" else lines
        opened.exchange.take_frames()
        again = opened.exchange.connect()
        say(opened, again, method="subscribe", subscription=subscription(of, opened))
        assert told(opened, again) == [], "one that is opened meanwhile is no better"
    run(opened, 2.0)
    opened.exchange.take_frames()
    later = opened.exchange.connect()
    of = "user" if lines == "user" else "market"
    say(opened, later, method="subscribe", subscription=subscription(of, opened))
    assert "subscriptionResponse" in told(opened, later)
    assert opened.exchange.fault_counts() == {"half_open": 1}


@pytest.mark.parametrize("restamped", [False, True])
def test_a_stale_book_goes_on_with_old_levels(restamped: bool) -> None:
    opened = desk({"stale_book": {"for_s": 3.0, "restamped": restamped}})
    opened.subscribe(type="l2Book", coin="BTC", fast=True)
    opened.subscribe(type="trades", coin="BTC")
    opened.order(opened.taker, p="99000")
    fresh = [frame for frame in run(opened, 0.9) if frame["channel"] == "l2Book"]
    run(opened, 0.7)
    opened.order(opened.taker, p="99500")
    opened.order(opened.maker, b=False, p="99500", s="0.001", t=IOC)
    frames = run(opened, 1.5)
    old = [frame["data"] for frame in frames if frame["channel"] == "l2Book"]
    assert len(old) >= 2, "it goes on"
    assert {data["levels"][0][0]["px"] for data in old} == {"99000.0"}
    times = [data["time"] for data in old]
    assert (len(set(times)) == 1) != restamped
    assert times[-1] > fresh[-1]["data"]["time"]
    assert any(frame["channel"] == "trades" for frame in frames), "other feeds do not stop"
    after = [frame for frame in run(opened, 2.0) if frame["channel"] == "l2Book"]
    assert after[-1]["data"]["levels"][0][0]["px"] == "99500.0"


@pytest.mark.parametrize("by_s", [-3.0, 3.0])
def test_a_clock_that_is_off_is_off_where_it_is_announced_alone(by_s: float) -> None:
    opened = desk({"clock_skew": {"by_s": by_s, "for_s": 2.0}})
    opened.subscribe(type="paperClock")
    offs = []
    for _ in range(4):
        run(opened, 1.05)
        opened.exchange.announce_clock()
        [clock] = [frame for frame in opened.frames() if frame["channel"] == "paperClock"]
        offs.append(round((clock["data"]["timeNs"] - opened.exchange.time_ns) / 1e9, 1))
    assert offs in ([by_s, by_s, 0.0, 0.0], [0.0, by_s, by_s, 0.0])


@pytest.mark.parametrize("as_news", [False, True])
def test_first_frames_come_again(as_news: bool) -> None:
    opened = desk({"snapshot_replay": {"feed": "fills", "as_news": as_news}})
    opened.order(opened.taker, p="99000")
    opened.order(opened.maker, b=False, p="99000", t=IOC)
    opened.subscribe(type="userFills", user=opened.maker.address)
    opened.subscribe(type="userFills", user=opened.taker.address)
    opened.subscribe(type="l2Book", coin="BTC", fast=True)
    [again] = [frame for frame in run(opened, 1.5) if frame["channel"] == "userFills"]
    assert again["data"]["user"] == opened.maker.address.lower()
    assert len(again["data"]["fills"]) == 1
    assert again["data"].get("isSnapshot") is (None if as_news else True)


def test_single_orders_of_a_batch_fail() -> None:
    margin = "Insufficient margin to place order. asset=0"
    opened = desk(
        {"partial_batch": {"of": "place"}},
        {"partial_batch": {"of": "modify", "every": 3}},
        {"partial_batch": {"of": "cancel", "text": "no"}},
    )
    run(opened, AT_S + BLOCK_S)
    opened.subscribe(type="orderUpdates", user=opened.maker.address)
    order = {"a": 0, "b": True, "p": "98000", "s": "0.01", "r": False, "t": ALO}
    orders = [order | {"p": px} for px in ("99000", "99001", "99002", "99003")]
    place = {"type": "order", "orders": orders, "grouping": "na"}
    statuses = opened.act(opened.maker, place)["response"]["data"]["statuses"]
    assert [status.get("error") for status in statuses] == [margin, None, margin, None]
    oids = [status["resting"]["oid"] for status in statuses if "resting" in status]
    resting = opened.info(type="openOrders", user=opened.maker.address)
    assert sorted(row["oid"] for row in resting) == oids
    words = [row["status"] for frame in opened.frames() for row in frame["data"]]
    assert sorted(words) == ["open", "open", "rejected", "rejected"]
    modifies = [{"oid": oid, "order": order} for oid in oids]
    amend = {"type": "batchModify", "modifies": modifies}
    first, second = opened.act(opened.maker, amend)["response"]["data"]["statuses"]
    assert first["error"].endswith("Insufficient margin to place order")
    [left] = opened.info(type="openOrders", user=opened.maker.address)
    assert left["oid"] == second["resting"]["oid"], "what was to be amended is gone"
    cancel = {"type": "cancel", "cancels": [{"a": 0, "o": left["oid"]}]}
    assert opened.act(opened.maker, cancel)["response"]["data"]["statuses"] == [
        {"error": "no asset=0"}
    ]
    assert len(opened.info(type="openOrders", user=opened.maker.address)) == 1
    assert opened.exchange.fault_counts() == {"partial_batch": 3}


def test_an_oracle_that_jumps_leaves_the_book() -> None:
    opened = desk(acts=({"oracle_jump": {"frac": 0.1, "for_s": 1.0}},))
    opened.order(opened.taker, p="99000")
    opened.order(opened.taker, b=False, p="99100")

    def context() -> tuple[str, str]:
        row = opened.info(type="metaAndAssetCtxs")[1][0]
        return row["oraclePx"], row["midPx"]

    assert context() == ("99050.0", "99050.0")
    run(opened, 1.4)
    assert context() == ("108955.0", "99050.0")
    run(opened, 1.4)
    assert context() == ("99050.0", "99050.0")


def test_a_funding_spike_is_told_and_paid() -> None:
    opened = desk(acts=({"funding_spike": {"rate_per_h": 0.01, "for_s": 4_000.0}},))
    # Deep enough that the venue can measure a premium.
    opened.order(opened.taker, p="99000", s="0.5")
    opened.order(opened.taker, b=False, p="99100", s="0.5")
    opened.order(opened.maker, p="99100", t=IOC)
    assert opened.info(type="metaAndAssetCtxs")[1][0]["funding"] != "0.01"
    run(opened, 1.4)
    assert opened.info(type="metaAndAssetCtxs")[1][0]["funding"] == "0.01"
    opened.subscribe(type="userFundings", user=opened.maker.address)
    hour = -(-opened.exchange.time_ns // (3_600 * 10**9)) * 3_600 * 10**9
    opened.exchange.set_clock(hour, hour, 1.0)
    opened.exchange.advance(hour + 10**9, 10**6)
    frames = [frame for frame in opened.frames() if frame["channel"] == "userFundings"]
    [paid] = frames[-1]["data"]["fundings"]
    assert paid["fundingRate"] == "0.01"
    assert float(paid["usdc"]) == pytest.approx(-0.01 * 0.01 * 99_050, rel=1e-3)


def test_after_an_upgrade_post_only_orders_alone_are_taken() -> None:
    opened = desk(acts=({"post_only": {"for_s": 2.0}},))
    run(opened, AT_S + BLOCK_S)
    [status] = opened.order(opened.maker)["response"]["data"]["statuses"]
    assert status == {"error": POST_ONLY}
    [status] = opened.order(opened.taker, b=False, t=IOC)["response"]["data"]["statuses"]
    assert status == {"error": POST_ONLY}, "for everybody"
    [status] = opened.order(opened.maker, t=ALO)["response"]["data"]["statuses"]
    assert "resting" in status
    run(opened, 2.0)
    [status] = opened.order(opened.taker, b=False, t=IOC)["response"]["data"]["statuses"]
    assert "filled" in status


def test_a_delisted_perp_is_cancelled_settled_and_closed() -> None:
    opened = desk(acts=({"delisting": {}},))
    opened.order(opened.taker, b=False, p="99000")
    opened.order(opened.maker, p="99000", s="0.004", t=IOC)
    opened.order(opened.maker, p="98000", t=ALO)
    opened.order(opened.maker, a=1, p="1000", s="1", t=ALO)
    opened.subscribe(type="userFills", user=opened.maker.address)
    opened.subscribe(type="orderUpdates", user=opened.maker.address)
    opened.subscribe(type="bbo", coin="BTC")
    frames = run(opened, AT_S + BLOCK_S)
    data = {frame["channel"]: frame["data"] for frame in frames}
    [fill] = data["userFills"]["fills"]
    assert (fill["dir"], fill["fee"], fill["sz"], fill["side"]) == (
        "Settlement",
        "0.0",
        "0.004",
        "A",
    )
    [ended] = data["orderUpdates"]
    assert ended["status"] == "delistedCanceled"
    assert data["bbo"]["bbo"] == [None, None]
    [left] = opened.info(type="openOrders", user=opened.maker.address)
    assert left["coin"] == "ETH", "other perps go on"
    state = opened.info(type="clearinghouseState", user=opened.maker.address)
    assert state["assetPositions"] == []
    assert opened.info(type="l2Book", coin="BTC")["levels"] == [[], []]
    first, second = opened.info(type="meta")["universe"]
    assert first["isDelisted"] is True
    assert "isDelisted" not in second
    [status] = opened.order(opened.maker, t=ALO)["response"]["data"]["statuses"]
    assert status == {"error": "Trading is halted. asset=0"}


def test_errors_of_the_server_have_their_own_status() -> None:
    opened = desk({"http5xx": {"of": "info", "status": 500}}, {"http5xx": {"status": 503}})
    run(opened, AT_S + BLOCK_S)
    assert opened.exchange.info(b'{"type": "meta"}') == (500, b"")
    with pytest.raises(AssertionError, match="503"):
        opened.order(opened.maker)


def test_a_plan_of_them_is_checked_by_key() -> None:
    opened = Desk(PERPS)
    market = json.dumps({"kind": "demo", "seed": 1})

    def refused(plan: Json, words: str) -> None:
        with pytest.raises(ConfigError, match=words):
            PaperExchange(json.dumps(settings([opened.maker]) | {"faults": plan}), market)

    def script(fault: Json) -> Json:
        return {"script": [{"at_s": 0, "fault": fault}]}

    def act(what: Json) -> Json:
        return {"acts": [{"at_s": 0, "act": what}]}

    refused({"rates": {"delisting": 1}}, "rates.delisting was 1, expected nothing: it is for")
    refused(script({"clock_skew": {"by_s": 1e5, "for_s": 1}}), "by_s was 100000")
    refused(script({"partial_batch": {"every": 0}}), r"script\[0\].every was 0")
    refused(script({"http5xx": {"status": 404}}), "status was 404, expected 500 to 599")
    refused(script({"half_open": {"lines": "some"}}), "unknown variant `some`")
    refused(act({"funding_spike": {"rate_per_h": 1.0, "for_s": 1}}), "rate_per_h was 1")
    refused(act({"post_only": {"for_s": -1}}), "for_s was -1")
