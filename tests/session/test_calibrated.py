"""The calibrated market wherever `demo` is: the exchange alone, a run, several coins."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from mm.cli import run
from mm.config import load
from mm.errors import ConfigError
from paper_process import serving

pytestmark = pytest.mark.wire


def ask(url: str, **query: object) -> Any:  # noqa: ANN401 - JSON
    body = json.dumps(query).encode()
    request = urllib.request.Request(f"{url}/info", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read())


def test_the_exchange_serves_it_with_its_four_coins_and_says_what_it_is(tmp_path: Path) -> None:
    with serving(tmp_path, "--market", "calibrated", "--seed", "7", "--speed", "20") as served:
        assert served.said["label"].startswith("calibrated: ")
        assert (served.said["market"], served.said["seed"]) == ("calibrated", 7)
        listed = [perp["name"] for perp in ask(served.url, type="meta")["universe"]]
        assert listed == ["BTC", "ETH", "SOL", "WLFI"]
        for coin in listed:
            bids, asks = ask(served.url, type="l2Book", coin=coin)["levels"]
            assert (len(bids), len(asks)) == (20, 20)
            assert float(bids[0]["px"]) < float(asks[0]["px"])


def test_a_run_trades_on_it_and_its_first_screen_says_what_it_proves_not(tmp_path: Path) -> None:
    config = tmp_path / "mm.toml"
    config.write_text('[process]\nmarket = "calibrated"\ncoin = "WLFI"\nseed = 7\n')
    options = ["--config", str(config), "--speed", "60", "--duration", "90", "--json"]
    ended = subprocess.run(
        [sys.executable, "-m", "mm", "run", *options],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    summary = json.loads(ended.stdout)
    assert (summary["market"], summary["coin"]) == ("calibrated", "WLFI")
    assert (summary["breaches"], summary["queue_bound"]) == (0, None)
    assert summary["market_takers"]["count"] > 10
    assert "on the calibrated market, 60x speed, seed 7" in ended.stderr
    assert "statistics of that half hour and of no other" in ended.stderr


def test_several_coins_and_what_it_does_not_list(tmp_path: Path) -> None:
    path = tmp_path / "mm.toml"
    path.write_text('[process]\nmarket = "calibrated"\ncoins = ["BTC", "WLFI"]\n')
    assert load(path).process.coins == ("BTC", "WLFI")
    with pytest.raises(ConfigError, match="coin was 'DOGE', expected one of BTC, ETH, SOL, WLFI"):
        run(["exchange", "--market", "calibrated", "--coin", "DOGE"])
    with pytest.raises(ConfigError, match="only demo takes them"):
        run(["exchange", "--market", "calibrated", "--perp", "DOGE=0,5,0.2"])
