"""`mm backtest` and `mm replay` as a user meets them, on a small recording made up here."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from mm.commands.backtest import fills_line


def mm(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mm", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def recording(ticks: int = 1200, silent: range = range(0)) -> bytes:
    """Four books a second around a wandering mid, takers on both sides that reach up to 8 bps.

    Nothing is heard during the `silent` ticks.
    """
    chance = random.Random(5)
    mid, lines = 420_000, []
    for tick in range(ticks):
        ms = 1_700_000_000_000 + 250 * tick
        recv = (ms + 300) * 1_000_000
        mid += 10 * chance.randint(-3, 3)
        if tick in silent:
            continue

        def px(units: int) -> str:
            return f"{units / 100:.2f}"

        def side(sign: int, mid: int = mid) -> list[dict[str, object]]:
            return [{"px": px(mid + sign * (5 + 10 * i)), "sz": "5", "n": 0} for i in range(20)]

        if chance.random() < 0.4:
            taker, sign = chance.choice((("B", 1), ("A", -1)))
            at = px(mid + sign * (5 + 10 * chance.randrange(34)))
            trade = {"coin": "ETH", "side": taker, "px": at, "sz": "2", "time": ms, "hash": "0x"}
            trade |= {"tid": tick, "users": ["0x", "0x"]}
            lines.append(f"{recv} {json.dumps({'channel': 'trades', 'data': [trade]})}")
        book = {"coin": "ETH", "time": ms, "levels": [side(-1), side(1)]}
        lines.append(f"{recv} {json.dumps({'channel': 'l2Book', 'data': book})}")
    return "\n".join(lines).encode() + b"\n"


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("frames") / "made-up.frames.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(recording()))
    return path


@pytest.fixture(scope="module")
def finished(frames: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("run")
    done = mm("backtest", frames, "--out", run, "--json")
    assert done.returncode == 0, done.stderr
    assert "events/s" in done.stderr
    assert json.loads(done.stdout) == json.loads((run / "summary.json").read_text())
    return run


def test_the_end_has_every_field(finished: Path) -> None:
    end = json.loads((finished / "summary.json").read_text())
    wanted = """session network market coin duration_s speed_achieved quote_cycles ready_cycles
        two_sided_cycles market_takers our_share orders fills_buy fills_sell volume_usd requests
        position limit breaches open_orders_after_stop pnl_usd markouts markouts_split edge
        latency_us queue_bound
        bounds kill decision_hash exit_reason"""
    assert list(end) == wanted.split()
    assert set(end["market_takers"]) == {"count", "volume_usd"}
    assert set(end["orders"]) == {"placed", "modified", "cancelled", "rejected"}
    assert set(end["position"]) == {"start", "end", "max_abs"}
    limit = {"long", "short", "value_usd", "source", "binding", "valid_cycles"}
    assert set(end["limit"]) == limit
    parts = {"total", "spread_capture", "inventory", "funding", "fees", "residual"}
    assert set(end["pnl_usd"]) == parts
    assert end["pnl_usd"]["residual"] == "0"
    assert [row["horizon_s"] for row in end["markouts"]] == [0.5, 1, 5, 10, 30, 60]
    split = end["markouts_split"]
    assert split["unknown"] == 0
    for at, row in enumerate(end["markouts"]):
        assert split["bid"][at]["n"] + split["ask"][at]["n"] == row["n"] > 0
        assert sum(depth["markouts"][at]["n"] for depth in split["depths"]) == row["n"]
    assert end["latency_us"]["step_p50"] <= end["latency_us"]["step_p99"]
    assert set(end["bounds"]) == {"pessimistic", "prorata", "optimistic"}
    assert end["bounds"]["pessimistic"]["pnl_usd"] == end["pnl_usd"]
    assert end["queue_bound"] == "pessimistic"
    assert (end["coin"], end["exit_reason"]) == ("ETH", "market_end")
    assert end["breaches"] == end["open_orders_after_stop"] == 0
    assert re.fullmatch(r"0x[0-9a-f]{64}", end["decision_hash"])


def test_a_kill_ends_the_quotes_of_a_backtest_and_is_said(tmp_path: Path) -> None:
    frames, config = tmp_path / "gap.frames", tmp_path / "mm.toml"
    frames.write_bytes(recording(silent=range(700, 900)))
    config.write_text("[control]\nkill_stale_s = 20.0\n")
    done = mm("backtest", frames, "--config", config, "--json")
    assert done.returncode == 0, done.stderr
    end = json.loads(done.stdout)
    assert end["kill"] == "stale_market"
    assert end["position"]["end"] in ("0", "0.0", "0.0000")
    assert "KILLED  in the pessimistic pass" in mm("backtest", frames, "--config", config).stdout
    assert json.loads(mm("backtest", frames, "--json").stdout)["kill"] is None


def test_another_bound_can_be_reported_first(frames: Path) -> None:
    done = mm("backtest", frames, "--queue-bound", "optimistic", "--json")
    end = json.loads(done.stdout)
    assert end["queue_bound"] == "optimistic"
    assert end["bounds"]["optimistic"]["decision_hash"] == end["decision_hash"]


def test_people_get_the_three_bounds_and_what_they_assume(frames: Path) -> None:
    done = mm("backtest", frames)
    assert done.returncode == 0
    for word in ("pessimistic", "prorata", "optimistic", "virtual", "breaches"):
        assert word in done.stdout


def test_people_get_what_fills_earned_and_what_followed(frames: Path, finished: Path) -> None:
    end = json.loads((finished / "summary.json").read_text())
    after = end["markouts"][2]
    fills = end["fills_buy"] + end["fills_sell"]
    assert after["n"] > 0
    told = next(
        line for line in mm("backtest", frames).stdout.splitlines() if line.startswith("fills ")
    )
    earned, lost = f"{after['half_spread_bps']:.2f}", f"{after['notional_mean_bps']:.2f}"
    assert (
        told == f"fills   {fills}: {earned} bps earned against the mid, {lost} bps lost 5 s later"
    )
    assert after["notional_se_bps"] is None, "all of its fills are within 5 s: no error is known"
    after["notional_se_bps"] = 0.456
    assert f" {lost} +- 0.46 bps lost 5 s later" in fills_line(end)


def test_nothing_filled_earned_nothing(finished: Path) -> None:
    end = json.loads((finished / "summary.json").read_text())
    for row in end["markouts"]:
        row["n"] = 0
    end["fills_buy"] = end["fills_sell"] = 0
    assert fills_line(end) == "fills   0: none with a mid before it and 5 s after it"


def test_fills_are_split_by_side_distance_and_regime_and_pulled_to_none(finished: Path) -> None:
    end = json.loads((finished / "summary.json").read_text())
    split = end["markouts_split"]
    assert [one["regime"] for one in split["regimes"]] == ["usual"]
    heard = split["regimes"][0]["markouts"][0]
    assert heard["n"] > 0
    assert heard["micro_half_spread_bps"] is not None
    after = end["markouts"][2]
    assert abs(after["shrunk_bps"]) < abs(after["mean_bps"])
    assert after["micro_half_spread_bps"] is None, "the exchange has no micro-price"


def test_a_run_replays_the_same(finished: Path) -> None:
    done = mm("replay", finished)
    assert done.returncode == 0, done.stderr
    assert "the same" in done.stdout
    end = json.loads((finished / "summary.json").read_text())
    assert end["decision_hash"] in done.stdout
    as_json = json.loads(mm("replay", finished, "--json").stdout)
    assert as_json["same"] is True
    assert as_json["decision_hash"] == end["decision_hash"]


def log_of(run: Path) -> list[str]:
    data = (run / "events.jsonl.zst").read_bytes()
    reader = zstandard.ZstdDecompressor().decompressobj()
    return reader.decompress(data).decode().splitlines()


def test_one_altered_action_is_named(finished: Path, tmp_path: Path) -> None:
    lines = log_of(finished)
    at = [number for number, line in enumerate(lines) if line.startswith('{"a":')][3]
    action = json.loads(lines[at])["a"]
    lines[at] = lines[at].replace('"cycle":', '"cycle":9', 1)
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + "\n")
    done = mm("replay", tmp_path / "log.jsonl")
    assert done.returncode == 1
    assert f"line {at + 1}: action {action['id']} differs" in done.stderr
    assert done.stderr.count("\n") == 1
    shown = json.loads(mm("replay", tmp_path / "log.jsonl", "--json").stdout)
    assert shown["same"] is False
    assert f"action {action['id']}" in shown["difference"]


def test_a_log_cut_off_is_read_to_its_last_whole_line(finished: Path, tmp_path: Path) -> None:
    data = (finished / "events.jsonl.zst").read_bytes()
    (tmp_path / "events.jsonl.zst").write_bytes(data[: len(data) // 2])
    done = mm("replay", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "breaks off after line" in done.stdout


def test_a_foreign_header_is_refused(finished: Path, tmp_path: Path) -> None:
    lines = log_of(finished)
    lines[0] = lines[0].replace('"version":2', '"version":1')
    (tmp_path / "log.jsonl").write_text("\n".join(lines) + "\n")
    done = mm("replay", tmp_path / "log.jsonl")
    assert done.returncode == 2
    assert "event log of version 1, this program replays version 2" in done.stderr
    assert done.stderr.count("\n") == 1
    assert mm("replay", tmp_path / "nothing").returncode == 2


def test_a_file_that_cannot_be_used_is_one_line_with_its_name(frames: Path, tmp_path: Path) -> None:
    whole = recording(ticks=8)
    bad = {
        "absent.zst": None,
        "empty.frames": b"",
        "text.frames.zst": b"no zstd at all",
        "cut.frames.zst": zstandard.ZstdCompressor().compress(recording())[:-50],
        "cut.frames": whole[:-50],
        "line.frames": whole.replace(b'"l2Book"', b'"l2Book', 1),
        "stamp.frames": whole + b"{}\n",
        "px.frames": whole.replace(b'"sz": "5"', b'"sz": "5.00001"', 1),
    }
    wanted = {
        "cut.frames.zst": "the file is cut off",
        "cut.frames": "cut off in the middle",
        "line.frames": "line 2: frame.channel: not of the expected form",
        "stamp.frames": "expected `<receive ns> <frame JSON>`",
        "px.frames": "5.00001",
    }
    for name, content in bad.items():
        path = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        done = mm("backtest", path)
        assert done.returncode == 2, (name, done)
        assert done.stderr.count("\n") == 1, (name, done.stderr)
        assert str(path) in done.stderr
        assert wanted.get(name, "") in done.stderr, (name, done.stderr)
        if name in wanted:
            assert re.search(r"line \d+", done.stderr), (name, done.stderr)
    done = mm("backtest", frames, tmp_path / "stamp.frames")
    assert str(tmp_path / "stamp.frames") in done.stderr


def test_an_unknown_coin_says_what_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "other.frames"
    path.write_bytes(recording(ticks=8).replace(b'"ETH"', b'"DOGE"'))
    done = mm("backtest", path)
    assert done.returncode == 2
    assert "--sz-decimals" in done.stderr
    assert mm("backtest", path, "--sz-decimals", 4, "--max-leverage", 10).returncode == 0
    done = mm("backtest", path, "--coin", "ETH")
    assert done.returncode == 2
    assert "no book or bbo frame of ETH" in done.stderr
