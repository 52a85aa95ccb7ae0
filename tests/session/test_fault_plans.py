"""Whole processes against `mm exchange --faults PLAN`: bad minutes of lines and of answers."""

import json
import re
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from given_account import ADDRESS, give_key
from maker_process import Json, Maker, has_quoted, runs, wait_for
from mm.audit.verdict import judge
from paper_process import Served, serving
from watched import position, resting, stops

pytestmark = pytest.mark.wire

SPEED = 30
FUNDED = ("--account", f"{ADDRESS}=10000", "--speed", str(SPEED), "--seed", "7")
BEGIN_S = 300
"""Exchange seconds after which things go wrong: the maker quotes by then."""
LATER_S = (0, 600, 2_400)
"""Or so much later: on a busy machine another exchange is opened, whose plan gives it more time."""
AFTER_S = 90

LINES = f"""
[[acts]]
at_s = {BEGIN_S}
act = {{ burst = {{ way = "sell", usd = 3000.0, orders = 3, within_s = 2.0 }} }}
[[script]]
at_s = {BEGIN_S}
fault = {{ lost_reply = {{ of = "place", count = 2 }} }}
[[script]]
at_s = {BEGIN_S + 5}
fault = {{ lost_reply = {{ of = "modify", count = 2 }} }}
[[script]]
at_s = {BEGIN_S + 10}
fault = {{ disconnect = {{ for_s = 20.0, snapshot_fills = 30 }} }}
[[acts]]
at_s = {BEGIN_S + 15}
act = {{ sweep = {{ way = "buy", usd = 5000.0 }} }}
[[script]]
at_s = {BEGIN_S + 60}
fault = {{ disconnect = {{ for_s = 5.0, snapshot_fills = 30 }} }}
[[script]]
at_s = {BEGIN_S + 70}
fault = {{ never_arrives = {{ of = "place", count = 1 }} }}
"""
"""Answers that are lost, lines that break while others trade, and snapshots full of old fills."""

HTTP = f"""
[[script]]
at_s = {BEGIN_S}
fault = {{ http429 = {{ of = "any", count = 6 }} }}
[[script]]
at_s = {BEGIN_S}
fault = {{ http429 = {{ of = "info", count = 4 }} }}
[[script]]
at_s = {BEGIN_S + 30}
fault = {{ hung = {{ of = "modify", count = 2, for_s = 300.0 }} }}
[[script]]
at_s = {BEGIN_S + 30}
fault = {{ hung = {{ of = "info", count = 3, for_s = 300.0 }} }}
[[script]]
at_s = {BEGIN_S + 210}
fault = {{ http5xx = {{ of = "place", count = 2, executed = true }} }}
"""
"""An exchange that has too much to do: refusals, answers that hang, errors after the deed."""


class TooLateError(Exception):
    """The maker did not quote before the plan began."""


def lived_through(served: Served, plan: str) -> tuple[Json, str]:
    """A maker's summary and log: it quoted before the plan began and after it was through.

    Nobody else asks the exchange meanwhile: what goes wrong is meant for the maker.
    """
    begun_s = time.monotonic()
    maker = Maker("--base-url", served.url, "--coin", "BTC")
    wait_for(lambda: has_quoted(4), maker)
    begins = [float(at_s) for at_s in re.findall(r"at_s = (\d+)", plan)]
    if time.monotonic() - begun_s >= min(begins) / SPEED:
        maker.kill()
        raise TooLateError
    over_s = begun_s + (max(begins) + AFTER_S) / SPEED
    wait_for(lambda: time.monotonic() >= over_s, maker)
    sent = (runs()[-1] / "sent.jsonl").read_text().count('"action"')
    wait_for(lambda: has_quoted(sent + 4), maker)
    maker.signal(signal.SIGTERM)
    return maker.ends(0)


def test_lines_that_break_and_answers_that_are_lost(tmp_path: Path) -> None:
    summary, log = judged(tmp_path, LINES)
    # Of a stop's order it is told by whoever carries that.
    assert log.count('"reply_lost"') + log.count('"resident_stop_unanswered"') >= 4
    [ended] = [line for line in events(log) if line["event"] == "session_ended"]
    assert ended["reconnects"] >= 4
    assert summary["fills_buy"] + summary["fills_sell"] > 0


def test_an_exchange_that_has_too_much_to_do(tmp_path: Path) -> None:
    summary, log = judged(tmp_path, HTTP)
    assert summary["orders"]["rejected"] > 0
    assert '"reply_lost"' in log


def events(log: str) -> list[Json]:
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def judged(tmp_path: Path, plan: str) -> tuple[Json, str]:
    """Live through a plan: no breach, the exchange's own position, books to the micro-USDC."""
    give_key()
    for later_s in LATER_S:
        shifted = re.sub(r"at_s = (\d+)", lambda at: f"at_s = {int(at[1]) + later_s}", plan)  # noqa: B023 - used at once
        with suppress(TooLateError):
            return _judged(tmp_path, shifted)
    pytest.fail("the maker quotes too late for every plan")


def _judged(tmp_path: Path, plan: str) -> tuple[Json, str]:
    path = tmp_path / "plan.toml"
    path.write_text(plan)
    with serving(tmp_path, *FUNDED, "--faults", str(path), accounts=0) as served:
        summary, log = lived_through(served, plan)
        held = position(served.url)
        assert resting(served.url) == []
        assert len(stops(served.url)) == (1 if held else 0), "what is held keeps its stop"
        served.stop()
    assert judge(runs()[-1], served.report, ADDRESS, "BTC").breaches == []
    assert float(summary["position"]["end"]) == held
    assert summary["kill"] is None
    assert summary["pnl_usd"]["residual"] == "0"
    assert summary["open_orders_after_stop"] == 0
    return summary, log
