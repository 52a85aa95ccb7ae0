"""The mirror market and the dry run, with a second paper exchange as the live venue."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from given_account import give_key
from maker_process import Maker, has_quoted, wait_for
from mm.cli import run
from mm.errors import ConfigError, VenueError
from paper_process import serving
from watched import buy_by_hand, position, stops

pytestmark = pytest.mark.wire

HURRIED = """
[control]
on_kill = "flatten"
on_exit = "flatten"
observe_book_s = 2.0
"""
COMMAND = [sys.executable, "-m", "mm"]


def ask(url: str, **query: object) -> Any:  # noqa: ANN401 - JSON
    body = json.dumps(query).encode()
    request = urllib.request.Request(f"{url}/info", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


def touch(url: str) -> tuple[str | None, str | None]:
    bids, asks = ask(url, type="l2Book", coin="BTC")["levels"]
    return (bids[0]["px"] if bids else None), (asks[0]["px"] if asks else None)


def test_a_mirror_shows_the_venue_s_book_and_nothing_once_the_venue_is_lost(
    tmp_path: Path,
) -> None:
    venue_dir, mirror_dir = tmp_path / "venue", tmp_path / "mirror"
    venue_dir.mkdir()
    mirror_dir.mkdir()
    with serving(venue_dir, "--speed", "1", "--seed", "7") as venue:
        mirror_of = ("--market", f"mirror:{venue.url}", "--coin", "BTC", "--speed", "1")
        with serving(mirror_dir, *mirror_of) as mirror:
            assert "live data of BTC" in mirror.said["label"]
            listed = ask(mirror.url, type="meta")
            there = next(p for p in ask(venue.url, type="meta")["universe"] if p["name"] == "BTC")
            assert [(p["name"], p["szDecimals"]) for p in listed["universe"]] == [
                ("BTC", there["szDecimals"])
            ]
            assert agreed(venue.url, mirror.url), "the same touch within 10 s"
            venue.stop()
            deadline = time.monotonic() + 10
            while touch(mirror.url) != (None, None):
                assert time.monotonic() < deadline, "a book that nobody tells of is shown"
                time.sleep(0.1)


def test_a_position_on_a_mirror_has_its_stop_there_alone(tmp_path: Path) -> None:
    venue_dir, mirror_dir = tmp_path / "venue", tmp_path / "mirror"
    venue_dir.mkdir()
    mirror_dir.mkdir()
    funded = ("--account", f"{give_key()}=10000", "--coin", "BTC", "--speed", "1")
    config = tmp_path / "mm.toml"
    config.write_text("[protection]\nresident_stop = true\n" + HURRIED)
    with serving(venue_dir, "--speed", "1", "--seed", "7", accounts=0) as venue:
        mirror_of = ("--market", f"mirror:{venue.url}", *funded)
        with serving(mirror_dir, *mirror_of, accounts=0) as mirror:
            assert agreed(venue.url, mirror.url)
            buy_by_hand("0.01", mirror.url)
            maker = Maker("--base-url", mirror.url, "--config", str(config))
            wait_for(lambda: has_quoted(2), maker)
            wait_for(lambda: bool(stops(mirror.url)), maker)
            [stop] = stops(mirror.url)
            assert (stop["side"], stop["reduceOnly"], stop["isPositionTpsl"]) == ("A", True, True)
            (bid, _), trigger = touch(mirror.url), float(stop["triggerPx"])
            assert bid is not None
            assert 0.5 * float(bid) < trigger < float(bid)
            assert stops(venue.url) == [], "the venue is only listened to"
            maker.signal(signal.SIGTERM)
            maker.ends(0)
            assert position(mirror.url) == 0.0
            assert stops(mirror.url) == [], "it goes with the position"


def agreed(one: str, other: str) -> bool:
    """Whether two exchanges show the same touch at some moment."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        before = touch(one)
        if before == touch(other) and None not in before:
            return True
        time.sleep(0.1)
    return False


def test_a_dry_run_quotes_on_the_venue_s_market_and_sends_it_nothing(tmp_path: Path) -> None:
    with serving(tmp_path, "--speed", "1", "--seed", "7", accounts=1) as venue:
        address = venue.wallets[0].address
        config = tmp_path / "mm.toml"
        config.write_text(HURRIED)
        options = ["--network", "testnet", "--dry-run", "--base-url", venue.url]
        options += ["--account", address, "--config", str(config), "--duration", "12", "--json"]
        ended = subprocess.run(
            [*COMMAND, "run", *options], capture_output=True, text=True, timeout=90, check=False
        )
        assert ended.returncode == 0, ended.stderr[-2000:]
        summary = json.loads(ended.stdout)
        assert (summary["network"], summary["market"]) == ("paper", f"mirror:{venue.url}")
        assert summary["orders"]["placed"] > 0, "it quoted on the mirrored market"
        assert summary["breaches"] == 0
        state = ask(venue.url, type="clearinghouseState", user=address)
        assert state["marginSummary"]["accountValue"] == "10000.0"
        report = venue.stop()
        assert report[-1]["actions"] == 0, "nothing was sent to the venue"


def test_what_cannot_be_mirrored_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected 1 on market = mirror, which is live"):
        run(["run", "--market", "mirror", "--speed", "20"])
    with pytest.raises(ConfigError, match="speed was 20, expected 1"):
        run(["exchange", "--market", "mirror", "--coin", "BTC"])
    with pytest.raises(ConfigError, match="coin was not given"):
        run(["exchange", "--market", "mirror", "--speed", "1"])
    with pytest.raises(ConfigError, match="expected mirror, mirror:testnet or mirror:URL"):
        run(["exchange", "--market", "mirror:nowhere", "--coin", "BTC", "--speed", "1"])
    away = ["--market", "mirror:http://127.0.0.1:9", "--coin", "BTC", "--speed", "1"]
    with pytest.raises(VenueError, match="no connection"):
        run(["exchange", *away])
    with pytest.raises(ConfigError, match=r"--dry-run on network = paper"):
        run(["run", "--dry-run"])
