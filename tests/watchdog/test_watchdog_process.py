"""The watchdog against real processes: makers that die, hang, come back and say goodbye."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange

from drilled import mm
from given_account import ADDRESS, SECRET, give_key
from maker_process import Maker, exchange, has_quoted, runs, state_dir, wait_for
from mm.heartbeat import read_beat, write_beat
from mm.state import StateDir
from paper_process import serving
from watched import (
    ask,
    bid_by_hand,
    ended,
    eventually,
    increasing,
    position,
    resting,
    said,
    status,
    watchdog_dir,
)

pytestmark = pytest.mark.wire

DEMO = ("--coin", "BTC", "--speed", "60", "--seed", "7")
FUNDED = ("--account", f"{ADDRESS}=10000", "--speed", "60", "--seed", "7")
HELD = 0.004
"""A position worth closing, BTC."""


@contextmanager
def running(*options: str) -> Iterator[Maker]:
    """A maker on the demo market, killed at the end together with what it leaves."""
    maker = Maker(*DEMO, *options)
    try:
        yield maker
    finally:
        maker.kill()
        for pid in (status().get("pid"), exchange()["pid"]):
            if pid is not None and not ended(pid):
                os.kill(pid, signal.SIGKILL)


def holding(maker: Maker) -> float:
    """Its position, once it holds one worth closing and is being watched."""
    wait_for(lambda: has_quoted(8) and status().get("doing") == "watching", maker)
    wait_for(lambda: abs(position()) >= HELD, maker)
    return position()


def test_a_maker_killed_without_a_word_leaves_nothing_increasing_and_no_position() -> None:
    with running() as maker:
        holding(maker)
        maker.kill()
        left = abs(position())
        eventually(lambda: increasing() == [], "every increasing order cancelled", within_s=5)
        eventually(lambda: abs(position()) < left or position() == 0, "a position that shrinks")
        eventually(lambda: position() == 0, "flat")
        eventually(lambda: status()["doing"] == "done", "the watchdog's last word")
        assert status()["why"] == "flat"
        eventually(lambda: ended(status()["pid"]), "the watchdog's end")
        shown = mm("status").stdout
        assert "no maker runs" in shown
        assert "Watchdog     done (flat), position 0 BTC" in shown
        assert "then: not live, no maker runs" in shown
    assert said("watchdog_takes_over")[0]["why"] == "dead"
    for line in said("watchdog_order"):
        assert "error" not in line["answer"] or "immediately matched" in line["answer"]["error"]


def test_an_order_by_hand_rests_through_the_makers_death_and_delays_nothing() -> None:
    with running() as maker:
        holding(maker)
        oid = bid_by_hand()
        maker.kill()
        eventually(lambda: [row["oid"] for row in increasing()] == [oid], "ours cancelled")
        eventually(lambda: position() == 0, "flat")
        eventually(lambda: status()["doing"] == "done", "the watchdog's last word")
        assert status()["why"] == "flat"
        assert [row["oid"] for row in resting()] == [oid]
    assert [line["oids"] for line in said("orders_by_hand_left_alone")] == [[oid]]


def test_a_maker_killed_at_its_first_order_is_relieved(tmp_path: Path) -> None:
    """The watchdog stands by before an order can rest, so the first one is not left to nobody."""
    config = tmp_path / "mm.toml"
    config.write_text("[control]\nobserve_book_s = 0.5\nobserve_deadline_s = 1.0\n")
    with serving(tmp_path, *FUNDED) as served:
        give_key()
        url = served.url
        maker = Maker("--base-url", url, "--coin", "BTC", "--config", str(config))
        # Not by the state's files: the maker is just opening them.
        orders = {"type": "frontendOpenOrders", "user": ADDRESS}
        wait_for(lambda: ask(orders, url) != [], maker)
        maker.kill()
        eventually(lambda: resting(url) == [] and position(url) == 0, "nothing rests or is held")
        eventually(lambda: status().get("doing") == "done", "the watchdog's last word")
        eventually(lambda: ended(status()["pid"]), "the watchdog's end")
        shown = mm("status").stdout
        assert "no maker runs" in shown
        assert "Watchdog     done (flat), position 0 BTC" in shown
        assert "then: not live, no maker runs" in shown
    assert said("watchdog_takes_over")[0]["why"] == "dead"
    assert said("watchdog_ended")[-1]["how"] == "flat"


def test_a_maker_killed_before_its_anchor_leaves_no_inherited_position(tmp_path: Path) -> None:
    """It had not said what it holds yet: the exchange says so."""
    with serving(tmp_path, *FUNDED, accounts=0) as served:
        give_key()
        url = served.url
        touch = ask({"type": "l2Book", "coin": "BTC"}, url)["levels"][1][0]["px"]
        worst, wallet = round(float(touch) * 1.005), Account.from_key(f"0x{SECRET}")
        Exchange(wallet, url).order("BTC", True, HELD, worst, {"limit": {"tif": "Ioc"}})
        assert position(url) == HELD
        maker = Maker("--base-url", url, "--coin", "BTC")
        wait_for(lambda: status().get("doing") == "watching", maker)
        maker.kill()
        eventually(lambda: resting(url) == [] and position(url) == 0, "nothing rests or is held")
        eventually(lambda: ended(status()["pid"]), "the watchdog's end")
    [taken] = said("watchdog_takes_over")
    assert (taken["why"], taken["engine_positions"]["BTC"]) == ("dead", None)
    assert said("watchdog_ended")[-1]["how"] == "flat"


def test_a_maker_that_hangs_is_relieved_and_takes_over_again_when_it_comes_back(
    tmp_path: Path,
) -> None:
    # At this speed the hang is minutes of market time: a stream as old as that would kill.
    config = tmp_path / "mm.toml"
    config.write_text("[control]\nkill_stale_s = 3600.0\n")
    written = tmp_path / "log.jsonl"
    with running("--config", str(config), "--log-file", str(written)) as maker:
        holding(maker)
        first = status()["pid"]
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: status()["pid"] != first and status()["doing"] == "watching", maker)
        assert ended(first)
        held = abs(holding(maker))
        maker.signal(signal.SIGSTOP)
        eventually(lambda: status()["doing"] == "working", "the take-over", within_s=10)
        assert status()["why"] == "silent"
        eventually(lambda: increasing() == [], "every increasing order cancelled", within_s=5)
        eventually(lambda: abs(position()) < held or position() == 0, "a position that shrinks")
        # What it has not read while it hung must not be what it quotes from.
        maker.signal(signal.SIGCONT)
        wait_for(lambda: status()["doing"] == "watching", maker)
        wait_for(lambda: "resynchronised" in written.read_text(), maker)
        wait_for(lambda: len(increasing()) > 0, maker)
        maker.signal(signal.SIGINT)
        summary, log = maker.ends(0)
    assert "watchdog_died" in log
    assert "watchdog_had_taken_over" in log
    assert summary["breaches"] == 0
    assert summary["open_orders_after_stop"] == 0
    assert summary["pnl_usd"]["residual"] == "0"
    assert said("watchdog_ended")[-1]["how"] == "goodbye"


def test_a_new_maker_takes_over_from_the_watchdog_of_a_dead_one() -> None:
    with running() as maker:
        holding(maker)
        maker.kill()
        eventually(lambda: status()["doing"] == "working", "the take-over")
        first = status()["pid"]
        # Even one that does not listen any more must let go.
        os.kill(first, signal.SIGSTOP)
        summary, log = Maker(*DEMO, "--duration", "60").ends(0)
        assert ended(first)
    assert "exchange_attached" in log
    assert "watchdog_relieved" in log
    assert summary["breaches"] == 0
    assert summary["open_orders_after_stop"] == 0
    assert summary["pnl_usd"]["residual"] == "0"
    assert said("watchdog_ended")[-1]["how"] == "goodbye"


def test_goodbye_ends_the_watchdog_and_leaves_the_position_as_it_is(tmp_path: Path) -> None:
    with serving(tmp_path, *FUNDED) as served:
        give_key()
        maker = Maker("--base-url", served.url, "--coin", "BTC")
        url = served.url
        wait_for(lambda: has_quoted(8) and status().get("doing") == "watching", maker)
        wait_for(lambda: abs(position(url)) >= HELD, maker)
        maker.signal(signal.SIGINT)
        maker.ends(0)
        eventually(lambda: ended(status()["pid"]), "the watchdog's end")
        first = runs()[-1]
        without_a_watchdog(url)
        lines = served.stop()
    assert said("watchdog_ended", first)[-1]["how"] == "goodbye"
    assert said("watchdog_takes_over", first) == said("watchdog_order", first) == []
    actions = [line for line in lines if line["kind"] == "action"]
    held = {at["coin"]: at["position"] for at in actions[-1]["exposure"]}
    assert held.get("BTC", "0") != "0"


def without_a_watchdog(url: str) -> str:
    """What a run shows whose watchdog cannot start, for its key is none; it trades all the same."""
    (watchdog_dir() / "key.json").write_text("{}")
    command = [sys.executable, "-m", "mm", "run", "--base-url", url, "--duration", "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr[-2000:]
    for said_of in (
        "watchdog process",
        "the venue's scheduleCancel",
        "an end of resting orders",
    ):
        assert f"NOT AVAILABLE  {said_of}" in done.stdout
    return done.stdout


def test_a_second_signal_leaves_the_rest_to_the_watchdog(tmp_path: Path) -> None:
    with serving(tmp_path, *FUNDED) as served:
        give_key()
        url = served.url
        maker = Maker("--base-url", url, "--coin", "BTC")
        wait_for(lambda: has_quoted(8) and status().get("doing") == "watching", maker)
        wait_for(lambda: abs(position(url)) >= HELD, maker)
        os.kill(served.process.pid, signal.SIGSTOP)
        for _ in range(2):
            maker.signal(signal.SIGINT)
            time.sleep(0.3)
        maker.ends(130)
        os.kill(served.process.pid, signal.SIGCONT)
        eventually(lambda: increasing(url) == [], "every increasing order cancelled", within_s=10)
        eventually(lambda: position(url) == 0, "flat")
        eventually(lambda: ended(status()["pid"]), "the watchdog's end")
        again = Maker("--base-url", url, "--coin", "BTC", "--duration", "60")
        summary, log = again.ends(0)
    assert summary["position"]["start"] == "0"
    assert "agent_approved" not in log, "the key that the venue knows is used again"


def test_it_can_be_started_by_hand_and_one_is_enough() -> None:
    with running() as maker:
        wait_for(lambda: status().get("doing") == "watching", maker)
        second = by_hand()
        assert second.returncode == 2
        assert f"is held by another watchdog, pid {status()['pid']}" in second.stderr
        first = status()["pid"]
        os.kill(first, signal.SIGTERM)
        wait_for(lambda: status()["pid"] != first and status()["doing"] == "watching", maker)
        assert said("watchdog_ended")[0]["how"] == "told"
        maker.signal(signal.SIGINT)
        maker.ends(0)
        eventually(lambda: ended(status()["pid"]), "the watchdog's end")
    done = by_hand()
    assert (done.returncode, done.stdout) == (0, "nothing to watch: the last run ended in order\n")


def test_by_hand_without_a_maker_ever_it_says_so() -> None:
    done = by_hand()
    assert done.returncode == 2
    assert "no maker has run here" in done.stderr


def by_hand() -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mm", "watchdog", "--state", os.environ["MM_STATE_DIR"]]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_the_venues_own_switch_is_renewed_and_taken_back_where_it_is_allowed(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, *FUNDED, "--schedule-gate", "open") as served:
        give_key()
        # While a stop rests the date is taken back: this is about the date alone.
        config = tmp_path / "mm.toml"
        config.write_text("[protection]\nresident_stop = false\n")
        maker = Maker("--base-url", served.url, "--coin", "BTC", "--config", str(config))
        wait_for(lambda: len(scheduled()) > 2, maker)
        maker.signal(signal.SIGINT)
        _, log = maker.ends(0)
        lines = served.stop()
    assert "schedule_cancel_not_available" not in log
    received = [line for line in lines if line.get("action") == "scheduleCancel"]
    assert len(received) == len(scheduled())
    assert all(line["error"] is None for line in received)
    # The last one takes it back, so that the orderly end costs none of the day's firings.
    assert lines.index(received[-1]) > max(
        index for index, line in enumerate(lines) if line.get("action") == "order"
    )


def scheduled() -> list[str]:
    """The requests to set or unset the venue's switch that the newest run has sent."""
    sent = runs()[-1] / "sent.jsonl" if runs_exist() else None
    if sent is None or not sent.exists():
        return []
    return [line for line in sent.read_text().splitlines() if '"scheduleCancel"' in line]


def runs_exist() -> bool:
    return (state_dir() / "runs").exists()


def test_a_maker_whose_position_is_not_the_exchanges_is_stopped_and_relieved(
    tmp_path: Path,
) -> None:
    """A maker that beats healthily and is wrong: its heartbeats are written here, by hand."""
    with serving(tmp_path, *FUNDED) as served:
        give_key()
        url = served.url
        maker = Maker("--base-url", url, "--coin", "BTC")
        wait_for(lambda: has_quoted(8) and status().get("doing") == "watching", maker)
        wait_for(lambda: abs(position(url)) >= HELD, maker)
        maker.signal(signal.SIGKILL)
        first = status()["pid"]
        os.kill(first, signal.SIGKILL)
        maker.kill()
        held = position(url)
        last = read_beat(watchdog_dir() / "heartbeat.json")
        assert last is not None
        guard = subprocess.Popen([sys.executable, "-m", "mm", "watchdog"], stderr=subprocess.PIPE)
        with StateDir.open("paper", "default"):
            wrong = round(held * 1e5) + 1_000
            number = last.number
            deadline = time.monotonic() + 30
            while status().get("doing") != "working" or status()["pid"] == first:
                assert time.monotonic() < deadline, "no take-over"
                number += 1
                coins = {"BTC": replace(last.of("BTC"), position=wrong)}
                beat = replace(last, number=number, coins=coins)
                write_beat(watchdog_dir() / "heartbeat.json", beat)
                time.sleep(0.5)
            assert status()["why"] == "drift"
            eventually(lambda: increasing(url) == [], "every increasing order cancelled")
            eventually(lambda: position(url) == 0, "flat, although that maker still beats")
        eventually(lambda: guard.poll() == 0, "the watchdog's end")
        guard.communicate()
    assert said("watchdog_takes_over")[-1]["why"] == "drift"
