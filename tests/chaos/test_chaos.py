"""`mm chaos`: worlds pass, count what happened, repeat byte for byte, and find what is planted."""

import json
import sys
from pathlib import Path

import pytest

from mm._core import replay
from mm.chaos import PLANTED, Part, Tally, live, live_logged, quantile, terms_json
from mm.cli import main, run
from mm.exits import Exit
from mm.replay import read_run

SEEDS = range(24)
"""Enough for every kind of fault to come; `make chaos` runs thousands."""

WITHIN = 100
"""Worlds within which a planted bug must be found."""


def test_no_law_breaks_and_every_fault_comes() -> None:
    terms, tally = terms_json(), Tally()
    for seed in SEEDS:
        tally.add(live(terms, seed))
    summary = tally.summary()
    assert summary["failing_seeds"] == {}
    assert summary["never_happened"] == []
    assert (summary["breaches"], summary["worst_over_limit_usd"]["value"]) == (0, 0.0)
    assert summary["sessions"] > len(SEEDS)


@pytest.mark.parametrize("part", PLANTED)
def test_a_planted_bug_is_found(part: Part) -> None:
    planted = terms_json(part)
    found = next((seed for seed in range(WITHIN) if live(planted, seed)["failures"]), None)
    assert found is not None
    assert live(terms_json(), found)["failures"] == []


def test_the_worst_case_is_measured_whatever_the_verdict() -> None:
    planted = live(terms_json("gate"), 0)
    assert planted["worst_over_limit_usd"] > 0.0
    assert live(terms_json(), 0)["worst_over_limit_usd"] == 0.0


def test_a_delisting_ends_a_world_and_no_session_follows() -> None:
    terms = terms_json()
    ended = [outcome for seed in SEEDS if (outcome := live(terms, seed))["faults"]["delisting"]]
    assert ended
    assert all(outcome["failures"] == [] for outcome in ended)


def test_what_was_not_done_in_time_is_counted_and_in_no_quantile() -> None:
    tally, outcome = Tally(), live(terms_json(), 0)
    outcome["back_inside"] = {"finished_s": [3.0, 1.0], "unfinished": 2}
    outcome["to_flat"] = {"finished_s": [], "unfinished": 1}
    tally.add(outcome)
    summary = tally.summary()
    assert summary["time_back_inside_s"] == {
        "n": 2,
        "unfinished": 2,
        "p50": 1.0,
        "p99": 3.0,
        "max": 3.0,
    }
    assert summary["time_to_flat_s"] == {
        "n": 0,
        "unfinished": 1,
        "p50": None,
        "p99": None,
        "max": None,
    }


def test_a_world_repeats_and_its_logs_replay(tmp_path: Path) -> None:
    terms = terms_json()
    outcome, runs = live_logged(terms, 2, tmp_path)
    assert outcome == live(terms, 2)
    assert len(runs) == outcome["sessions"] > 1
    for directory, wanted in zip(runs, outcome["decision_hashes"], strict=True):
        replayed = replay(read_run(directory)[1])
        assert replayed.difference is None
        assert replayed.decision_hash == wanted


def test_the_command_fails_where_a_kind_of_fault_never_came(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["chaos", "--seeds", "1", "--jobs", "1", "--json"]) == Exit.DIFFERENCE
    summary = json.loads(capsys.readouterr().out)
    assert summary["seeds"] == 1
    assert summary["never_happened"]
    assert summary["failing_seeds"] == {}


def test_the_command_finds_what_it_plants(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chaos", "--break", "gate", "--seeds", "4", "--jobs", "1"]) == Exit.DONE
    assert "planted in gate: found {'seed': 0, 'after': 1}" in capsys.readouterr().out


def test_one_world_at_length(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["chaos", "--seed", "2", "--out", str(tmp_path), "--json"]) == Exit.DONE
    said = capsys.readouterr()
    assert json.loads(said.out)["seed"] == 2
    assert f"mm replay {tmp_path / '2-1'}" in said.err


def test_one_world_with_a_planted_bug_says_whether_it_found_it(tmp_path: Path) -> None:
    asked = ["chaos", "--break", "reconciler", "--out", str(tmp_path), "--seed"]
    assert run([*asked, "3"]) == Exit.DONE
    assert run([*asked, "0"]) == Exit.DIFFERENCE


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--seed", "99999999999999999999999"], "'--seed': Input should be less than or equal to"),
        (["--from", "18446744073709551616"], "'--from': Input should be less than or equal to"),
        (["--from", "18446744073709551615", "--seeds", "2"], "--seeds was 2, expected at most 1"),
    ],
)
def test_a_seed_that_is_too_large_is_refused_by_name(
    options: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["mm", "chaos", *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == Exit.USAGE
    error = capsys.readouterr().err
    assert said in error
    assert "18446744073709551615" in error


def test_quantiles_are_values_that_were_seen() -> None:
    assert quantile([], 0.99) is None
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.99) == 4.0
