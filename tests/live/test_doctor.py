"""`mm doctor` on a venue that is in order but for one thing: its finding, and the exit code."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from info_venue import (
    DAY_MS,
    MAKER,
    MAKER_KEY,
    MASTER,
    MASTER_KEY,
    OTHER_KEY,
    WATCHDOG,
    WATCHDOG_KEY,
    InfoVenue,
    answering,
    now_ms,
)
from mm import cli
from mm.hyperliquid.account import STOP_PREFIX
from mm.keys.sources import PASSPHRASE

TIMED = {"venue", "clock"}
"""Checks that a busy machine can make worse."""
Finding = dict[str, str]
Examine = Callable[..., tuple[int, dict[str, Finding]]]


@pytest.fixture
def venue() -> Iterator[InfoVenue]:
    with answering() as own:
        yield own


@pytest.fixture
def examine(
    venue: InfoVenue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Examine:
    """`mm doctor --json` on testnet: exit code and findings by name."""

    def look(
        coin: str = "BTC",
        maker: str = MAKER_KEY,
        watchdog: str = WATCHDOG_KEY,
        config: str | None = None,
    ) -> tuple[int, dict[str, Finding]]:
        monkeypatch.setenv("MM_AGENT_KEY", maker)
        monkeypatch.setenv("MM_WATCHDOG_KEY", watchdog)
        options = ["--network", "testnet", "--account", MASTER, "--base-url", venue.url]
        options += [] if config is None else ["--config", config]
        monkeypatch.setattr(sys, "argv", ["mm", "doctor", *options, "--coin", coin, "--json"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = json.loads(capsys.readouterr().out)
        assert venue.actions == [], "it sends nothing"
        assert isinstance(ended.value.code, int)
        assert said["good"] is (ended.value.code == 0)
        return ended.value.code, {row["name"]: row for row in said["findings"]}

    return look


def test_where_everything_is_in_order_it_says_so_of_each(examine: Examine) -> None:
    code, found = examine()
    assert code == 0
    assert ills(found) == set()
    assert list(found) == [
        "venue", "clock", "key", "watchdog key", "account mode", "coin", "leverage", "fees",
        "feasibility", "requests", "resident stop",
    ]  # fmt: skip


def ills(found: dict[str, Finding]) -> set[str]:
    return {name for name, row in found.items() if row["grade"] != "ok"} - TIMED


def spoil(**answers: Any) -> Callable[[InfoVenue], None]:  # noqa: ANN401 - JSON
    def change(venue: InfoVenue) -> None:
        venue.answers |= answers

    return change


def ends(name: str, address: str, left_ms: int) -> Callable[[InfoVenue], None]:
    def change(venue: InfoVenue) -> None:
        venue.agents[name] = (address, left_ms)

    return change


STATE = {"marginSummary": {"accountValue": "9.0"}, "assetPositions": []}
SPENT = {"nRequestsUsed": 10_000, "nRequestsCap": 10_000, "cumVlm": "0.0"}


@pytest.mark.parametrize(
    ("change", "name", "grade", "text"),
    [
        (spoil(userAbstraction="unifiedAccount"), "account mode", "fail", "unifiedAccount"),
        (
            spoil(exchangeStatus=lambda _: {"time": now_ms() - 7_000}),
            "clock", "fail", "a run is refused",
        ),
        (
            spoil(exchangeStatus=lambda _: {"time": now_ms() - 2_000}),
            "clock", "warn", "s off the venue's",
        ),
        (ends("maker", MAKER, -1_000), "key", "fail", "has expired"),
        (ends("maker", MAKER, 3 * DAY_MS), "key", "warn", "valid until"),
        (ends("watchdog", WATCHDOG, -1_000), "watchdog key", "fail", "has expired"),
        (ends("watchdog", WATCHDOG, 3 * DAY_MS), "watchdog key", "warn", "valid until"),
        (
            spoil(activeAssetData={"leverage": {"type": "isolated", "value": 3}}),
            "leverage", "warn", "isolated 3x; a run sets cross 20x",
        ),
        (spoil(clearinghouseState=STATE), "feasibility", "fail", "fund the account"),
        (spoil(userRateLimit=SPENT), "requests", "fail", "one action per 10 s"),
        (spoil(userFees={}), "fees", "fail", "not the answer expected"),
        (spoil(userFees=[]), "fees", "fail", "not the answer expected"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_found_and_leaves_the_others_their_say(
    venue: InfoVenue,
    examine: Examine,
    change: Callable[[InfoVenue], None],
    name: str,
    grade: str,
    text: str,
) -> None:
    change(venue)
    code, found = examine()
    assert found[name]["grade"] == grade, found[name]
    assert text in found[name]["text"]
    assert code == (1 if grade == "fail" else 0)
    assert ills(found) == {name} - TIMED


def test_a_stop_that_rests_is_shown_and_one_that_is_switched_off_is_warned_of(
    venue: InfoVenue, examine: Examine, tmp_path: Path
) -> None:
    cloid = STOP_PREFIX + "00" * 7 + "01"
    stop = {"coin": "BTC", "oid": 7, "cloid": cloid, "triggerPx": "95000.0"}
    venue.answers["frontendOpenOrders"] = [stop, {**stop, "coin": "ETH", "triggerPx": "1.0"}]
    code, found = examine()
    assert (code, found["resident stop"]["grade"]) == (0, "ok")
    assert "one is there, set off at 95000.0" in found["resident stop"]["text"]
    assert "scheduleCancel waits while that is larger" in found["resident stop"]["text"]
    config = tmp_path / "mm.toml"
    choice = '[control]\non_kill = "flatten"\non_exit = "flatten"\n'
    config.write_text(choice + "[protection]\nresident_stop = false\n")
    code, found = examine(config=str(config))
    assert (code, found["resident stop"]["grade"]) == (0, "warn")
    assert "nothing closes a position" in found["resident stop"]["text"]


def test_a_query_that_is_refused_fails_its_check_alone(venue: InfoVenue, examine: Examine) -> None:
    del venue.answers["userRateLimit"]
    code, found = examine()
    assert (code, found["requests"]["grade"]) == (1, "fail")
    assert "HTTP 422" in found["requests"]["text"]
    assert found["coin"]["grade"] == "ok"


def test_a_coin_that_is_not_listed_fails(examine: Examine) -> None:
    code, found = examine(coin="BTCC")
    assert (code, found["coin"]["grade"]) == (1, "fail")
    assert "did you mean BTC" in found["coin"]["text"]


@pytest.mark.parametrize(
    ("keys", "name", "text"),
    [
        ({"maker": MASTER_KEY}, "key", "own key, which can withdraw"),
        ({"maker": ""}, "key", "MM_AGENT_KEY is not set"),
        ({"watchdog": MAKER_KEY}, "watchdog key", "the maker's key too"),
        ({"watchdog": OTHER_KEY}, "watchdog key", "own key, which can withdraw"),
        ({"watchdog": "ef" * 32}, "watchdog key", "does not know the key"),
        ({"watchdog": ""}, "watchdog key", "MM_WATCHDOG_KEY is not set"),
        ({"watchdog": "12"}, "watchdog key", "expected a private key"),
    ],
)
def test_a_key_that_cannot_or_should_not_sign_fails(
    examine: Examine, keys: dict[str, str], name: str, text: str
) -> None:
    code, found = examine(**keys)
    assert (code, found[name]["grade"]) == (1, "fail")
    assert text in found[name]["text"]


@pytest.mark.parametrize(("given", "at_once"), [("pw", 2), (None, 1)])
def test_keys_are_opened_beside_one_another_and_after_what_is_measured(
    venue: InfoVenue,
    examine: Examine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    given: str | None,
    at_once: int,
) -> None:
    """Each takes a second of a processor; a passphrase is asked for one at a time."""
    opening, most, asked_by_then = set[str](), 0, set[str]()
    both = threading.Event()

    def opens(use: str, *_: object) -> str:
        nonlocal most
        opening.add(use)
        most = max(most, len(opening))
        asked_by_then.update(asked["type"] for asked in venue.asked if use == "maker")
        if len(opening) == at_once:
            both.set()
        assert both.wait(20), "the other one waits for this one"
        opening.discard(use)
        return {"maker": MAKER_KEY, "watchdog": WATCHDOG_KEY}[use]

    monkeypatch.setattr("mm.doctor.secret_for", opens)
    monkeypatch.delenv(PASSPHRASE, raising=False)
    if given is not None:
        monkeypatch.setenv(PASSPHRASE, given)
    config = tmp_path / "mm.toml"
    choice = '[control]\non_kill = "flatten"\non_exit = "flatten"\n'
    config.write_text(choice + '[account]\nkey_source = "keystore"\n')
    code, found = examine(config=str(config))
    assert (code, ills(found), most) == (0, set(), at_once)
    assert "exchangeStatus" in asked_by_then


def test_it_says_the_same_to_a_reader(
    venue: InfoVenue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MM_AGENT_KEY", MAKER_KEY)
    monkeypatch.setenv("MM_WATCHDOG_KEY", WATCHDOG_KEY)
    venue.answers["userAbstraction"] = "portfolioMargin"
    options = ["--network", "testnet", "--account", MASTER, "--base-url", venue.url]
    assert cli.run(["doctor", *options, "--coin", "BTC"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("fail")] == [
        next(line for line in lines if "account mode" in line)
    ]
