"""`mm data forecast` on markets whose truth is known."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from made_market import Truth, rises_and_falls, write
from mm._core import stand_at
from mm.backtest import read_recording, run_passes, tape_of
from mm.config import load
from mm.forecast.watched import Event, sweeps_of

Json = dict[str, Any]

KNOWN = Truth(rises_and_falls, arrival_per_s=0.5, kappa_per_bps=0.2, knows_bps=2.0)
ASSUMED = Truth(lambda _: 3.0, arrival_per_s=0.1, kappa_per_bps=0.7, knows_bps=0.5)
"""What the defaults say; nothing that is measured can be better."""


def mm(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mm", "data", "forecast", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def forecast(*arguments: object) -> list[Json]:
    done = mm(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: list[Json] = json.loads(done.stdout)
    return found


def contest(of: Json, question: str, model: str, against: str) -> Json:
    wanted = {"question": question, "model": model, "against": against}
    (found,) = (one for one in of["results"] if wanted.items() <= one.items())
    return dict(found)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("frames")
    return {
        "known": write(directory / "known.frames", KNOWN, 1),
        "assumed": write(directory / "assumed.frames", ASSUMED, 2),
        "short": write(directory / "short.frames", replace(ASSUMED, minutes=20), 2),
    }


@pytest.fixture(scope="module")
def known(made: dict[str, Path]) -> Json:
    # An assumption worth so much leaves tenths of takers wide enough to be judged one by one.
    config = made["known"].with_suffix(".toml")
    config.write_text("[models]\nshrink_n0 = 100\n")
    (found,) = forecast(made["known"], "--config", config)
    return found


@pytest.fixture(scope="module")
def assumed(made: dict[str, Path]) -> Json:
    (found,) = forecast(made["assumed"])
    return found


def test_a_volatility_that_changes_is_forecast_better_than_a_constant(known: Json) -> None:
    for model in ("2 min", "quotes"):
        found = contest(known, "sigma", model, "sigma_prior")
        assert found["verdict"] == "gains", found
        ours, theirs = found["scores"]
        assert found["judged"]["value"] == pytest.approx(theirs - ours)


def test_takers_that_come_farther_than_assumed_are_told(known: Json) -> None:
    for model in ("tape, as fitted", "tape, as used", "rolling mean"):
        found = contest(known, "takers, both, quoted", model, "assumed")
        assert found["verdict"] == "gains", found
    # The true k is 0.2: a taker that reached the ladder ends in it with this likelihood at best.
    depth = contest(known, "takers, depth, all", "tape, as fitted", "assumed")
    assert depth["scores"][0] == pytest.approx(math.log(0.2) - 1.0, abs=0.1)
    assert depth["scores"][1] == pytest.approx(math.log(0.7) - 0.7 / 0.2, abs=0.3)
    for level in known["reached"]:
        assert level["seen"] > 20
        off = 4.0 * level["seen"] ** 0.5
        assert abs(level["expected"]["tape, as fitted"] - level["seen"]) < off, level
        assert level["expected"]["assumed"] < level["seen"] / 3


def test_takers_that_know_cost_what_the_tape_says(known: Json) -> None:
    found = contest(known, "cost after 5 s, takers", "tape, as used", "assumed")
    assert found["verdict"] in {"gains", "cannot be told"}
    told = [tenth["came"] for tenth in known["costs"]["takers"] if tenth["came"] is not None]
    held = sum(came["low"] < KNOWN.cost_bps < came["high"] for came in told)
    assert len(told) >= 2
    assert held >= len(told) - 1, told


def test_nothing_gains_where_what_is_assumed_is_so(assumed: Json) -> None:
    gained = {key for key, verdict in assumed["verdicts"].items() if verdict == "gains"}
    # Ten are asked, at one in forty each: a second one by chance is one market in a hundred.
    assert len(gained - {"measured sigma for quotes, not an EWMA"}) <= 1, gained
    assert assumed["verdicts"]["models.intensity = tape"] != "gains"
    found = contest(assumed, "sigma", "quotes", "sigma_prior")
    assert found["verdict"] != "gains"
    # It is off by its own noise, of a few per cent, and by no more.
    assert abs(found["judged"]["value"]) < 0.05
    near, *_ = assumed["reached"]
    assert abs(near["expected"]["assumed"] - near["seen"]) < 4.0 * near["seen"] ** 0.5 + 1.0


def test_sigma_prior_is_the_configured_one(made: dict[str, Path], tmp_path: Path) -> None:
    """Where the constant is the truth, nothing beats it; where it is not, the measured one does."""
    file = tmp_path / "far.toml"
    file.write_text("[limits]\nsigma_prior = 0.003\n")
    (found,) = forecast(made["short"], "--config", file)
    assert contest(found, "sigma", "quotes", "sigma_prior")["verdict"] == "gains"


def test_people_read_tables_and_a_page(made: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    done = mm(made["short"], "--out", out)
    assert done.returncode == 0, done.stderr
    assert "takers that came to each level of the ladder" in done.stdout
    assert "models.intensity = tape" in done.stdout
    page = out.read_text()
    assert page.count("<svg") >= 5
    assert "next minute" in page
    told = json.loads(out.with_suffix(".json").read_text())
    assert told[0]["coin"] == "BTC"
    again = mm(made["short"], "--out", out)
    assert again.returncode != 0
    assert "--force replaces it" in again.stderr


def test_wrong_input_is_refused_with_its_name(tmp_path: Path) -> None:
    absent = tmp_path / "absent.frames"
    done = mm(absent)
    assert done.returncode != 0
    assert str(absent) in done.stderr
    done = mm(absent, "--out", tmp_path / "report.txt")
    assert done.returncode != 0
    assert "expected a name that ends in .html" in done.stderr
    alone = tmp_path / "alone.frames"
    alone.write_text('1757000000000000000 {"channel":"bbo","data":{"coin":"BTC"}}\n')
    done = mm(alone, "--reference", alone)
    assert done.returncode != 0
    assert f"--reference was {alone}, a recording of BTC, which is quoted" in done.stderr
    broken = tmp_path / "broken.frames"
    broken.write_text('1757000000000000000 {"channel":"bbo","data":{"coin":"BTC"}}\n')
    done = mm(broken)
    assert done.returncode != 0
    assert "broken.frames" in done.stderr
    assert "line 1" in done.stderr


def test_a_look_knows_nothing_of_its_own_time_or_later(made: dict[str, Path]) -> None:
    """It shows what a fresh engine shows that was told everything from before it and no more."""
    recording = read_recording([made["known"]])
    config = load(None, {"process.coin": "BTC"})
    looks: list[tuple[int, Json]] = []
    pieces: list[bytes] = []
    tape = tape_of(recording, config)
    run_passes(
        recording,
        tape,
        config,
        log=pieces.append,
        all_bounds=False,
        look=lambda at_ns, shown: looks.append((at_ns, shown)),
        look_s=20.0,
    )
    assert all(at_ns % 20_000_000_000 == 0 for at_ns, _ in looks)
    assert len(looks) == 34 * 3 - 1
    log = b"".join(pieces)
    for at_ns, shown in (looks[5], looks[60]):
        stood = stand_at(log, at_ns - 1)
        assert stood["last_ns"] < at_ns
        assert stood["snapshot"] == shown


def test_takers_are_put_together_by_hand() -> None:
    def bbo(recv: int, exch: int, mid: int) -> Event:
        touch = {"bid": {"px": mid - 5, "sz": 1}, "ask": {"px": mid + 5, "sz": 1}}
        return recv, "Bbo", {"exch": exch, **touch}

    def trade(tid: int, exch: int, side: str, px: int) -> Json:
        return {"exch": exch, "tid": tid, "side": side, "px": px, "sz": 1}

    s = 1_000_000_000
    events: list[Event] = [
        (0, "Trades", [trade(1, 0, "Bid", 100_010)]),
        bbo(2 * s, s, 100_000),
        (3 * s, "Trades", [trade(2, 2 * s, "Bid", 100_005), trade(3, 2 * s, "Bid", 100_030)]),
        (3 * s, "Trades", [trade(3, 2 * s, "Bid", 100_030), trade(4, 2 * s, "Ask", 99_990)]),
        bbo(4 * s, 3 * s, 100_020),
        bbo(9 * s, 8 * s, 100_500),
    ]
    buy, sell = sweeps_of(events)
    assert (buy.maker, buy.recv_ns, buy.exch_ns, buy.mid) == (1, 3 * s, 2 * s, 100_000.0)
    assert buy.reach_bps == pytest.approx(3.0)
    assert buy.moved_bps == pytest.approx(2.0, abs=1e-3)
    assert sell.maker == 0
    assert sell.reach_bps == pytest.approx(1.0)
    assert sell.moved_bps == pytest.approx(-2.0, abs=1e-3)
