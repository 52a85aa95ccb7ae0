"""`make ablation` on a recording made here: what it compares, and what differs."""

import json
import sys

import pytest

from made_recording import made_recording
from mm import ablation
from mm.backtest import Recording, run_passes, tape_of

BOUNDS = ["pessimistic", "prorata", "optimistic"]


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
        assert 0.5 < touch["volume_usd"] / ours["volume_usd"] < 2
        assert ours["fill_ratio"] > 0
    monkeypatch.setattr(sys, "argv", ["ablation", path])
    assert ablation.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("BTC   ")
    (funding, *_) = [line for line in lines if "funding" in line]
    assert funding.endswith("not measured: no activeAssetCtx in the recording")


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
