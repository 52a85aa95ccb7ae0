"""Kills through the real loop: cancelled orders, the end of the position, exit 4, the latch.

What the watchdog does where the maker may not finish is in tests/watchdog/test_hand_over.py.
"""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from drilled import DEMO, holding, mm, running
from given_account import ADDRESS, give_key
from maker_process import Json, Maker, has_quoted, runs, wait_for
from paper_process import serving
from watched import ask, increasing, position, said

pytestmark = pytest.mark.wire

# Slower than the other drills: the maker has to quote before the plan goes on.
LOSS_SPEED = "20"
LOSS_AT_S = 300
LOSS = f"""
[[acts]]
at_s = {LOSS_AT_S}
act = {{ sweep = {{ way = "sell", usd = 200000.0 }} }}
[[acts]]
at_s = {LOSS_AT_S + 1}
act = {{ funding = {{ usd = -700.0 }} }}
"""
"""Our bids are filled, and what is held costs more than the day may lose: 5 % of 10,000 USDC."""


def latched(reason: str, *restart: str) -> None:
    """No start before `mm unlock`, and one after it."""
    refused = mm("run", "--no-ui", *restart, "--duration", "1")
    assert refused.returncode == 4
    assert f"stopped by {reason}" in refused.stderr
    assert "`mm unlock`" in refused.stderr
    shown = mm("status")
    assert shown.returncode == 4
    assert f"Mode         halted (killed: {reason.replace('_', ' ')})" in shown.stdout
    assert mm("unlock", "--by", "drill").returncode == 0
    _, log = Maker(*restart, "--duration", "1").ends(0)
    assert "killed" not in log


def killed(maker: Maker, reason: str) -> Json:
    """The summary of a maker that was killed and closed its position by itself."""
    summary, log = maker.ends(4)
    run = runs()[-1]
    assert f"mm: stopped by {reason}" in log
    assert "`mm unlock`" in log
    assert summary["exit_reason"] == f"killed: {reason}"
    assert summary["kill"]["reason"] == reason
    assert summary["open_orders_after_stop"] == 0
    assert summary["position"]["end"] == "0"
    assert summary["position"]["left_to"] is None
    found = json.loads((run / "postmortem.json").read_text())
    assert found["kill"]["reason"] == found["snapshot"]["kill"]["reason"] == reason
    assert "kill_latched" in [alarm["alarm"] for alarm in found["alarms"]]
    assert found["actions"]
    # The watchdog stood by and had nothing to do.
    assert said("watchdog_takes_over", run) == said("watchdog_order", run) == []
    assert said("watchdog_ended", run)[-1]["how"] == "goodbye"
    return summary


def test_a_manual_kill_flattens_and_stays_latched_until_it_is_acknowledged(tmp_path: Path) -> None:
    with running(tmp_path, '[control]\non_kill = "flatten"\nkill_deadline_s = 40.0\n') as maker:
        holding(maker)
        assert mm("kill", "--why", "drill").returncode == 0
        summary = killed(maker, "manual")
    assert summary["breaches"] == 0
    assert summary["kill"]["detail"] == "drill"
    latched("manual", *DEMO)


def test_a_days_loss_kills_flattens_and_stays_latched(tmp_path: Path) -> None:
    plan = tmp_path / "loss.toml"
    plan.write_text(LOSS)
    config = tmp_path / "mm.toml"
    config.write_text("[control]\nquote_min_s = 5.0\nkill_deadline_s = 40.0\n")
    account = ("--account", f"{ADDRESS}=10000", "--speed", LOSS_SPEED, "--seed", "7")
    with serving(tmp_path, *account, "--faults", str(plan), accounts=0) as served:
        give_key()
        given = ("--base-url", served.url, "--coin", "BTC", "--config", str(config))
        maker = Maker(*given)
        wait_for(lambda: has_quoted(4), maker)
        summary = killed(maker, "daily_loss")
        assert position(served.url) == 0
        assert increasing(served.url) == []
        query = {"type": "userFunding", "user": ADDRESS, "startTime": 0}
        paid = [Decimal(row["delta"]["usdc"]) for row in ask(query, served.url)]
        lost = mm("status", "--json")
        assert json.loads(lost.stdout)["kill"]["reason"] == "daily_loss"
        # The loss is still that of the day: started again with it, it would be stopped again.
        config.write_text("[limits]\ndaily_loss_frac = 0.5\ndrawdown_frac = 0.5\n")
        latched("daily_loss", *given)
        lines = served.stop()
    # With the hour's own, where one ends meanwhile.
    assert paid.count(Decimal(-700)) == 1
    assert Decimal(summary["pnl_usd"]["funding"]) == sum(paid)
    assert summary["pnl_usd"]["residual"] == "0"
    sent = [line for line in lines if line["kind"] == "action" and line["action"] == "order"]
    assert max(float(at["position"]) for line in sent for at in line["exposure"]) > 0
