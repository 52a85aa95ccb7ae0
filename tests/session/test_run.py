"""`mm run` from the outside: quotes, ends in order whatever happens, and leaves nothing resting."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from maker_process import (
    Json,
    Maker,
    exchange,
    has_quoted,
    is_alive,
    report,
    runs,
    state_dir,
    wait_for,
)

pytestmark = pytest.mark.wire

DEMO = ("--coin", "BTC", "--speed", "60", "--seed", "7")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Json, Path]]:
    """A run of four market minutes that ended by its duration: its summary and its directory.

    A burst, as the machine's pace has it, would take a side off for half of them.
    """
    config = tmp_path_factory.mktemp("config") / "mm.toml"
    config.write_text("[control]\nburst_fills = 100\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MM_STATE_DIR", str(tmp_path_factory.mktemp("ended")))
        summary, _ = Maker(*DEMO, "--duration", "240", "--config", str(config)).ends(0)
        yield summary, runs()[-1]


def test_it_quotes_both_sides_within_the_limit_and_closes_its_books(
    ended: tuple[Json, Path],
) -> None:
    summary, _ = ended
    assert summary["exit_reason"] == "duration"
    assert summary["duration_s"] >= 240
    # How many there are is the machine's business: the market does not wait for it.
    assert summary["ready_cycles"] > 0
    assert summary["two_sided_cycles"] >= 0.8 * summary["ready_cycles"]
    assert summary["limit"]["source"] == "valid"
    assert summary["orders"]["placed"] > 0
    assert summary["breaches"] == 0
    assert summary["open_orders_after_stop"] == 0
    assert summary["pnl_usd"]["residual"] == "0"


def test_the_summary_has_the_documented_fields_in_their_order(ended: tuple[Json, Path]) -> None:
    summary, run = ended
    assert " ".join(summary) == (
        "session network market coin duration_s speed_achieved quote_cycles ready_cycles"
        " two_sided_cycles market_takers our_share orders fills_buy fills_sell volume_usd requests"
        " request_budget"
        " position limit breaches open_orders_after_stop pnl_usd markouts markouts_split edge"
        " latency_us queue_bound"
        " bounds decision_hash exit_reason kill"
    )
    inner = {
        "market_takers": "count volume_usd",
        "orders": "placed modified cancelled rejected",
        "position": "start end max_abs left_to",
        "limit": "long short value_usd source binding valid_cycles",
        "pnl_usd": "total spread_capture inventory funding fees residual",
        "latency_us": "step_p50 step_p99 tick_to_bytes_p50 tick_to_bytes_p99 ack_p50 ack_p99",
    }
    assert {key: " ".join(summary[key]) for key in inner} == inner
    for text in (*summary["pnl_usd"].values(), summary["volume_usd"], summary["limit"]["long"]):
        assert isinstance(text, str)
        assert Decimal(text).is_finite()
    assert summary["queue_bound"] is None
    assert summary["bounds"] is None
    assert json.loads((run / "summary.json").read_text()) == summary


def test_pnl_is_the_exchanges_own_change_of_value(ended: tuple[Json, Path]) -> None:
    pnl = {part: Decimal(text) for part, text in ended[0]["pnl_usd"].items()}
    parts = pnl["spread_capture"] + pnl["inventory"] + pnl["funding"] - pnl["fees"]
    assert pnl["total"] - parts == pnl["residual"] == 0


def test_the_exchange_ends_with_the_run(ended: tuple[Json, Path]) -> None:
    state = ended[1].parents[1]
    record = json.loads((state / "exchange.json").read_text())
    assert not is_alive(record["pid"])
    assert (ended[1] / "exchange.jsonl").read_text().count('"kind":"end"') == 1


def test_a_run_equals_its_own_replay_in_a_new_process(ended: tuple[Json, Path]) -> None:
    summary, run = ended
    command = [sys.executable, "-m", "mm", "replay", str(run), "--json"]
    replayed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert replayed.returncode == 0, replayed.stderr
    assert summary["decision_hash"] in replayed.stdout


def test_no_secret_is_written_down_in_the_run(ended: tuple[Json, Path]) -> None:
    _, run = ended
    secret = json.loads((run.parents[1] / "wallet.json").read_text())["secret"]
    for path in run.iterdir():
        assert secret.encode() not in path.read_bytes(), path.name


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_resting_and_a_second_maker_is_refused(
    number: signal.Signals,
) -> None:
    maker = Maker(*DEMO)
    wait_for(has_quoted, maker)
    if number is signal.SIGINT:
        _, log = Maker(*DEMO).ends(2)
        assert f"held by another mm, pid {maker.process.pid}" in log
    maker.signal(number)
    summary, _ = maker.ends(0)
    assert summary["exit_reason"] == number.name.lower()
    assert summary["open_orders_after_stop"] == 0
    assert summary["breaches"] == 0
    lines = report(runs()[-1])
    assert [line for line in lines if line["kind"] == "left"] == []
    assert lines[-1]["kind"] == "end"
    assert any(line["kind"] == "action" and line["action"] == "order" for line in lines)


def test_a_signal_during_the_start_is_orderly_too() -> None:
    maker = Maker(*DEMO)
    # From its event log on there is a run to sum up; before it a signal is a plain interrupt.
    wait_for(lambda: any(state_dir().glob("runs/*/events.jsonl.zst")), maker)
    maker.signal(signal.SIGTERM)
    summary, _ = maker.ends(0)
    assert summary["exit_reason"] == "sigterm"
    assert summary["open_orders_after_stop"] == 0
    assert summary["fills_buy"] + summary["fills_sell"] == 0
    assert not is_alive(exchange()["pid"])


def test_a_second_signal_is_immediate() -> None:
    maker = Maker(*DEMO)
    wait_for(has_quoted, maker)
    served = exchange()
    # Frozen, the exchange answers no cancel: an orderly stop would wait for its hard deadline.
    os.kill(served["pid"], signal.SIGSTOP)
    maker.signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        maker.process.wait(0.5)
    for _ in range(2):
        maker.signal(signal.SIGINT)
    _, log = maker.ends(130)
    assert "Traceback" not in log
    assert "never retrieved" not in log
    assert not is_alive(served["pid"])


def test_a_signal_before_there_is_anything_to_stop_says_so() -> None:
    maker = Maker(*DEMO)
    wait_for(lambda: bool(list(state_dir().glob("runs/*/exchange.log"))), maker)
    maker.signal(signal.SIGTERM)
    summary, log = maker.ends(130)
    assert summary == {}
    assert log == "mm: interrupted\n"


@pytest.mark.parametrize("name", ["exchange", "wallet", "instance"])
def test_state_of_another_version_is_named_and_leaves_no_exchange(name: str) -> None:
    state_dir().mkdir(parents=True)
    content = "{}" if name != "instance" else "garbage"
    (state_dir() / f"{name}.json").write_text(content)
    _, log = Maker(*DEMO, "--duration", "1").ends(2)
    assert log.startswith(f"mm: {state_dir() / f'{name}.json'}: ")
    assert log.count("\n") == 1
    for ready in state_dir().glob("runs/*/exchange.ready"):
        assert not is_alive(json.loads(ready.read_text())["pid"])


def test_a_killed_maker_leaves_a_living_exchange_and_the_next_one_cleans_up(
    tmp_path: Path,
) -> None:
    # Nobody but the next maker is to clean up here.
    alone = tmp_path / "mm.toml"
    alone.write_text('[process]\nwatchdog = "off"\n')
    maker = Maker(*DEMO, "--config", str(alone))
    wait_for(lambda: has_quoted(8), maker)
    maker.kill()
    served = exchange()
    assert is_alive(served["pid"])
    summary, log = Maker(*DEMO, "--config", str(alone), "--duration", "60").ends(0)
    assert "exchange_attached" in log
    # What rested was cancelled, or had been filled in the meantime and is in the ledger now.
    assert "inherited_orders_cancelled" in log or "filled_while_away" in log
    assert exchange()["instance"] == served["instance"]
    assert summary["breaches"] == 0
    assert summary["open_orders_after_stop"] == 0
    assert summary["pnl_usd"]["residual"] == "0"
    assert not is_alive(served["pid"])


def test_an_exchange_that_was_killed_and_came_back_is_told_as_another() -> None:
    maker = Maker(*DEMO)
    wait_for(has_quoted, maker)
    served = exchange()
    os.kill(served["pid"], signal.SIGKILL)
    command = [sys.executable, "-m", "mm", "exchange", "--port", str(served["port"])]
    again = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        summary, log = maker.ends(3)
    finally:
        again.kill()
        again.wait()
    assert "was started anew" in log
    assert "Traceback" not in log
    assert log.count("action_not_sent") <= 1
    assert summary["speed_achieved"] > 0
    assert summary["exit_reason"].startswith("GoneError")


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--coin", "BTCC"), 2, "coin BTCC is unknown"),
        (("--network", "mainnet"), 2, "on_kill"),
        (("--market", "replay:/nowhere/ETH.frames.zst"), 2, "/nowhere/ETH.frames.zst"),
        (("--base-url", "http://127.0.0.1:9"), 3, "no connection to http://127.0.0.1:9"),
        (("--base-url", "here"), 2, "--base-url was 'here', expected http://HOST:PORT"),
        (("--duration", "inf"), 2, "'--duration'"),
        (("--speed", "0"), 2, "[process] speed = 0.0"),
    ],
)
def test_what_cannot_start_says_why_in_one_line(
    options: tuple[str, ...], code: int, said: str
) -> None:
    summary, log = Maker("--duration", "1", *options).ends(code)
    assert summary == {}
    assert said in log
    assert log.startswith("mm: ")
    assert log.count("\n") == 1
