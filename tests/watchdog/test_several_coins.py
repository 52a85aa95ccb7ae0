"""Whole processes: a maker of two coins dies, and its watchdog closes both."""

import json
from pathlib import Path

import pytest
from eth_account import Account
from hyperliquid.exchange import Exchange

from given_account import ADDRESS, SECRET, give_key
from maker_process import Maker, runs, wait_for
from paper_process import serving
from watched import ask, eventually, said, status

pytestmark = pytest.mark.wire

HELD = {"BTC": 0.01, "ETH": 0.2}


def held(url: str) -> dict[str, float]:
    state = ask({"type": "clearinghouseState", "user": ADDRESS}, url)
    rows = (row["position"] for row in state["assetPositions"])
    return {row["coin"]: float(row["szi"]) for row in rows if float(row["szi"])}


def resting(url: str) -> set[str]:
    rows = ask({"type": "frontendOpenOrders", "user": ADDRESS}, url)
    return {row["coin"] for row in rows}


def test_a_dead_makers_coins_are_all_closed(tmp_path: Path) -> None:
    market = ("--account", f"{ADDRESS}=10000", "--speed", "10", "--seed", "7")
    with serving(tmp_path, *market, accounts=0) as served:
        give_key()
        wallet = Exchange(Account.from_key(f"0x{SECRET}"), served.url)
        for coin, size in HELD.items():
            touch = ask({"type": "l2Book", "coin": coin}, served.url)["levels"][1][0]["px"]
            worst = float(f"{float(touch) * 1.01:.4g}")
            wallet.order(coin, True, size, worst, {"limit": {"tif": "Ioc"}})
        assert held(served.url) == HELD
        maker = Maker("--base-url", served.url, "--coin", "BTC", "--coin", "ETH")
        try:
            wait_for(
                lambda: resting(served.url) == set(HELD) and status().get("doing") == "watching",
                maker,
            )
        finally:
            maker.kill()
        eventually(lambda: resting(served.url) == set(), "no order of either coin")
        eventually(lambda: held(served.url) == {}, "flat in both coins")
        eventually(lambda: status().get("doing") == "done", "the watchdog's end")
        assert status()["positions"] == dict.fromkeys(HELD, 0)
        [taken] = said("watchdog_takes_over")
        assert (taken["why"], set(taken["engine_positions"])) == ("dead", set(HELD))
        for coin in HELD:
            lines = (runs()[-1] / coin / "watchdog-sent.jsonl").read_text().splitlines()
            assert "order" in {json.loads(line)["own"] for line in lines}
