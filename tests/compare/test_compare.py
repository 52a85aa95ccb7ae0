"""`mm data compare`: a market with itself, with another, and with the recorded one."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard

from mm._core import synthetic_frames
from mm.compare import Line
from mm.compare_report import figure_text

COINS = ("BTC", "ETH", "SOL", "WLFI")
SECONDS = 1_500


def mm(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mm", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def compared(*arguments: object) -> tuple[int, list[dict[str, Any]]]:
    done = mm("data", "compare", *arguments, "--json")
    assert done.returncode in {0, 1}, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a recorder would have written of a calibrated market that no comparison draws."""
    path = tmp_path_factory.mktemp("frames") / "ETH.frames.zst"
    frames = synthetic_frames('{"kind": "calibrated", "seed": 4711}', "ETH", SECONDS)
    path.write_bytes(zstandard.ZstdCompressor().compress(frames))
    return path


def test_a_market_is_like_itself_and_the_demo_market_is_not_like_it(recorded: Path) -> None:
    code, (same,) = compared(recorded, "--seeds", 6)
    off = [line["name"] for line in same["lines"] if not line["good"]]
    # Of seventeen lines at two standard errors one may be off by chance.
    assert len(off) <= 1, off
    assert code == (1 if off else 0)
    assert (same["coin"], same["market"], same["seeds"]) == ("ETH", "calibrated", 6)
    assert same["watched_s"] == pytest.approx(SECONDS, abs=2.0)
    assert len(same["lines"]) == 17

    code, (demo,) = compared(recorded, "--market", "demo", "--seeds", 3)
    off = [line["name"] for line in demo["lines"] if not line["good"]]
    assert code == 1
    assert not demo["good"]
    assert len(off) >= 8, off
    assert {"spread_one_tick_share", "zero_return_1s_share"} <= set(off)


def test_the_same_seeds_give_the_same_figures(recorded: Path) -> None:
    first = compared(recorded, "--seeds", 2)
    assert first == compared(recorded, "--seeds", 2)


def test_people_see_every_line_and_the_report_needs_nothing_but_itself(
    recorded: Path, tmp_path: Path
) -> None:
    out = tmp_path / "eth.html"
    done = mm("data", "compare", recorded, "--seeds", 2, "--out", out)
    assert done.returncode in {0, 1}, done.stderr
    assert re.search(r"sigma_5s_bps +\d", done.stdout)
    assert re.search(r"\d+ of 17 lines within max\(20 %, 2 standard errors\)", done.stdout)
    page = out.read_text(encoding="utf-8")
    assert page.count("<svg") == 6
    assert page.count("<polyline") == 5 * (2 + 2) + 2
    assert not re.search(r"https?:|src=|href=|<script", page)
    told = json.loads((tmp_path / "eth.json").read_text())
    assert told[0]["lines"][0]["name"] == "bbo_per_s"
    assert len(told[0]["curves"]["synthetic"]) == 2
    again = mm("data", "compare", recorded, "--seeds", 2, "--out", out)
    assert again.returncode == 2
    assert "--force" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.frames"], "absent.frames"),
        (["{empty}"], "empty"),
        (["{short}"], "whole minutes of both sides of ETH's book, expected 5 at least"),
        (["{broken}"], "line 1"),
        (["{other}"], "NEWCOIN"),
        (["{frames}", "--seeds", "1"], "--seeds"),
        (["{frames}", "--market", "moon"], "--market"),
        (["{frames}", "--out", "report.pdf"], ".html"),
        (["{frames}", "--out", "nowhere/report.html"], "nowhere is no directory"),
        ([], "frames"),
    ],
)
def test_what_cannot_be_is_named(
    arguments: list[str], words: str, recorded: Path, tmp_path: Path
) -> None:
    short = synthetic_frames('{"kind": "calibrated", "seed": 1}', "ETH", 100)
    files = {
        "empty": b"",
        "short": short,
        "broken": b'17 {"channel": "l2Book", "data": {"coin": "ETH"}}\n',
        "other": short.replace(b'"ETH"', b'"NEWCOIN"'),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    places = {name: tmp_path / name for name in files} | {"frames": recorded}
    done = mm("data", "compare", *(argument.format(**places) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_verdict_is_20_percent_or_two_errors_of_the_difference() -> None:
    def line(recorded: float | None, se: float | None, synthetic: float | None) -> Line:
        return Line("x", recorded, se, synthetic, 0.03, 9)

    assert line(10.0, 0.04, 11.9).is_good
    assert not line(10.0, 0.04, 12.1).is_good
    # Two standard errors of the difference: 2 hypot(4, 0.03).
    assert line(10.0, 4.0, 17.9).is_good
    assert not line(10.0, 4.0, 17.9).is_within_share
    assert not line(10.0, 4.0, 18.1).is_good
    assert line(-10.0, 0.04, -8.1).is_good
    assert not line(None, None, 1.0).is_good
    assert not line(1.0, 0.1, None).is_good


def test_figures_are_short() -> None:
    shown = [figure_text(value) for value in (None, 0.0, 0.01234, 0.5, 3.14159, 499.7, 82739.4)]
    assert shown == ["-", "0", "0.0123", "0.500", "3.14", "500", "82,739"]


@pytest.mark.parametrize("coin", COINS)
def test_the_calibrated_market_is_like_the_recorded_one(coin: str, shared_data: Path) -> None:
    path = shared_data / "hl-20250904" / f"{coin}.frames.zst"
    code, (found,) = compared(path, "--seeds", 8)
    off = [line for line in found["lines"] if not line["good"]]
    assert not off
    assert code == 0


def test_the_demo_market_is_not_like_the_recorded_one(shared_data: Path) -> None:
    path = shared_data / "hl-20250904" / "BTC.frames.zst"
    code, (found,) = compared(path, "--market", "demo", "--seeds", 2)
    off = [line["name"] for line in found["lines"] if not line["good"]]
    assert code == 1
    assert len(off) >= 8, off


@pytest.mark.parametrize("coin", COINS)
def test_the_measured_statistics_are_what_others_measured(coin: str, shared_data: Path) -> None:
    """Against `flow-statistics.json`, which others made from the same frames."""
    measured = json.loads((shared_data / "flow-statistics.json").read_text())[f"2025-09-04_{coin}"]
    path = shared_data / "hl-20250904" / f"{coin}.frames.zst"
    _, (found,) = compared(path, "--seeds", 2)
    mine = {line["name"]: line["recorded"] for line in found["lines"]}
    vol, markout = measured["vol_bps"], measured["markout_bps_mean_and_notional_weighted"]
    theirs = {
        "bbo_per_s": (measured["bbo_changes_per_s"], 0.01),
        "takers_per_s": (measured["taker_orders_per_s"], 0.02),
        "taker_notional_p50_usd": (measured["taker_notional_usd"]["50"], 0.05),
        "taker_notional_p95_usd": (measured["taker_notional_usd"]["95"], 0.05),
        "sigma_1s_bps": (vol["1000ms"]["std"], 0.02),
        "sigma_5s_bps": (vol["5000ms"]["std"], 0.02),
        "sigma_30s_bps": (vol["30000ms"]["std"], 0.03),
        "zero_return_1s_share": (vol["1000ms"]["zero_frac"], 0.02),
        "spread_one_tick_share": (measured["spread_ticks"]["1"], 0.01),
        "reach_0.5bps_per_hour_and_side": (measured["lambda_by_depth_bps"]["0.5"] * 3600, 0.05),
        "reach_2bps_per_hour_and_side": (measured["lambda_by_depth_bps"]["2.0"] * 3600, 0.06),
        "markout_1s_by_count_bps": (markout["1000ms"][0], 0.05),
        "markout_1s_by_notional_bps": (markout["1000ms"][1], 0.02),
        "markout_5s_by_count_bps": (markout["5000ms"][0], 0.05),
        "markout_5s_by_notional_bps": (markout["5000ms"][1], 0.02),
    }
    for name, (value, within) in theirs.items():
        assert mine[name] == pytest.approx(value, rel=within), name
