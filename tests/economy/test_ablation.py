"""`make ablation` on a recording made here: what it compares, and what differs."""

import json
import sys
from pathlib import Path

import pytest

from made_recording import lively_recording, made_recording
from mm import ablation
from mm.ablation import _adverse
from mm.backtest import Recording, run_passes, tape_of

BOUNDS = ["pessimistic", "prorata", "optimistic"]
IDLE = {"regime", "gamma present", "funding", "queue", "loss quoted"}
"""Eight minutes know no usual hour and no funding, show no loss, and have requests enough."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return made_recording(tmp_path_factory.mktemp("recording"))


def test_every_model_and_plain_maker_is_beside_ours(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(recording.paths[0])
    monkeypatch.setattr(sys, "argv", ["ablation", path, path, "--json"])
    assert ablation.main() == 0
    rows = json.loads(capsys.readouterr().out)
    makers = [*ablation.MODELS, *(by.maker for by in ablation.PLAIN)]
    told = [(one["row"]["coin"], one["row"]["maker"]) for one in rows]
    assert told == [
        (coin, maker) for coin in ("BTC", "BTC", "all") for _ in BOUNDS for maker in makers
    ]
    for one in rows:
        row = one["row"]
        parts = row["spread_usd"] + row["inventory_usd"] - row["fees_usd"]
        assert row["pnl_usd"] == pytest.approx(parts, abs=1e-5)
        assert (one["bps"] is None) == (row["maker"] in ("ours", "funding"))
        lacks = "no activeAssetCtx in the recording" if row["maker"] == "funding" else None
        assert row["not_measured"] == lacks
    of = {(one["row"]["maker"], one["row"]["bound"]): one["row"] for one in rows[: len(rows) // 3]}
    for bound in BOUNDS:
        ours, touch = of["ours", bound], of["touch", bound]
        assert 0 < touch["half_spread_bps"] < 0.6, "the touch is 0.5 bps from the mid, and moves"
        assert ours["half_spread_bps"] > 1
        for by in ablation.PLAIN:
            traded = of[by.maker, bound]["volume_usd"] / ours["volume_usd"]
            assert abs(traded - 1) < ablation.MATCHED_WITHIN, by.maker
        assert ours["fill_ratio"] > 0
        for adverse in ours["adverse"]:
            assert adverse["low"] < adverse["bps"] < adverse["high"]
        assert [adverse["horizon_s"] for adverse in ours["adverse"]] == [1, 5, 30]


def test_tables_have_every_bound_and_json_stands_beside_them(
    recording: Recording,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    models = {maker: ablation.MODELS[maker] for maker in ("ours", "weighted", "funding")}
    monkeypatch.setattr(ablation, "MODELS", models)
    monkeypatch.setattr(ablation, "PLAIN", ())
    beside, path = tmp_path / "rows.json", str(recording.paths[0])
    monkeypatch.setattr(sys, "argv", ["ablation", path, "--out", str(beside)])
    assert ablation.main() == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [one["row"] for one in json.loads(beside.read_text())]
    assert sorted((row["maker"], row["bound"]) for row in rows) == sorted(
        (maker, bound) for bound in BOUNDS for maker in models
    )
    at = lines.index("move of the mid against us after fills, bps [95 %]")
    moves = [line for line in lines[at + 2 :] if line.startswith("BTC")]
    measured = [row for row in rows if row["not_measured"] is None]
    for row, line in zip(measured, moves, strict=True):
        for adverse in row["adverse"]:
            bps, low, high = (adverse[key] for key in ("bps", "low", "high"))
            assert f"{bps:.2f} [{low:+.2f}, {high:+.2f}]" in line
    assert "5 minutes in blocks of 5: 1 of them" in lines[-1]
    assert lines[1].startswith("BTC   ")
    (funding, *_) = [line for line in lines if "funding" in line]
    assert funding.endswith("not measured: no activeAssetCtx in the recording")


def test_a_model_that_can_act_makes_a_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every model changes what is done, but those that have nothing to go by here."""
    monkeypatch.setattr(ablation, "PLAIN", ())
    found = ablation.ablate([lively_recording(tmp_path)], 10_000.0)
    for bound in BOUNDS:
        rows = {one.row.maker: one.row for one in found if one.row.bound == bound}
        ours = rows.pop("ours")
        same = {
            maker
            for maker, row in rows.items()
            if (row.volume_usd, row.fills, row.pnl_usd)
            == (ours.volume_usd, ours.fills, ours.pnl_usd)
        }
        assert same == IDLE
        assert rows["toxic flow"].pnl_usd != rows["toxic jump"].pnl_usd


def test_at_the_venues_cadence_we_hear_fewer_books_of_the_same_market(recording: Recording) -> None:
    told = []
    for every in (None, 5.0):
        config = ablation.settings(recording, 10_000.0, {"backtest.book_every_s": every})
        result = run_passes(recording, tape_of(recording, config), config, all_bounds=False)
        told.append((result.events, json.loads(result.json)))
    (all_events, whole), (fewer, sparse) = told
    books = recording.frames.count(b"l2Book")
    assert all_events - fewer > 0.8 * books
    assert whole["market_takers"] == sparse["market_takers"]
    assert whole["duration_s"] == sparse["duration_s"]


def test_the_interval_of_a_cost_is_students_of_its_own_moves() -> None:
    """Tables: 2.228 standard errors at ten degrees of freedom, 4.303 at two."""
    for apart, errors in ((11, 2.228), (3, 4.303)):
        cost = {"horizon_s": 5.0, "notional_mean_bps": 4.0, "notional_se_bps": 0.5, "apart": apart}
        found = _adverse(cost)
        assert found.low == pytest.approx(4.0 - 0.5 * errors, abs=1e-3)
        assert found.high == pytest.approx(4.0 + 0.5 * errors, abs=1e-3)
    nobody = {**cost, "notional_se_bps": None}
    assert (_adverse(nobody).low, _adverse(nobody).high) == (None, None)
