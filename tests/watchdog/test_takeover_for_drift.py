"""Whole processes: busy coins are left alone, and a drift that is found is latched like a kill."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from drilled import mm
from given_account import ADDRESS, give_key
from maker_process import Maker, exchange, has_quoted, wait_for
from mm.heartbeat import read_beat
from paper_process import serving
from watched import ended, eventually, said, status, watchdog_dir

pytestmark = pytest.mark.wire

WATCHED_S = 20.0
"""Wall seconds: several times the 5 s of drift at this speed."""


def moved() -> list[int]:
    """Lots that each coin's position has gone up and down by, as the maker's heartbeat says."""
    beat = read_beat(watchdog_dir() / "heartbeat.json")
    return [] if beat is None else [held.moved or 0 for held in beat.coins.values()]


def test_two_busy_coins_on_a_fast_market_are_left_alone() -> None:
    """Positions that move several times between two looks, asked for one after the other."""
    maker = Maker("--coin", "BTC", "--coin", "ETH", "--speed", "20", "--seed", "21")
    try:
        wait_for(lambda: len(moved()) == 2 and all(moved()), maker)
        wait_for(lambda: status().get("doing") == "watching", maker)
        until_s, fills = time.monotonic() + WATCHED_S, set()
        while time.monotonic() < until_s:
            assert maker.process.poll() is None, maker.process.communicate()[1][-3000:]
            fills.add(tuple(moved()))
            time.sleep(0.1)
        assert len(fills) > 5, "nothing moved"
        maker.signal(signal.SIGINT)
        maker.ends(0)
    finally:
        maker.kill()
        for pid in (status().get("pid"), exchange()["pid"]):
            if pid is not None and not ended(pid):
                os.kill(pid, signal.SIGKILL)
    assert said("watchdog_takes_over") == []


def test_a_drift_is_latched_until_somebody_unlocks(tmp_path: Path) -> None:
    """The watchdog's word is written here: it stands still meanwhile."""
    market = ("--account", f"{ADDRESS}=10000", "--speed", "20", "--seed", "7")
    with serving(tmp_path, *market) as served:
        give_key()
        maker = Maker("--base-url", served.url, "--coin", "BTC")
        wait_for(lambda: has_quoted(8) and status().get("doing") == "watching", maker)
        watchdog = status()["pid"]
        os.kill(watchdog, signal.SIGSTOP)
        try:
            told = {**status(), "doing": "working", "why": "drift", "positions": {"BTC": 777}}
            draft = tmp_path / "status.json"
            draft.write_text(json.dumps({**told, "number": told["number"] + 1}))
            draft.replace(watchdog_dir() / "status.json")
            _, log = maker.ends(4)
        finally:
            os.kill(watchdog, signal.SIGKILL)
            maker.kill()
        assert "stopped by position_unexplained (found by the watchdog" in log, log[-3000:]
        assert "position 0.00777 BTC" in log
        assert "the watchdog has taken over" in log
        eventually(lambda: ended(watchdog), "the watchdog's end")
        refused = mm("run", "--base-url", served.url, "--coin", "BTC", "--duration", "5")
        assert refused.returncode == 4
        assert "position_unexplained" in refused.stderr
        assert mm("unlock", "--by", "drill").returncode == 0
        again = mm("run", "--base-url", served.url, "--coin", "BTC", "--duration", "5")
        assert again.returncode == 0, again.stderr[-3000:]
