"""What a maker may not finish is handed to the watchdog, by its own word, and finished there.

`work` after an orderly stop is the watchdog's from the start: the operator gets the prompt back at
once. After a kill, and for a flatten, the deadline decides; here it is too short for two orders.
"""

import json
import signal
from pathlib import Path

import pytest

from drilled import DEMO, TOO_MUCH, holding, mm, running
from maker_process import Json, Maker, runs, state_dir
from mm.control_socket import ask_running
from watched import ended, eventually, increasing, position, said, status

pytestmark = pytest.mark.wire

NO_TIME = "0.001"
LOTS = 1e5
"""In a BTC."""


def handed_over(maker: Maker, code: int, asks: str) -> Json:
    """The summary of a maker that left its position; until flat nothing increases it."""
    summary, log = maker.ends(code)
    assert "position_left_to_watchdog" in log
    assert summary["open_orders_after_stop"] == 0
    assert summary["position"]["left_to"] == "watchdog"
    [taken] = said("watchdog_takes_over")
    assert (taken["why"], taken["asks"]) == ("asked", asks)
    assert taken["engine_position"] != 0
    shrinking(abs(taken["engine_position"]) / LOTS)
    eventually(lambda: status()["doing"] == "done", "the watchdog's last word")
    assert status()["why"] == "flat"
    eventually(lambda: ended(status()["pid"]), "the watchdog's end")
    assert said("watchdog_ended")[-1]["how"] == "flat"
    assert said("watchdog_order"), "it was the watchdog that closed it"
    return summary


def shrinking(held: float) -> None:
    """Wait until nothing is held: on the way there the position never grows."""
    least = held

    def is_flat() -> bool:
        nonlocal least
        assert increasing() == []
        now = abs(position())
        assert now <= least
        least = now
        return now == 0

    eventually(is_flat, "flat")


def tifs() -> set[str]:
    """How the watchdog's orders were sent."""
    return {line["tif"] for line in said("watchdog_order")}


def test_a_stop_that_works_leaves_the_position_to_the_watchdog_at_once(tmp_path: Path) -> None:
    with running(tmp_path, '[control]\non_exit = "work"\n') as maker:
        holding(maker)
        maker.signal(signal.SIGINT)
        summary = handed_over(maker, 0, "touch")
        assert summary["exit_reason"] == "sigint"
        assert "Alo" in tifs()
    # An orderly stop latches nothing, and the next run finds a flat account.
    summary, _ = Maker(*DEMO, "--duration", "1").ends(0)
    assert summary["position"]["start"] == "0"


def test_a_stop_without_time_to_flatten_leaves_the_rest_to_the_watchdog(tmp_path: Path) -> None:
    text = f'[control]\non_exit = "flatten"\nexit_deadline_s = {NO_TIME}\n'
    with running(tmp_path, text) as maker:
        holding(maker, TOO_MUCH)
        maker.signal(signal.SIGTERM)
        handed_over(maker, 0, "escalate")
        assert tifs() == {"Ioc"}


@pytest.mark.parametrize(
    ("on_kill", "asks", "tif"), [("flatten", "escalate", "Ioc"), ("work", "touch", "Alo")]
)
def test_a_kill_without_time_leaves_the_rest_to_the_watchdog(
    tmp_path: Path, on_kill: str, asks: str, tif: str
) -> None:
    text = f'[control]\non_kill = "{on_kill}"\nkill_deadline_s = {NO_TIME}\n'
    with running(tmp_path, text) as maker:
        holding(maker, TOO_MUCH)
        ask_running(state_dir(), {"ask": "kill", "why": "drill"})
        handed_over(maker, 4, asks)
        assert tif in tifs()
        assert json.loads((runs()[-1] / "summary.json").read_text())["kill"]["reason"] == "manual"
    assert mm("run", "--no-ui", *DEMO, "--duration", "1").returncode == 4
    assert mm("unlock", "--by", "drill").returncode == 0
