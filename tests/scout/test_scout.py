"""`mm scout`: on recordings made up here, whose truth is known, and on the recorded market."""

import json
import math
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import NormalDist
from typing import Any

import pytest
import zstandard

from mm.student import quantile


def mm(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mm", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def scouted(*arguments: object) -> list[dict[str, Any]]:
    done = mm("scout", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


Move = Callable[[float], float]


def market(minutes: int, moved: Move, seed: int = 7) -> bytes:
    """A book every quarter of a second; every ten seconds a taker, by turns of each side.

    The mid wanders by 0.5 bps a root second. A taker reaches 1 bp and an exponential of 4 bps on
    top, its trades at two prices; within a second the mid has moved on by `moved(reach)` bps.
    """
    chance = random.Random(seed)
    log_mid, lines, tid, drift = math.log(4_000.0), [], 0, 0.0
    for tick in range(minutes * 240):
        ms = 1_700_000_000_000 + 250 * tick
        recv = (ms + 40) * 1_000_000
        log_mid += 0.5e-4 * 0.5 * chance.gauss(0.0, 1.0)
        if tick % 40 in range(1, 5):
            log_mid += drift / 4.0
        mid = round(math.exp(log_mid), 1)
        book = {"coin": "ETH", "time": ms, "levels": [levels(mid, -1), levels(mid, 1)]}
        lines.append(f"{recv} {json.dumps({'channel': 'l2Book', 'data': book})}")
        if tick % 40 == 0:
            sign = 1 if tick % 80 == 0 else -1
            reach = 1.0 + chance.expovariate(0.25)
            drift = sign * moved(reach) * 1e-4
            trades = []
            for share in (0.5, 1.0):
                tid += 1
                px = f"{mid * (1.0 + sign * share * reach * 1e-4):.2f}"
                trade = {"coin": "ETH", "side": "B" if sign > 0 else "A", "px": px, "sz": "0.1"}
                trades.append(trade | {"time": ms + 100, "hash": "0x", "tid": tid, "users": []})
            lines.append(f"{recv} {json.dumps({'channel': 'trades', 'data': trades})}")
    return "\n".join(lines).encode() + b"\n"


def levels(mid: float, sign: int) -> list[dict[str, object]]:
    return [{"px": f"{mid + sign * (0.1 + 0.1 * i):.1f}", "sz": "5", "n": 1} for i in range(5)]


def rows(found: dict[str, Any], depth: float) -> list[dict[str, Any]]:
    return [row for row in found["rows"] if row["depth_bps"] == depth]


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takers that reach 4 bps or further know of 6 more to come, the others of nothing."""
    path = tmp_path_factory.mktemp("frames") / "knowing.frames.zst"
    frames = market(90, lambda reach: 6.0 if reach >= 4.0 else 0.0)
    path.write_bytes(zstandard.ZstdCompressor().compress(frames))
    return path


@pytest.fixture(scope="module")
def innocent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frames") / "innocent.frames"
    path.write_bytes(market(90, lambda reach: 0.0))
    return path


def test_what_far_takers_know_is_found_where_they_come_to(knowing: Path) -> None:
    (found,) = scouted(knowing)
    assert found["coin"] == "ETH"
    assert found["watched_s"] == pytest.approx(90 * 60, abs=1.0)
    assert abs(found["sweeps"] - 540) <= 1
    for side in ("bid", "ask"):
        (near,) = [row for row in rows(found, 1.0) if row["side"] == side]
        (far,) = [row for row in rows(found, 4.0) if row["side"] == side]
        # Of those that come to 1 bp a share of exp(-0.75) goes on to 4 and knows.
        assert near["cost_bps"] == pytest.approx(6.0 * math.exp(-0.75), abs=near["half_width_bps"])
        assert far["cost_bps"] == pytest.approx(6.0, abs=far["half_width_bps"])
        assert far["sweeps_per_h"] == pytest.approx(180 * math.exp(-0.75), rel=0.25)
        assert (near["verdict"], far["verdict"]) == ("loss", "loss")
        # 14 bps away six of them are paid for, the fee too.
        (deep,) = [row for row in rows(found, 14.0) if row["side"] == side]
        assert deep["verdict"] in {"edge", "too few"}
    for side in found["sides"]:
        assert side["fit"]["kappa_per_bps"] == pytest.approx(0.25, rel=0.25)


def test_where_nobody_knows_anything_a_distance_beyond_the_fee_is_an_edge(innocent: Path) -> None:
    (found,) = scouted(innocent)
    verdicts = {(row["side"], row["depth_bps"]): row["verdict"] for row in found["rows"]}
    for side in ("bid", "ask"):
        assert verdicts[side, 0.0] == "loss"
        assert verdicts[side, 4.0] == "edge"
    shown = mm("scout", innocent).stdout
    assert "edge at 1.5 bps of fee: " in shown
    assert "ask 4" in shown
    # The same at another fee: what the row calls its break-even decides.
    (free,) = scouted(innocent, "--fee-bps", "0")
    (at_one,) = [row for row in rows(free, 1.0) if row["side"] == "bid"]
    assert at_one["net_bps"] == pytest.approx(at_one["break_even_fee_bps"])
    assert at_one["verdict"] == "edge"


def test_a_tier_with_a_lower_fee_is_judged_by_the_same_interval(innocent: Path) -> None:
    (found,) = scouted(innocent)
    fees = [tier["maker_bps"] for tier in found["fee_tiers"]]
    assert (fees[0], fees[-1]) == (1.5, 0.0)
    for row in found["rows"]:
        assert [tier["maker_bps"] for tier in row["tiers"]] == fees
        assert row["tiers"][0]["verdict"] == row["verdict"]
        for tier in row["tiers"]:
            net, half = row["break_even_fee_bps"] - tier["maker_bps"], row["half_width_bps"]
            assert tier["net_bps"] == pytest.approx(net)
            if tier["verdict"] != "too few":
                assert tier["verdict"] == (
                    "edge" if net > half else "loss" if net < -half else "cannot tell"
                )
        first = [tier["volume_usd"] for tier in row["tiers"] if tier["verdict"] == "edge"][:1]
        assert row["edge_from_volume_usd"] == (first[0] if first else None)
    # Nobody knows anything: at 1 bp the base fee leaves nothing, and who pays none earns.
    (near,) = [row for row in rows(found, 1.0) if row["side"] == "bid"]
    assert near["verdict"] != "edge"
    assert near["edge_from_volume_usd"] in {25_000_000, 100_000_000, 500_000_000}
    shown = mm("scout", innocent).stdout
    assert any(line.split()[:2] == ["base", "1.5"] for line in shown.splitlines())
    assert any(line.split()[:2] == ["500M", "0"] for line in shown.splitlines())
    assert f"{near['edge_from_volume_usd'] // 1_000_000}M" in shown


def test_few_moves_have_the_wide_interval_that_they_need(innocent: Path, knowing: Path) -> None:
    """Half-widths over standard errors: Student's t of each row's own number of moves."""
    both = scouted(innocent, knowing)
    judged = [row for one in both for row in one["rows"] if row["verdict"] != "too few"]
    within = 1.0 - 0.05 / (2 * len(judged))
    seen = []
    for one in both:
        for row in one["rows"]:
            (side,) = [side for side in one["sides"] if side["side"].lower() == row["side"]]
            (at,) = [at for at in side["depths"] if at["depth_bps"] == row["depth_bps"]]
            (cost,) = [cost for cost in at["costs"] if cost["horizon_s"] == 5]
            times = row["half_width_bps"] / cost["se_bps"]
            assert times == pytest.approx(quantile(within, row["n"] - 1))
            seen.append((row["n"], times))
    normal = NormalDist().inv_cdf(within)
    assert max(times for n, times in seen if n >= 10) > 1.1 * normal
    assert min(times for n, times in seen) < 1.02 * normal


def test_more_rows_and_recordings_make_every_interval_wider(innocent: Path, knowing: Path) -> None:
    (alone,) = scouted(innocent)
    beside = scouted(innocent, knowing)
    assert [one["coin"] for one in beside] == ["ETH", "ETH"]
    assert beside[0]["rows"][0]["half_width_bps"] > alone["rows"][0]["half_width_bps"]
    (surer,) = scouted(innocent, "--level", "0.99")
    assert surer["rows"][0]["half_width_bps"] > alone["rows"][0]["half_width_bps"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent.frames"], "absent.frames"),
        (["{frames}", "--horizon", "7"], "--horizon"),
        (["{frames}", "--fee-bps", "nan"], "--fee-bps"),
        (["{frames}", "--fee-bps", "11"], "--fee-bps"),
        (["{frames}", "--level", "1"], "--level"),
        (["{empty}"], "empty"),
        (["{broken}"], "line 1"),
        ([], "frames"),
    ],
)
def test_what_cannot_be_is_named(
    arguments: list[str], words: str, innocent: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "broken").write_bytes(b'17 {"channel": "l2Book", "data": {"coin": "ETH"}}\n')
    places = {"frames": innocent, "empty": tmp_path / "empty", "broken": tmp_path / "broken"}
    done = mm("scout", *(argument.format(**places) for argument in arguments))
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_coin_that_is_not_known_is_scouted_as_it_is_said_to_be(
    innocent: Path, tmp_path: Path
) -> None:
    path = tmp_path / "other.frames"
    path.write_bytes(innocent.read_bytes().replace(b'"ETH"', b'"NEWCOIN"'))
    done = mm("scout", path)
    assert done.returncode == 2
    assert "--sz-decimals" in done.stderr
    (found,) = scouted(path, "--sz-decimals", "4", "--max-leverage", "5")
    (known,) = scouted(innocent)
    assert found["coin"] == "NEWCOIN"
    assert found["rows"] == known["rows"]


@pytest.mark.parametrize("coin", ["BTC", "ETH", "SOL", "WLFI"])
def test_the_recorded_flow_is_what_was_measured_of_it(coin: str, shared_data: Path) -> None:
    """Counts against `flow-statistics.json`, which others made from the same frames."""
    measured = json.loads((shared_data / "flow-statistics.json").read_text())[f"2025-09-04_{coin}"]
    (found,) = scouted(shared_data / "hl-20250904" / f"{coin}.frames.zst")
    rate = found["sweeps"] / found["watched_s"]
    assert rate == pytest.approx(measured["taker_orders_per_s"], rel=0.02)
    for depth in (0.5, 1.0, 1.5, 2.0):
        counted = [
            at["sweeps_per_h"]
            for side in found["sides"]
            for at in side["depths"]
            if at["depth_bps"] == depth
        ]
        wanted = measured["lambda_by_depth_bps"][str(depth)]
        assert sum(counted) / 2 / 3600 == pytest.approx(wanted, rel=0.06)
