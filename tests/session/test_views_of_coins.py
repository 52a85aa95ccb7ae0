"""What is shown and done where several coins are quoted: each of them, and the account once."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from engine_desk import EngineDesk
from info_venue import MAKER_KEY, MASTER, WATCHDOG_KEY, answering
from mm import cli
from mm._core import Signer
from mm.clock import PaperClock
from mm.config import load, parse
from mm.errors import ConfigError
from mm.explain import one_log
from mm.figures import usd_text
from mm.metrics import Metrics
from mm.paper.process import Announcement
from mm.replay import LOG, logs
from mm.report import RunFacts, account_summary, summary
from mm.status import lines, standing
from mm.terminal import Opening, Quoted, Terminal, closing, first_screen
from mm.venue import PaperSide, Venue

COINS = ("BTC", "ETH")
BOTH = parse({"process": {"coins": list(COINS)}}, "mm.toml")


@pytest.fixture(scope="module")
def snapshots() -> list[dict[str, Any]]:
    """Two engines' as they quote; that of the second has made a loss."""
    first, second = (EngineDesk().open().snapshot() for _ in COINS)
    parts = ("spread_capture", "inventory", "funding", "fees", "corrections")
    first["pnl"] = dict.fromkeys(parts, 0) | {
        "inventory": 5,
        "total": 6,
        "others": -8,
        "residual": 1,
    }
    second["pnl"] = dict.fromkeys(parts, 0) | {
        "inventory": -8, "total": -7, "others": 5, "residual": 1,
    }  # fmt: skip
    return [first, second]


def facts(coin: str, **more: Any) -> RunFacts:  # noqa: ANN401 - the facts' own
    given: dict[str, Any] = {
        "session": 7, "network": "paper", "market": "demo", "coin": coin, "sz_decimals": 5,
        "duration_s": 60.0, "speed_achieved": 20.0, "requests": 10, "breaches": 0,
        "open_orders_after_stop": 0, "latency_us": {}, "queue_bound": None,
        "decision_hash": "0x0", "exit_reason": "sigterm",
    }  # fmt: skip
    return RunFacts(**{**given, **more})


def test_the_accounts_summary_adds_up_what_adds_up(snapshots: list[dict[str, Any]]) -> None:
    coins = [summary(facts(coin), shown) for coin, shown in zip(COINS, snapshots, strict=True)]
    whole = account_summary(coins, snapshots)
    assert (whole["session"], whole["requests"], whole["breaches"]) == (7, 20, 0)
    # One residual, the account's, is in each coin's total.
    pnl = whole["pnl_usd"]
    assert isinstance(pnl, dict)
    assert (pnl["total"], pnl["inventory"], pnl["residual"]) == (
        usd_text(-2), usd_text(-3), usd_text(1),
    )  # fmt: skip
    assert whole["coins"] == coins
    coins[1] = summary(facts("ETH", breaches=None, open_orders_after_stop=3), snapshots[1])
    whole = account_summary(coins, snapshots)
    assert (whole["breaches"], whole["open_orders_after_stop"]) == (None, 3)
    text = "\n".join(closing(whole, coins, Path("/runs/a")))
    assert "\n  BTC\n" in text
    assert "\n  ETH\n" in text
    assert "PnL of all   $-0.000002" in text
    assert "0 cancelled, 0 rejected; 3 left open" in text


def test_the_first_screen_has_a_part_for_each(snapshots: list[dict[str, Any]]) -> None:
    venue = Venue(
        name="the paper exchange", base_url="http://127.0.0.1:5", clock=PaperClock(0, 20.0),
        signer=Signer("11" * 32), user=Signer("11" * 32).address, vault=None, mainnet=False,
        paper=PaperSide(Announcement(0, 20.0, "a"), 7, None, attached=False),
    )  # fmt: skip
    opening = Opening(
        config=BOTH, venue=venue, command="mm", run_dir=Path("/runs/a"),
        coins=[Quoted(one, 5, held) for one, held in zip(BOTH.each(), (0, -200), strict=True)],
        cancelled=0, protected=["x"], unprotected=[], outlook=None, session_s=None,
    )  # fmt: skip
    text = "\n".join(first_screen(opening, snapshots))
    assert "PAPER  BTC, ETH on the demo market" in text
    assert "BTC          50 % of equity" in text
    assert "ETH          50 % of equity" in text
    assert text.count("  Limit        ") == 2
    assert text.count("  Requests     ") == 1
    assert "Inherited    -0.002 ETH" in text


def test_the_status_has_a_line_for_each(snapshots: list[dict[str, Any]]) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, ups in ((io.StringIO(), 0), (Screen(), 1)):
        terminal = Terminal(stream, shown=True)
        shown = [(snapshot, coin, 5) for snapshot, coin in zip(snapshots, COINS, strict=True)]
        for _ in range(2):
            terminal.status(shown)
        text = stream.getvalue()
        assert text.count("| BTC ") == text.count("| ETH ") == 2
        assert text.count("\x1b[1A") == ups, "a second one is written over the first"


def test_mm_status_shows_each_coin_and_the_account_once(snapshots: list[dict[str, Any]]) -> None:
    stands = [
        {"sz_decimals": 5, "day": None, "standing": standing(shown, coin, 5)}
        for shown, coin in zip(snapshots, COINS, strict=True)
    ]
    watchdog = {
        "pid": 9, "lives": True, "session": 7, "doing": "working", "why": "dead",
        "positions_lots": {"BTC": 100, "ETH": -3}, "positions": {"BTC": "0.001", "ETH": "-0.00003"},
    }  # fmt: skip
    said = lines(
        {
            "network": "paper",
            "account": "default",
            "pid": 5,
            "answers": True,
            "kill": None,
            "orders_live": True,
            "standing": None,
            "coins": stands,
            "watchdog": watchdog,
            "session": 7,
            "day": None,
            "host_death": None,
        }
    )
    assert "  BTC" in said
    assert "  ETH" in said
    assert sum(line.startswith("  Position ") for line in said) == 2
    assert sum(line.startswith("  Equity ") for line in said) == 1
    assert sum(line.startswith("  Requests ") for line in said) == 1
    [watched] = [line for line in said if "Watchdog" in line]
    assert "working (dead), position 0.001 BTC, -0.00003 ETH, session 7" in watched


def test_metrics_of_each_coin_are_in_one_family() -> None:
    desks = dict(zip(COINS, (EngineDesk().open(), EngineDesk(position=0.01).open()), strict=True))
    whole = Metrics({coin: next(iter(desk.metrics._read.values())) for coin, desk in desks.items()})
    text = whole.text().decode()
    assert 'mm_position{coin="BTC"} 0.0' in text
    assert 'mm_position{coin="ETH"} 0.01' in text
    assert text.count("# HELP mm_position ") == 1
    assert 'mm_step_seconds_bucket{coin="ETH",le="+Inf"}' in text


def test_logs_of_a_run_are_found_by_coin(tmp_path: Path) -> None:
    for coin in ("BTC", "xyz-GOLD"):
        (tmp_path / "two" / coin).mkdir(parents=True)
        (tmp_path / "two" / coin / LOG).touch()
    for name in ("one", "none"):
        (tmp_path / name).mkdir()
    (tmp_path / "one" / LOG).touch()
    two = tmp_path / "two"
    assert logs(tmp_path / "one") == [tmp_path / "one"]
    assert logs(two) == [two / "BTC", two / "xyz-GOLD"]
    assert one_log(two, "xyz:GOLD") == two / "xyz-GOLD"
    with pytest.raises(ConfigError, match="give --coin, one of BTC, xyz-GOLD"):
        one_log(two, None)
    with pytest.raises(ConfigError, match="expected one of BTC, xyz-GOLD"):
        logs(two, "ETH")
    with pytest.raises(ConfigError, match="no event log"):
        logs(tmp_path / "none")


@pytest.mark.parametrize(("command", "does"), [("flatten", "_flatten"), ("cancel-all", "_cancel")])
def test_an_operators_command_goes_through_all_coins(
    command: str, does: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    async def act(config: Any, *_: object) -> None:  # noqa: ANN401 - a configuration
        done.append(config.process.coin)

    monkeypatch.setattr(f"mm.commands.{command.replace('-', '_')}.{does}", act)
    cli.run([command, "--yes", "--coin", "BTC", "--coin", "ETH"])
    assert done == ["BTC", "ETH"]
    done.clear()
    cli.run([command, "--yes"])
    assert done == [load(None).process.coin]


def test_the_doctor_looks_at_each_coin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MM_AGENT_KEY", MAKER_KEY)
    monkeypatch.setenv("MM_WATCHDOG_KEY", WATCHDOG_KEY)
    with answering() as venue:
        where = ["--network", "testnet", "--account", MASTER, "--base-url", venue.url]
        wanted = ["--coin", "BTC", "--coin", "NONE", "--json"]
        monkeypatch.setattr(sys, "argv", ["mm", "doctor", *where, *wanted])
        with pytest.raises(SystemExit) as ended:
            cli.main()
    found = {row["name"]: row for row in json.loads(capsys.readouterr().out)["findings"]}
    assert ended.value.code == 1
    assert found["coin BTC"]["grade"] == "ok"
    assert found["coin NONE"]["grade"] == "fail"
    assert {"leverage BTC", "leverage NONE", "feasibility BTC", "feasibility NONE"} <= set(found)
    assert sum(name.startswith("requests") for name in found) == 1
