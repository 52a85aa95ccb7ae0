"""Kills through the real loop: cancelled orders, the end of the position, exit 4, the latch."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from maker_process import Json, Maker, exchange, has_quoted, runs, wait_for
from watched import ended, eventually, increasing, position, said, status

pytestmark = pytest.mark.wire

DEMO = ("--coin", "BTC", "--speed", "60", "--seed", "7")
HELD = 0.004
"""A position worth closing, BTC."""


@contextmanager
def running(directory: Path, text: str) -> Iterator[Maker]:
    """A maker with this configuration, killed at the end together with what it leaves."""
    path = directory / "mm.toml"
    path.write_text(text)
    maker = Maker(*DEMO, "--config", str(path))
    try:
        yield maker
    finally:
        maker.kill()
        for pid in (status().get("pid"), exchange()["pid"]):
            if pid is not None and not ended(pid):
                os.kill(pid, signal.SIGKILL)


def mm(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mm", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def killed(maker: Maker, reason: str) -> Json:
    """The summary of a maker that was killed; the latch holds until it is acknowledged."""
    summary, log = maker.ends(4)
    run = runs()[-1]
    assert f"mm: stopped by {reason}" in log
    assert "`mm unlock`" in log
    assert summary["exit_reason"] == f"killed: {reason}"
    assert summary["kill"]["reason"] == reason
    assert summary["open_orders_after_stop"] == 0
    assert summary["breaches"] == 0
    found = json.loads((run / "postmortem.json").read_text())
    assert found["kill"]["reason"] == found["snapshot"]["kill"]["reason"] == reason
    assert "kill_latched" in [alarm["alarm"] for alarm in found["alarms"]]
    assert found["actions"]
    refused = mm("run", "--no-ui", *DEMO, "--duration", "1")
    assert refused.returncode == 4
    assert f"stopped by {reason}" in refused.stderr
    assert "`mm unlock`" in refused.stderr
    assert mm("unlock", "--by", "drill").returncode == 0
    return summary


def holding(maker: Maker) -> None:
    """Wait until it holds a position and is being watched."""
    wait_for(lambda: has_quoted(8) and status().get("doing") == "watching", maker)
    wait_for(lambda: abs(position()) >= HELD, maker)


def test_a_manual_kill_flattens_and_stays_latched_until_it_is_acknowledged(tmp_path: Path) -> None:
    with running(tmp_path, '[control]\non_kill = "flatten"\nkill_deadline_s = 5.0\n') as maker:
        holding(maker)
        assert mm("kill", "--why", "drill").returncode == 0
        summary = killed(maker, "manual")
        if summary["position"]["left_to"] == "watchdog":
            # The engine's deadline passed first: the watchdog crosses at once.
            assert said("watchdog_takes_over")[-1]["asks"] == "escalate"
            eventually(lambda: position() == 0, "flat")
        else:
            assert summary["position"]["end"] == "0"
            assert said("watchdog_ended")[-1]["how"] == "goodbye"
    assert summary["kill"]["detail"] == "drill"
    _, log = Maker(*DEMO, "--duration", "1").ends(0)
    assert "killed" not in log


def test_a_position_that_is_to_be_worked_is_left_to_the_watchdog(tmp_path: Path) -> None:
    with running(tmp_path, '[control]\non_kill = "work"\nkill_deadline_s = 0.2\n') as maker:
        holding(maker)
        assert mm("kill", "--why", "drill").returncode == 0
        summary = killed(maker, "manual")
        if summary["position"]["left_to"] is not None:
            assert summary["position"]["left_to"] == "watchdog"
            assert said("watchdog_takes_over")[-1]["asks"] == "touch"
            assert increasing() == []
            eventually(lambda: position() == 0, "a reducing quote at the touch")
            for line in said("watchdog_order"):
                assert line["tif"] == "Alo"
