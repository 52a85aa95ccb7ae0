"""What is shown: the first screen, the status line, the log lines that LIMITS.md fixes."""

import json
import os
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mm._core import Engine, Instrument, Signer
from mm.budget import Outlook
from mm.clock import PaperClock
from mm.config import engine_config_json, load
from mm.cycles import CycleWatch
from mm.log import writing
from mm.paper.process import Announcement
from mm.terminal import Opening, Quoted, Terminal, breaches_text, first_screen, status_line
from mm.venue import PaperSide, Venue

Json = dict[str, Any]


@pytest.fixture
def unknown() -> Json:
    """The snapshot of an engine that has heard nothing."""
    return Engine(engine_config_json(load(None), 1), Instrument("BTC", 0, 5, 40)).snapshot()


def quoting(unknown: Json, **more: object) -> Json:
    limits = {
        "lots": [6482, 6482],
        "binding": ["volatility", "volatility"],
        "source": "valid",
        "value": 7_140_820_000,
    }
    known = {"limits": limits, "leverage_only": 50_000_000_000, "mid": 100_000.0}
    fees = {"break_even_bps": 2.0, "maker_fee_bps": 1.5}
    return {**unknown, **known, **fees, "not_quoting": None, **more}


def estimated(snapshot: Json) -> Json:
    """The same, with what the models make of a market; of an hour nothing is ready."""
    models = snapshot["models"]
    volatility = {**models["volatility"], "half_lives": [1.04e-4, 1.19e-4, None]}
    flow = [*models["flow"][:-1], {"half_life_s": 60.0, "per_s": [0.641, 0.806], "score": -1.37}]
    fair = {"fair": 100_001.25, "fair_from_mid_bps": 0.125}
    return {**snapshot, "models": {**models, **fair, "volatility": volatility, "flow": flow}}


def paper(speed: float = 20.0) -> Venue:
    """A paper exchange, as a run has found it."""
    return Venue(
        name="the paper exchange at http://127.0.0.1:5",
        base_url="http://127.0.0.1:5",
        clock=PaperClock(0, speed),
        signer=Signer("11" * 32),
        user=Signer("11" * 32).address,
        vault=None,
        mainnet=False,
        paper=PaperSide(Announcement(0, speed, "a"), 7, None, attached=False),
    )


def screen(snapshot: Json, market: str = "demo", **more: Any) -> str:  # noqa: ANN401 - a screen's own
    opening: dict[str, Any] = {
        "config": load(None, {"process.market": market}),
        "venue": paper(),
        "command": ".venv/bin/mm",
        "run_dir": Path("/runs/a"),
        "coins": [Quoted(load(None, {"process.market": market}), 5, more.pop("inherited", 0))],
        "cancelled": 0,
        "protected": ["an expiry on every request", "a watchdog process"],
        "unprotected": ["the venue's scheduleCancel: refused", "a stop order that rests"],
        "outlook": Outlook(9_990, 500, None),
        "session_s": None,
    }
    return "\n".join(first_screen(Opening(**{**opening, **more}), [snapshot]))


def test_the_first_screen_says_how_long_the_requests_last(unknown: Json) -> None:
    assert "Requests     9,990 left, 500 of them for safety; no run yet" in screen(unknown)
    assert "RUNS OUT" not in screen(unknown)
    burning = Outlook(9_990, 500, 18_980.0)
    text = screen(unknown, outlook=burning)
    assert "0.5 days at the last run's 18,980 a day" in text
    assert "RUNS OUT" in text
    assert "RUNS OUT" not in screen(unknown, outlook=burning, session_s=3_600.0)
    assert "RUNS OUT" in screen(unknown, outlook=Outlook(400, 500, 0.0), session_s=60.0)
    assert "one order a side until it does" in screen(unknown, outlook=None)


def test_the_first_screen_says_what_this_is_and_what_it_does_not_prove(unknown: Json) -> None:
    text = screen(quoting(unknown, phase="normal"))
    for said in (
        "PAPER  BTC on the demo market, 20x speed, seed 7",
        "No keys, no real money",
        "NOT CALIBRATED",
        "0.06482 BTC ($7,140.82), bound by volatility, valid",
        "leverage alone would allow 0.50000 BTC ($50,000.00)",
        "Phase        quoting",
        "5 a side, $1,428.16 in all",
        "2.00 bps = maker fee 1.50 + adverse selection 0.50 (assumed)",
        "an hour at 2.50 bps",
        "Protected    an expiry on every request; a watchdog process",
        "NOT AVAILABLE  the venue's scheduleCancel: refused",
        "NOT AVAILABLE  a stop order that rests",
        "Ctrl-C once",
        "mm replay /runs/a",
    ):
        assert said in text
    assert "Inherited" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_first_screen_says_the_speed_of_the_exchange_and_commands_that_work(
    unknown: Json,
) -> None:
    text = screen(quoting(unknown), venue=paper(60.0))
    assert "BTC on the demo market, 60x speed" in text
    assert "Try next     .venv/bin/mm run --coin ETH" in text
    assert ".venv/bin/mm replay /runs/a" in text


def test_the_first_screen_says_what_is_estimated(unknown: Json) -> None:
    text = screen(estimated(quoting(unknown)))
    flowing = " ".join(text.split())
    for said in (
        "Market       sigma 1.04 1.19 - bps/sqrt(s) of 2 min, 10 min, 1 h, usual (",
        "Fair price   100,001.25 by micro, +0.125 bps from mid;"
        " takers of 60 s: buy 0.641/s, sell 0.806/s, score -1.37",
    ):
        assert " ".join(said.split()) in flowing
    assert max(map(len, text.splitlines())) <= 100
    assert "Fair price   no book yet" in screen(unknown)


def test_the_first_screen_says_what_is_still_assumed(unknown: Json) -> None:
    models = {**unknown["models"], "fair": 100_000.0, "fair_from_mid_bps": 0.0}
    cost = {"mean_bps": 2.0, "se_bps": 0.5, "n": 40.0, "as_of": 0}
    costs = [[cost, *side[1:]] for side in models["costs"]]
    unknown_yet, known_now = (
        screen(quoting({**unknown, "models": {**models, **known}}, phase="normal"))
        for known in ({}, {"costs": costs, "intensity": "tape"})
    )
    for text, source in ((unknown_yet, "assumed"), (known_now, "tape")):
        said = " ".join(text.split())
        assert f"adverse selection 0.50 ({source})" in said
        assert f"({source} intensity)" in said


def test_a_status_line_does_not_wrap(unknown: Json) -> None:
    """On a terminal of 40 columns: a second row would not be written over."""
    leader, follower = os.openpty()
    termios.tcsetwinsize(follower, (24, 40))
    with os.fdopen(follower, "w") as stream, os.fdopen(leader, "rb", buffering=0) as seen:
        Terminal(stream, shown=True).status([(estimated(quoting(unknown)), "BTC", 5)])
        line = seen.read(1000).decode().removeprefix("\r\x1b[K")
    assert len(line) == 40
    assert line == status_line(estimated(quoting(unknown)), "BTC", 5)[:40]


def test_a_screen_that_nobody_reads_any_more_is_closed_and_no_error(unknown: Json) -> None:
    reading, writing_end = os.pipe()
    os.close(reading)
    with os.fdopen(writing_end, "w") as stream:
        terminal = Terminal(stream, shown=True)
        terminal.say("x")
        assert terminal.closed
        terminal.status([(quoting(unknown), "BTC", 5)])
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing_end)


def test_breaches_that_nobody_judged_are_not_called_none() -> None:
    assert breaches_text(0) == "0"
    assert breaches_text(None).startswith("not judged")


def test_the_first_screen_says_what_is_not_known_yet(unknown: Json) -> None:
    text = screen(unknown, market="replay:x/ETH.frames.zst", inherited=-8850, cancelled=3)
    for said in (
        "does not react to our orders",
        "not derived yet",
        "leverage alone would allow is not known yet",
        "starting; not quoting: not anchored",
        "5 a side wanted",
        "not known before the fees are",
        "Market       volatility not ready, usual (the usual volatility is not known)",
        "Inherited    -0.0885 BTC",
        "3 orders that rested at the start",
    ):
        assert said in text
    assert "seed" not in text


def test_levels_that_do_not_fit_are_told(unknown: Json) -> None:
    snapshot = quoting(unknown)
    snapshot["limits"]["value"] = 150_000_000
    assert "2 of 5 a side fit the limit" in screen(snapshot)


def test_the_status_line_is_one_line(unknown: Json) -> None:
    orders = [{"side": "Bid"}, {"side": "Bid"}, {"side": "Ask"}]
    pnl = {"total": -1_234_567}
    snapshot = quoting(unknown, phase="normal", position=-3241, orders=orders, pnl=pnl)
    line = status_line(snapshot, "BTC", 5)
    assert line == (
        "quoting | BTC 100000 | -0.03241 BTC (50.00 % of 0.06482) | 2 bids 1 asks"
        " | fills 0+0 | $-1.23"
    )
    assert "starting; not quoting: not anchored" in status_line(unknown, "BTC", 5)
    assert status_line(estimated(snapshot), "BTC", 5) == (
        f"{line} | fair +0.12 bps sigma 1.04/1.19/- flow -1.4"
    )
    snapshot["suppressed"] = {"bid": "toxic", "ask": None}
    assert "2 bids 1 asks (bid off: toxic) | fills" in status_line(snapshot, "BTC", 5)


def cycle(number: int, position: int, limit: int = 1000, binding: str = "volatility") -> bytes:
    return (
        f'{{"e":{{}}}}\n{{"c":{{"cycle":{number},"position":{position},"limits":{{"source":"valid",'
        f'"lots":[{limit},{limit}],"binding":["{binding}","{binding}"],'
        '"inputs":{"mid":100.5,"sigma":0.0001}}}}\n{"a":{}}\n'
    ).encode()


def watch(snapshot: Callable[[], Json], *, debug: bool = False) -> CycleWatch:
    return CycleWatch(snapshot, 5, "500 USD", debug=debug)


def test_alarms_are_said_each_in_the_units_of_a_person(unknown: Json) -> None:
    alarms = [
        {"alarm": "mode_changed", "from": "normal", "to": "widen", "reason": "price_jump"},
        {"alarm": "position_near_limit", "cycle": 4, "passed_pct": 75, "position": 760,
         "limit": 1000, "utilization_bps": 7600},
        {"alarm": "reduce_only_entered", "cycle": 5, "reason": "OverValueLimit", "position": -8850,
         "limit": 0, "utilization_bps": None},
        {"alarm": "kill_latched", "reason": "manual", "equity": 9_500_000_000, "position": -20},
    ]  # fmt: skip
    lines = [json.dumps({"w": [alarm]}, separators=(",", ":")) for alarm in alarms]
    with capture_logs() as logs:
        watch(lambda: unknown).read("\n".join(['{"e":{}}', *lines, '{"a":{}}', ""]).encode())
    assert [(log["event"], log["log_level"]) for log in logs] == [
        ("mode_changed", "info"),
        ("position_near_limit", "warning"),
        ("reduce_only_entered", "warning"),
        ("kill_latched", "warning"),
    ]
    assert (logs[0]["from"], logs[0]["to"]) == ("normal", "widen")
    assert (logs[1]["effective_max_pos"], logs[1]["utilisation_pct"]) == ("0.01", "76.00")
    assert (logs[2]["position"], logs[2]["utilisation_pct"]) == ("-0.0885", "inf")
    assert (logs[3]["equity"], logs[3]["position"]) == ("9500.00", "-0.0002")


def test_the_debug_lines_carry_the_fields_that_people_grep(unknown: Json) -> None:
    watched = watch(lambda: quoting(unknown, microprice=100.6), debug=True)
    with writing("debug"), capture_logs() as logs:
        watched.read(cycle(1, 0, 1000))
        watched.read(cycle(2, 0, 1000))
        watched.read(cycle(3, 5, 999, "rise"))
        watched.read(b'{"e":{}}\n')
    moved = "Effective max position updated from first principles"
    limits = [log for log in logs if log["event"] == moved]
    assert [(log["cycle"], log["old_long"], log["new_long"]) for log in limits] == [
        (1, None, "0.01"),
        (3, "0.01", "0.00999"),
    ]
    assert limits[1]["binding"] == "rise"
    inputs = [log for log in logs if log["event"] == "Quote inputs"]
    assert len(inputs) == 3
    wanted = "effective_max_pos dynamic_max_pos static_max_pos position mid microprice sigma kappa"
    assert set(wanted.split()) <= set(inputs[2])
    assert inputs[2]["effective_max_pos"] == "0.00999"
    assert inputs[2]["static_max_pos"] == "500 USD"
    assert {log["log_level"] for log in logs} == {"debug"}
