"""What a stop and a kill do with a position, as processes: each policy that the maker itself ends.

The flatten of a kill is in tests/session/test_kill_drills.py, what has no time and goes to the
watchdog in tests/watchdog/test_hand_over.py.
"""

import signal
import time
from pathlib import Path

import pytest

from drilled import at, inherited, mm
from given_account import ADDRESS
from maker_process import Json, Maker, runs
from watched import ask, position, resting, said

pytestmark = pytest.mark.wire

LARGE, SMALL = 0.05, 0.002
"""BTC: some takers' worth, and one's."""


def finished(maker: Maker, code: int, url: str) -> Json:
    """The summary of a maker that did with its position what was chosen, and by itself."""
    summary, log = maker.ends(code)
    assert "Traceback" not in log
    assert summary["open_orders_after_stop"] == 0
    assert resting(url) == []
    assert float(summary["position"]["end"]) == position(url)
    assert summary["pnl_usd"]["residual"] == "0"
    run = runs()[-1]
    assert said("watchdog_takes_over", run) == said("watchdog_order", run) == []
    assert said("watchdog_ended", run)[-1]["how"] == "goodbye"
    return summary


def reducing(url: str) -> set[str]:
    """How the reduce-only orders of the account were sent; a stop that was set off is one."""
    rows = ask({"type": "historicalOrders", "user": ADDRESS.lower()}, url)
    rows = [row for row in rows if row["order"]["reduceOnly"]]
    waited = {row["status"] for row in rows if row["order"]["isTrigger"]}
    sent = {row["order"]["tif"] for row in rows if not row["order"]["isTrigger"]}
    return sent | ({"triggered", "filled"} & waited)


def test_a_stop_that_holds_leaves_the_position_for_the_next_run(tmp_path: Path) -> None:
    with inherited(tmp_path, '[control]\non_exit = "hold"\n', LARGE) as (maker, url):
        maker.signal(signal.SIGTERM)
        summary = finished(maker, 0, url)
        assert summary["position"]["left_to"] == "hold"
        held = position(url)
        assert held > 0
        time.sleep(1)
        assert position(url) == held, "nobody touches it"
        found, _ = Maker(*at(url), "--duration", "1").ends(0)
        assert float(found["position"]["start"]) == held


def test_a_stop_that_flattens_is_flat_before_it_ends(tmp_path: Path) -> None:
    text = '[control]\non_exit = "flatten"\nexit_deadline_s = 40.0\n'
    with inherited(tmp_path, text, LARGE) as (maker, url):
        maker.signal(signal.SIGTERM)
        summary = finished(maker, 0, url)
        assert summary["position"]["left_to"] is None
        assert position(url) == 0
        assert "Ioc" in reducing(url)


def test_a_kill_that_holds_cancels_and_touches_nothing(tmp_path: Path) -> None:
    with inherited(tmp_path, '[control]\non_kill = "hold"\n', LARGE) as (maker, url):
        assert mm("kill", "--why", "drill").returncode == 0
        summary = finished(maker, 4, url)
        assert summary["kill"]["reason"] == "manual"
        assert summary["position"]["left_to"] == "hold"
        held = position(url)
        assert held > 0
        assert mm("run", "--no-ui", *at(url), "--duration", "1").returncode == 4
        assert position(url) == held, "a latched start touches nothing either"


def test_a_kill_that_works_quotes_itself_out(tmp_path: Path) -> None:
    text = '[control]\non_kill = "work"\nkill_deadline_s = 40.0\n'
    with inherited(tmp_path, text, SMALL) as (maker, url):
        assert mm("kill", "--why", "drill").returncode == 0
        summary = finished(maker, 4, url)
        assert summary["position"]["left_to"] is None
        assert position(url) == 0
        assert reducing(url) == {"Alo"}, "nothing was taken"
