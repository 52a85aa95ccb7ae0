"""Who may trade for whom, asked by the commands that an operator types, before anything is sent.

A run that passes every check stops at its coin, which this venue does not list.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from info_venue import (
    DAY_MS,
    MAKER,
    MAKER_KEY,
    MASTER,
    MASTER_KEY,
    OTHER,
    OTHER_KEY,
    SUB,
    VAULT,
    InfoVenue,
    answering,
    now_ms,
)
from mm import cli
from mm._core import recover_signer

CONFIG = """
[process]
coin = "NOPE"
metrics_port = 0

[control]
on_kill = "hold"
on_exit = "hold"
"""
MASTER_ALLOWED = "\n[account]\nmaster_key_allowed = true\n"
USAGE, VENUE = 2, 3
PASSED = "coin NOPE is unknown"
"""What is looked at after account and key."""


@pytest.fixture
def venue() -> Iterator[InfoVenue]:
    with answering() as own:
        yield own


Trade = Callable[..., tuple[int, str]]


@pytest.fixture
def trade(
    venue: InfoVenue,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Trade:
    """`mm run` on testnet: exit code and everything that it says."""

    def begin(account: str = MASTER, key: str = MAKER_KEY, more: str = "") -> tuple[int, str]:
        monkeypatch.setenv("MM_AGENT_KEY", key)
        path = tmp_path / "mm.toml"
        path.write_text(CONFIG + more)
        options = ("--network", "testnet", "--account", account, "--base-url", venue.url)
        monkeypatch.setattr(sys, "argv", ["mm", "run", *options, "--config", str(path), "--no-ui"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert key not in said.out + said.err
        assert venue.actions == [], "nothing is sent before the account is known"
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out + said.err

    return begin


def test_an_agent_of_a_standard_account_passes(trade: Trade) -> None:
    code, said = trade()
    assert (code, PASSED in said) == (USAGE, True)
    assert "agent_expires_soon" not in said


@pytest.mark.parametrize("mode", ["unifiedAccount", "portfolioMargin", "dexAbstraction"])
def test_an_account_whose_equity_lies_elsewhere_is_refused(
    venue: InfoVenue, trade: Trade, mode: str
) -> None:
    venue.answers["userAbstraction"] = mode
    code, said = trade()
    assert (code, PASSED in said) == (USAGE, False)
    assert f"account mode of {MASTER} is '{mode}': expected a standard account" in said


def test_an_account_that_keeps_perps_and_spot_apart_passes(venue: InfoVenue, trade: Trade) -> None:
    venue.answers["userAbstraction"] = "disabled"
    assert PASSED in trade()[1]


@pytest.mark.parametrize(("off_ms", "passes"), [(-7_000, False), (7_000, False), (2_000, True)])
def test_a_clock_by_which_every_action_would_expire_or_none_is_refused(
    venue: InfoVenue, trade: Trade, off_ms: int, passes: bool
) -> None:
    venue.answers["exchangeStatus"] = lambda _: {"time": now_ms() - off_ms}
    code, said = trade()
    assert (code, PASSED in said) == (USAGE, passes)
    assert ("set the clock (NTP) first" in said) is not passes


def test_a_venue_without_a_time_is_trouble_of_the_venue(venue: InfoVenue, trade: Trade) -> None:
    venue.answers["exchangeStatus"] = {}
    code, said = trade()
    assert code == VENUE
    assert "exchangeStatus: not the answer expected" in said


@pytest.mark.parametrize(("days", "warns"), [(6.9, True), (7.1, False)])
def test_an_approval_that_ends_within_a_week_is_told(
    venue: InfoVenue, trade: Trade, days: float, warns: bool
) -> None:
    venue.agents["maker"] = (MAKER, int(days * DAY_MS))
    said = trade()[1]
    assert PASSED in said
    assert ("agent_expires_soon" in said) is warns


def test_an_expired_agent_is_refused(venue: InfoVenue, trade: Trade) -> None:
    venue.agents["maker"] = (MAKER, -1_000)
    code, said = trade()
    assert (code, PASSED in said) == (USAGE, False)
    assert f"the agent {MAKER} of {MASTER} has expired: approve a new one" in said


def test_an_agent_without_a_name_passes(venue: InfoVenue, trade: Trade) -> None:
    """The venue knows it and does not list it: nobody can say when it ends."""
    del venue.agents["maker"]
    said = trade()[1]
    assert PASSED in said
    assert "agent_expires_soon" not in said


def test_the_accounts_own_key_signs_only_where_it_was_asked_for(trade: Trade) -> None:
    code, said = trade(key=MASTER_KEY)
    assert (code, PASSED in said) == (USAGE, False)
    assert "is an account's own key, which can withdraw everything" in said
    assert "[account] master_key_allowed = true" in said
    assert PASSED in trade(key=MASTER_KEY, more=MASTER_ALLOWED)[1]


@pytest.mark.parametrize("more", ["", MASTER_ALLOWED])
def test_the_own_key_of_another_account_is_refused_even_then(trade: Trade, more: str) -> None:
    code, said = trade(key=OTHER_KEY, more=more)
    assert (code, PASSED in said) == (USAGE, False)
    if more:
        assert f"the key {OTHER} is {OTHER}, but [account] address = {MASTER}" in said
        assert "is a master account: expected an agent" in said


def test_an_agents_address_is_no_account(trade: Trade) -> None:
    code, said = trade(account=MAKER)
    assert (code, PASSED in said) == (USAGE, False)
    assert f"[account] address = {MAKER} is an agent wallet of {MASTER}" in said


def test_an_account_or_a_key_that_the_venue_does_not_know_is_refused(trade: Trade) -> None:
    unknown = "0x" + "ee" * 20
    code, said = trade(account=unknown)
    assert (code, PASSED in said) == (USAGE, False)
    assert f"[account] address = {unknown} is unknown to the venue" in said
    code, said = trade(key="ef" * 32)
    assert (code, PASSED in said) == (USAGE, False)
    assert "the venue does not know the key" in said


def test_an_agent_of_somebody_else_is_refused(venue: InfoVenue, trade: Trade) -> None:
    venue.roles[MAKER] = {"role": "agent", "data": {"user": OTHER}}
    code, said = trade()
    assert (code, PASSED in said) == (USAGE, False)
    assert f"is an agent of {OTHER}, but [account] address = {MASTER}" in said


def test_a_role_that_nobody_here_knows_is_trouble_of_the_venue(
    venue: InfoVenue, trade: Trade
) -> None:
    venue.roles[MASTER] = {"role": "oracle"}
    code, said = trade()
    assert code == VENUE
    assert "expected a role known here" in said


@pytest.mark.parametrize("account", [SUB, VAULT])
def test_a_sub_account_and_a_vault_of_the_agents_master_pass(trade: Trade, account: str) -> None:
    assert PASSED in trade(account=account)[1]


def test_those_of_another_master_are_refused(venue: InfoVenue, trade: Trade) -> None:
    venue.roles[SUB] = {"role": "subAccount", "data": {"master": OTHER}}
    venue.answers["vaultDetails"] = {"leader": OTHER}
    for account in (SUB, VAULT):
        code, said = trade(account=account)
        assert (code, PASSED in said) == (USAGE, False)
        assert f"belongs to {OTHER}" in said


@pytest.mark.parametrize(("account", "named"), [(MASTER, None), (SUB, SUB), (VAULT, VAULT)])
def test_an_action_names_whom_it_is_for_beside_its_signer(
    venue: InfoVenue,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    account: str,
    named: str | None,
) -> None:
    order = {"coin": "BTC", "oid": 7, "side": "B", "sz": "0.001", "limitPx": "88000", "cloid": None}
    venue.answers["frontendOpenOrders"] = lambda _: [] if venue.actions else [order]
    monkeypatch.setenv("MM_AGENT_KEY", MAKER_KEY)
    options = ("--network", "testnet", "--account", account, "--base-url", venue.url)
    cli.run(["cancel-all", *options, "--coin", "BTC", "--yes"])
    assert "cancelled 1; verified" in capsys.readouterr().out
    [sent] = venue.actions
    assert sent["action"] == {"type": "cancel", "cancels": [{"a": 0, "o": 7}]}
    assert sent.get("vaultAddress") == named
    assert recover_signer(json.dumps(sent).encode(), mainnet=False) == MAKER
    orders = [asked for asked in venue.asked if asked["type"] == "frontendOpenOrders"]
    assert {asked["user"] for asked in orders} == {account}
