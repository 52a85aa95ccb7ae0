"""`make economy` on a recording made here: what it prints, and that a day is a day."""

import json
import sys

import pytest

from made_recording import made_recording
from mm import economy
from mm.backtest import Recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return made_recording(tmp_path_factory.mktemp("recording"))


def test_both_makers_are_measured_and_paired(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(recording.paths[0])
    monkeypatch.setattr(sys, "argv", ["economy", path, path, "--equity", "1000", "--json"])
    assert economy.main() == 0
    pairs = json.loads(capsys.readouterr().out)
    assert [one["ours"]["coin"] for one in pairs] == ["BTC", "BTC", "all"] * 3
    assert {one["ours"]["bound"] for one in pairs} == {"pessimistic", "prorata", "optimistic"}
    for one, _, both in zip(pairs[::3], pairs[1::3], pairs[2::3], strict=True):
        ours, plain = one["ours"], one["plain"]
        assert (ours["maker"], plain["maker"]) == ("ours", "plain")
        assert plain["requests"] > 5 * ours["requests"] > 0
        assert one["fewer"] == pytest.approx(plain["requests_per_usd"] / ours["requests_per_usd"])
        assert one["pnl_usd"]["value"] == pytest.approx(
            ours["pnl_usd"] - plain["pnl_usd"], abs=1e-6
        )
        assert one["bps"]["value"] == pytest.approx(ours["bps"] - plain["bps"], abs=1e-6)
        assert one["pnl_usd"]["low"] <= one["pnl_usd"]["value"] <= one["pnl_usd"]["high"]
        assert 0 <= ours["near"]["5"] <= ours["near"]["20"] <= 1
        assert both["ours"]["requests"] == 2 * ours["requests"]
        assert both["pnl_usd"]["value"] == pytest.approx(2 * one["pnl_usd"]["value"], abs=1e-6)


def test_a_tolerance_moves_what_is_sent(recording: Recording) -> None:
    def requests(tolerance_bps: float) -> int:
        config = economy.settings(recording, 1_000.0, tolerance_bps)
        return economy.measure(recording, config, "ours")["pessimistic"].row.requests

    assert requests(0.3) > 1.25 * requests(3.0)


def test_lives_differ_by_latency_and_their_mean_is_taken(recording: Recording) -> None:
    configs = economy.lives_of(recording, 1_000.0, None, 2)
    usual_s = economy.settings(recording, 1_000.0, None).backtest.order_latency_s
    latencies = [config.backtest.order_latency_s for config in configs]
    assert latencies == pytest.approx([0.9 * usual_s, 1.1 * usual_s])
    one, other = (economy.measure(recording, config, "ours")["prorata"] for config in configs)
    both = economy.measured(recording, configs, "ours")["prorata"]
    assert both.row.coin == "BTC"
    for name in ("volume_usd", "pnl_usd", "side_usd"):
        halves = getattr(one.row, name) + getattr(other.row, name)
        assert getattr(both.row, name) == pytest.approx(halves / 2, abs=1e-9), name
    assert both.row.near["5"] == pytest.approx((one.row.near["5"] + other.row.near["5"]) / 2)
    halves = one.row.requests + other.row.requests
    assert both.row.requests == pytest.approx(halves / 2, abs=0.5)
    assert sum(both.pnl_usd) == pytest.approx(both.row.pnl_usd)


def test_a_day_is_as_long_as_it_is_said_to_be(recording: Recording) -> None:
    config = economy.settings(recording, 1_000.0, None)
    found = economy.day(recording, config, 2.5 * 3600)
    assert found.killed is None
    assert len(found.spent) == 3
    assert all(spent > 0 for spent in found.spent)
    assert sum(found.earned) > 0
    assert 0 < found.lowest_left <= economy.GRANT + sum(found.earned)
    assert found == economy.day(recording, config, 2.5 * 3600)
