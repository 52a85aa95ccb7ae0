"""A run that follows another coin: what it subscribes to, hears, logs and shows."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zstandard

from mm import explain
from mm._core import replay
from mm.replay import read_run

pytestmark = pytest.mark.wire


def ran(tmp_path: Path, toml: str) -> subprocess.CompletedProcess[str]:
    config = tmp_path / "mm.toml"
    config.write_text(toml)
    options = ["--config", str(config), "--speed", "30", "--duration", "60", "--json"]
    return subprocess.run(
        [sys.executable, "-m", "mm", "run", *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "MM_STATE_DIR": str(tmp_path / "state")},
    )


def references(run: Path) -> list[dict[str, Any]]:
    lines = zstandard.ZstdDecompressor().stream_reader((run / "events.jsonl.zst").read_bytes())
    told = [json.loads(line) for line in lines.read().splitlines()]
    bodies = [line["e"]["body"] for line in told if "e" in line]
    return [body["Reference"] for body in bodies if isinstance(body, dict) and "Reference" in body]


def only(tmp_path: Path, pattern: str) -> Path:
    [found] = (tmp_path / "state").rglob(pattern)
    return found.parent


def test_a_run_hears_the_coin_that_it_follows(tmp_path: Path) -> None:
    ended = ran(
        tmp_path,
        '[process]\nmarket = "calibrated"\nseed = 7\ncoin = "ETH"\n'
        '[models]\nreference = "coin:BTC"\nlead = true\n',
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    run = only(tmp_path, "events.jsonl.zst")
    heard = references(run)
    assert len(heard) > 20
    assert all(50_000 < told["px"] < 500_000 for told in heard), "the price of BTC"
    shift = explain.quotes(explain.stand(run, None))["models"]["shift"]
    assert (shift["reference"], shift["lead_used"]) == ("coin:BTC", True)
    assert shift["reference_px"] == heard[-1]["px"]
    assert shift["lead"]["slope"]["n"] > 20
    assert replay(read_run(run)[1]).difference is None


def test_one_of_two_coins_follows_the_other(tmp_path: Path) -> None:
    ended = ran(
        tmp_path,
        '[process]\nmarket = "calibrated"\nseed = 7\ncoins = ["BTC", "ETH"]\n'
        '[coin.ETH.models]\nreference = "coin:BTC"\n',
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    eth, btc = only(tmp_path, "ETH/events.jsonl.zst"), only(tmp_path, "BTC/events.jsonl.zst")
    assert len(references(eth)) > 20
    assert references(btc) == []


def test_a_coin_that_nobody_lists_is_not_followed(tmp_path: Path) -> None:
    ended = ran(
        tmp_path,
        '[process]\nmarket = "calibrated"\ncoin = "ETH"\n[models]\nreference = "coin:DOGE"\n',
    )
    assert ended.returncode == 2
    assert "coin DOGE is unknown" in ended.stderr
