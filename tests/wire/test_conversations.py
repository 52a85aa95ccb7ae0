"""Every recorded query of the venue, asked of the paper exchange: the same keys, the same types."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from paper_desk import START_MS, Desk, Json

HOUR_MS = 3_600_000
BLOCKS_AN_HOUR = 60_000
FOLDERS = ("exchange-go", "info-python-sdk")
COINS = [("BTC", 5, 40), ("ETH", 4, 25), ("xyz:TSLA", 2, 10)]

YOUNG = frozenset(
    {
        *("feeToken", "tid", "twapId", "cloid", "origSz", "maxLeverage", "time", "cumFunding"),
        *("crossMaintenanceMarginUsed", "marginTableId", "marginTables", "collateralToken"),
        *("nRequestsSurplus", "children", "isPositionTpsl", "deployerTradingFeeShare"),
        *("subDeployers", "deployerFeeScale", "lastDeployerFeeScaleChangeTime"),
        *("assetToFundingMultiplier", "assetToFundingInterestRate", "feeRecipient"),
        *("isCanonical", "evmContract", "fullName", "dayBaseVlm", "totalSupply"),
    }
)
"""Keys that the venue has added since some of the recordings were made."""

DROPPED = frozenset({"maxTradeSzs", "growthMode", "lastGrowthModeChangeTime", "isDelisted"})
"""Keys that it no longer sends, or sends of perps that the paper exchange cannot have."""

OPTIONAL = frozenset({"onlyIsolated", "marginMode", "cloid", "reduceOnly", "liquidation"})
"""Keys that are there of some rows only."""

STAKING = frozenset({"delegatorHistory"})
"""What the paper exchange does not have, and says so."""


def kind(value: Json) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "text"
        case None:
            return "null"
        case dict():
            return "object"
        case _:
            return "list"


def is_tuple(samples: list[list[Json]]) -> bool:
    """Whether lists hold something else at each place, as `[name, row]` does."""
    lengths = {len(sample) for sample in samples}
    return len(lengths) == 1 and any(
        len({kind(item) for item in s} - {"null"}) > 1 for s in samples
    )


def differences(ours: Json, theirs: list[Json], path: str = "") -> Iterator[str]:
    """Where ours is of no form that the recorded samples have."""
    kinds = {kind(sample) for sample in theirs}
    if not theirs or (None in (ours, *theirs) and kind(ours) not in ("object", "list")):
        return
    if kind(ours) not in kinds:
        yield f"{path}: {kind(ours)}, recorded {sorted(kinds)}"
        return
    alike = [sample for sample in theirs if kind(sample) == kind(ours)]
    if isinstance(ours, dict):
        yield from _of_object(ours, alike, path)
    elif isinstance(ours, list) and is_tuple(alike):
        if {len(ours)} != {len(sample) for sample in alike}:
            yield f"{path}: {len(ours)} elements, recorded {len(alike[0])}"
        for place, item in enumerate(ours[: len(alike[0])]):
            yield from differences(item, [sample[place] for sample in alike], f"{path}[{place}]")
    elif isinstance(ours, list):
        items = [item for sample in alike for item in sample]
        for item in ours:
            yield from differences(item, items, f"{path}[]")


def _of_object(ours: Json, alike: list[Json], path: str) -> Iterator[str]:
    known = set().union(*alike)
    always = set.intersection(*(set(sample) for sample in alike))
    if path.endswith("mids"):
        values = [value for sample in alike for value in sample.values()]
        for value in ours.values():
            yield from differences(value, values, f"{path}.*")
        return
    yield from (f"{path}.{key}: not recorded" for key in set(ours) - known - YOUNG - OPTIONAL)
    yield from (f"{path}.{key}: missing" for key in always - set(ours) - DROPPED - OPTIONAL)
    for key in set(ours) & known:
        samples = [sample[key] for sample in alike if key in sample]
        yield from differences(ours[key], samples, f"{path}.{key}")


@pytest.fixture(scope="module")
def desk() -> Desk:
    """After trades, an hour of funding, orders in every state, and an agent."""
    desk = Desk(COINS)
    desk.order(desk.maker, b=False, p="100000", s="0.3")
    desk.order(desk.maker, b=True, p="99000", s="0.3", c="0x" + "ab" * 16)
    desk.order(desk.taker, p="100000", t={"limit": {"tif": "Ioc"}})
    desk.order(desk.taker, p="90000", t={"limit": {"tif": "Ioc"}})
    desk.order(desk.taker, p="98000", c="0x" + "cd" * 16)
    desk.approve(desk.taker, Account.create().address, "bot")
    desk.exchange.advance((START_MS + HOUR_MS) * 1_000_000, BLOCKS_AN_HOUR)
    return desk


def ours_of(desk: Desk, request: Json, recorded: Json) -> Json:
    """A recorded request about our account and coin."""
    request = dict(request)
    if "user" in request:
        request["user"] = desk.taker.address
    if "coin" in request:
        request["coin"] = "BTC"
    if "startTime" in request:
        request |= {"startTime": 0, "endTime": None}
    if "req" in request:
        request["req"] |= {"coin": "BTC", "startTime": 0, "endTime": 2 * START_MS}
    if "oid" in request:
        [fill, *_] = desk.info(type="userFills", user=desk.taker.address)
        request["oid"] = fill["oid"] if recorded["status"] == "order" else 1
    return request


def queries(shared_data: Path) -> Iterator[tuple[str, Json]]:
    for folder in FOLDERS:
        for path in sorted((shared_data / "protocol" / folder).glob("*.json")):
            for row in json.loads(path.read_text()):
                if "action" not in row["request"]:
                    yield path.stem, row


def test_every_recorded_query_gets_an_answer_of_the_same_form(
    desk: Desk, shared_data: Path
) -> None:
    asked, wrong = 0, []
    for name, row in queries(shared_data):
        request, recorded = row["request"], row["response"]
        if request["type"] in STAKING:
            status, body = desk.exchange.info(json.dumps(request).encode())
            said = f"Info request {request['type']} is not supported by this exchange."
            assert (status, body) == (422, said.encode())
            continue
        request = ours_of(desk, request, recorded)
        samples: list[Any] = [recorded]
        root = "mids" if request["type"] == "allMids" else ""
        found = differences(desk.info(**request), samples, root)
        wrong += [f"{name} {request['type']} {text}" for text in found]
        asked += 1
    assert not wrong, "\n".join(sorted(set(wrong)))
    assert asked > 50


def test_a_key_of_ours_that_was_never_recorded_is_found() -> None:
    """The comparison itself."""
    theirs = [{"a": "1.0", "rows": [["day", {"v": 1}]], "b": None}]
    assert not list(differences({"a": "2.0", "rows": [["week", {"v": 2}]], "b": "x"}, theirs))
    assert list(differences({"a": "2.0", "rows": [], "b": None, "c": 1}, theirs)) == [
        ".c: not recorded"
    ]
    spoilt = {"a": 2, "rows": [["week", {}]], "b": None}
    assert sorted(differences(spoilt, theirs)) == [
        ".a: number, recorded ['text']",
        ".rows[][1].v: missing",
    ]
