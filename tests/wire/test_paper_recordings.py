"""The paper exchange beside recordings of the venue: the same keys and types, the same words."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from paper_desk import START_MS, Desk, Json

BTC = ("BTC", 5, 40)
HOUR_MS = 3_600_000
BLOCKS_AN_HOUR = 60_000
DECIMAL = re.compile(r"-?\d+\.\d+")
DROPPED = {".position.maxTradeSzs", ".position.maxTradeSzs[]"}
"""Keys that the venue no longer sends."""


def leaves(value: Json, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and type of everything in a JSON value; elements of a list share a path."""
    match value:
        case dict():
            yield path, "object"
            for key, item in value.items():
                yield from leaves(item, f"{path}.{key}")
        case list():
            yield path, "list"
            for item in value:
                yield from leaves(item, f"{path}[]")
        case None:
            yield path, "null"
        case bool():
            yield path, "bool"
        case int():
            yield path, "int"
        case str() if DECIMAL.fullmatch(value):
            yield path, "decimal"
        case str() if value.startswith("0x"):
            yield path, f"hex of {len(value)}"
        case _:
            yield path, type(value).__name__


def types(value: Json) -> dict[str, set[str]]:
    """Types seen at each path."""
    found: dict[str, set[str]] = {}
    for path, kind in leaves(value):
        found.setdefault(path, set()).add(kind)
    return found


def assert_like(ours: Json, recorded: Json, ours_only: tuple[str, ...] = ()) -> None:
    """The same paths with the same types; `ours_only` are keys younger than the recording."""
    mine, theirs = types(ours), types(recorded)
    young = {path for path in mine if set(re.split(r"[.\[\]]+", path)) & set(ours_only)}
    dropped = {path for path in theirs if path.endswith(tuple(DROPPED))}
    assert set(mine) - young == set(theirs) - dropped
    for path, kinds in theirs.items():
        if path in mine and "null" not in kinds | mine[path]:
            assert mine[path] & kinds, (path, mine[path], kinds)


def conversation(shared_data: Path, name: str, kind: str | None = None) -> list[Json]:
    """A recorded conversation, or its requests of one type."""
    rows = json.loads((shared_data / "protocol" / f"{name}.json").read_text())
    return [row for row in rows if kind is None or row["request"].get("type") == kind]


@pytest.fixture(scope="module")
def desk() -> Desk:
    """After a trade, with a position, resting orders, a rejected order and an agent."""
    desk = Desk([BTC])
    desk.order(desk.maker, b=False, p="100000", s="0.3")
    desk.order(desk.maker, b=True, p="99000", s="0.3", c="0x" + "ab" * 16)
    desk.order(desk.taker, p="100000", t={"limit": {"tif": "Ioc"}})
    desk.order(desk.taker, p="90000", t={"limit": {"tif": "Ioc"}})
    desk.order(desk.taker, p="98000", c="0x" + "cd" * 16)
    desk.approve(desk.taker, Account.create().address, "bot")
    return desk


FILL_YOUNG = ("feeToken", "tid", "twapId")
STATE_YOUNG = ("crossMaintenanceMarginUsed", "cumFunding", "maxLeverage", "time")


@pytest.mark.parametrize(
    ("name", "kind", "row", "young"),
    [
        ("exchange-go/UserActiveAssetData", "activeAssetData", None, ()),
        ("exchange-go/UserFillsByTime", "userFillsByTime", 0, ()),
        ("info-python-sdk/test_historical_orders", "historicalOrders", 0, ()),
        ("info-python-sdk/test_portfolio", "portfolio", None, ()),
        ("info-python-sdk/test_user_rate_limit", "userRateLimit", None, ("nRequestsSurplus",)),
        ("info-python-sdk/test_extra_agents", "extraAgents", None, ()),
        ("info-python-sdk/test_get_open_orders", "openOrders", 0, ("origSz", "cloid")),
        ("info-python-sdk/test_get_frontend_open_orders", "frontendOpenOrders", 0, ("cloid",)),
        ("info-python-sdk/test_get_user_fills", "userFills", 0, FILL_YOUNG),
        ("info-python-sdk/test_get_user_fills_by_time", "userFillsByTime", 0, FILL_YOUNG),
        (
            "info-python-sdk/test_user_non_funding_ledger_updates_without_end_time",
            "userNonFundingLedgerUpdates",
            0,
            (),
        ),
        ("info-python-sdk/test_get_user_state", "clearinghouseState", None, STATE_YOUNG),
        ("info-python-sdk/test_get_l2_snapshot", "l2Book", None, ()),
        ("info-python-sdk/test_get_candles_snapshot", "candleSnapshot", 0, ()),
    ],
)
def test_answers_have_the_venues_shape(
    desk: Desk, shared_data: Path, name: str, kind: str, row: int | None, young: tuple[str, ...]
) -> None:
    [recorded, *_] = conversation(shared_data, name, kind)
    request = recorded["request"] | {"coin": "BTC", "user": desk.taker.address}
    request |= {"startTime": 0, "endTime": None}
    if kind == "candleSnapshot":
        request["req"] |= {"coin": "BTC", "startTime": 0, "endTime": 2_000_000_000_000}
    ours, theirs = desk.info(**request), recorded["response"]
    if row is not None:
        ours, theirs = ours[row], theirs[row]
    assert_like(ours, theirs, young)


def test_contexts_and_perps_have_the_venues_shape(desk: Desk, shared_data: Path) -> None:
    name = "exchange-go/MetaAndAssetCtxs"
    [recorded, *_] = conversation(shared_data, name, "metaAndAssetCtxs")
    meta, contexts = desk.info(type="metaAndAssetCtxs")
    assert_like(contexts[0], recorded["response"][1][0])
    assert_like(meta["universe"][0], recorded["response"][0]["universe"][0])
    assert set(meta) - {"collateralToken"} == set(recorded["response"][0])


def test_the_hours_funding_has_the_venues_shape(shared_data: Path) -> None:
    desk = Desk([BTC])
    desk.order(desk.maker, b=False, p="100000", s="0.3")
    desk.order(desk.maker, b=True, p="99000", s="0.3")
    desk.order(desk.taker, p="100000", t={"limit": {"tif": "Ioc"}})
    desk.exchange.advance((START_MS + HOUR_MS) * 1_000_000, BLOCKS_AN_HOUR)
    for name, kind in (
        ("test_user_funding_history_without_end_time", "userFunding"),
        ("test_get_funding_history[None]", "fundingHistory"),
    ):
        [recorded, *_] = conversation(shared_data, f"info-python-sdk/{name}", kind)
        request = recorded["request"] | {"coin": "BTC", "user": desk.taker.address, "startTime": 0}
        [ours] = desk.info(**request)
        assert_like(ours, recorded["response"][0])
    [_, snapshot] = desk.subscribe(type="userFundings", user=desk.taker.address)
    [paid] = snapshot["data"]["fundings"]
    assert float(paid["usdc"]) < 0


def test_order_status_has_the_venues_shape(desk: Desk, shared_data: Path) -> None:
    rows = conversation(shared_data, "exchange-go/QueryOrderByOid", "orderStatus")
    filled = next(row["response"] for row in rows if row["response"]["status"] == "order")
    [fill, *_] = desk.info(type="userFills", user=desk.taker.address)
    asked = {"type": "orderStatus", "user": desk.taker.address}
    assert_like(desk.info(**asked, oid=fill["oid"]), filled)
    assert desk.info(**asked, oid=1) == {"status": "unknownOid"}


@pytest.fixture
def verbatim(shared_data: Path) -> dict[str, Json]:
    """Frames and answers as testnet sent them, by name."""
    lines = (shared_data / "protocol" / "testnet-frames-20260728.jsonl").read_text().splitlines()
    return {row["name"]: json.loads(row["raw"]) for row in map(json.loads, lines)}


def test_frames_are_the_venues(verbatim: dict[str, Json]) -> None:
    desk = Desk([BTC])
    user = desk.taker.address.lower()
    [ack, snapshot] = desk.subscribe(type="userFills", user=desk.taker.address)
    recorded_user = verbatim["userFills_empty_snapshot"]["data"]["user"]
    as_recorded = json.loads(json.dumps([ack, snapshot]).replace(user, recorded_user))
    assert as_recorded == [
        verbatim["subscriptionResponse_userFills"],
        verbatim["userFills_empty_snapshot"],
    ]
    [ack, _] = desk.subscribe(type="bbo", coin="BTC")
    assert ack == verbatim["subscriptionResponse_bbo"]
    desk.subscribe(type="trades", coin="BTC")
    desk.subscribe(type="orderUpdates", user=user)
    cloid = "0x" + "ab" * 16
    placed = desk.order(desk.taker, c=cloid)
    desk.order(desk.maker, b=False, p="100000")
    [opened, bbo, both] = desk.frames()
    assert_like(bbo["data"]["bbo"][0], verbatim["bbo_2"]["data"]["bbo"][0])
    assert_like(opened, verbatim["orderUpdates_open"])
    assert_like(both, verbatim["bbo_2"])
    oid = placed["response"]["data"]["statuses"][0]["resting"]["oid"]
    assert_like(
        desk.info(type="openOrders", user=user), verbatim["info_openOrders_one"], ours_only=()
    )
    desk.act(desk.taker, {"type": "cancel", "cancels": [{"a": 0, "o": oid}]})
    assert_like(desk.frames()[0], verbatim["orderUpdates_canceled"])
    desk.order(desk.taker, p="100000", c=cloid)
    frames = {frame["channel"]: frame for frame in desk.frames()}
    assert_like(frames["trades"], verbatim["trades_replay_on_subscribe"])
    increment = verbatim["userFills_increment"]
    del increment["data"]["isSnapshot"]
    assert_like(frames["userFills"], increment, ours_only=("twapId",))
    desk.order(desk.maker)
    desk.order(desk.maker, b=False, p="101000")
    desk.frames()
    [_, fast] = desk.subscribe(type="l2Book", coin="BTC", fast=True)
    assert_like(fast, verbatim["l2Book_fast_1"])
    desk.exchange.ws_message(desk.connection, '{"method":"ping"}')
    assert desk.frames() == [verbatim["pong"]]


def test_a_flat_account_and_an_unknown_channel_are_the_venues(verbatim: dict[str, Json]) -> None:
    desk = Desk([BTC])
    nobody = desk.info(type="clearinghouseState", user="0x" + "12" * 20)
    recorded = verbatim["info_clearinghouseState_flat"]
    assert nobody | {"time": 0} == recorded | {"time": 0}
    text = verbatim["error_unknown_type"]["data"].split(": ", 1)[1]
    assert desk.exchange.ws_message(desk.connection, text)
    assert desk.frames() == [verbatim["error_unknown_type"]]


def masked(answer: Json) -> Json:
    """Without what differs from account to account: oids and addresses."""
    text = re.sub(r'"oid": \d+', '"oid": 0', json.dumps(answer))
    return json.loads(re.sub(r"0x[0-9a-f]{40}\b", "0x", text))


def swapped(action: Json, oids: dict[int, int]) -> Json:
    """A recorded action with our oids in the place of the venue's."""
    for cancel in action.get("cancels", []):
        if "o" in cancel:
            cancel["o"] = oids.get(cancel["o"], cancel["o"])
    return action


@pytest.mark.parametrize(
    "name",
    [
        "Orders_Above10",
        "Orders_Below10",
        "Orders_Cloid",
        "Orders_InvalidAuth",
        "Cancel_Success",
        "Cancel_DoubleCancel",
        "Cancel_NonExistent",
        "CancelByCloid_Success",
        "CancelByCloid_NonExistent",
    ],
)
def test_the_same_actions_get_the_same_answers(shared_data: Path, name: str) -> None:
    """Recorded in asset 173, so as many perps are listed."""
    desk = Desk([(f"COIN{asset}", 0, 5) for asset in range(174)])
    oids: dict[int, int] = {}
    for row in conversation(shared_data, f"exchange-go/{name}"):
        action, recorded = canonical(row["request"]["action"]), row["response"]
        if any(not order.get("c", "0x").startswith("0x") for order in action.get("orders", [])):
            continue  # signed by its recorder over another text than it sent
        known = "does not exist" not in json.dumps(recorded)
        wallet = desk.taker if known else Account.create()
        ours = desk.act(wallet, swapped(action, oids))
        assert masked(ours) == masked(recorded)
        for mine, theirs in zip(placed(ours), placed(recorded), strict=True):
            oids[theirs] = mine


def canonical(action: Json) -> Json:
    """The recorder sorted the keys; the signature covers them in the venue's order."""
    order = ["type", "orders", "cancels", "grouping", *"abpsrtco", "asset", "cloid", "limit", "tif"]
    match action:
        case dict():
            return {key: canonical(action[key]) for key in sorted(action, key=order.index)}
        case list():
            return [canonical(item) for item in action]
        case _:
            return action


def placed(answer: Json) -> list[int]:
    """Oids of the orders that rest."""
    if answer["status"] != "ok":
        return []
    statuses = answer["response"]["data"]["statuses"]
    return [row["resting"]["oid"] for row in statuses if "resting" in row]
