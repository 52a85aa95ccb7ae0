"""A whole run on a perp of a builder's dex (HIP-3): own numbers, own clearinghouse, own margin."""

import json
import urllib.request
from typing import Any, cast

import pytest

from maker_process import Json, Maker, exchange, has_quoted, report, runs, wait_for
from mm.errors import ConfigError
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.meta import Perp, load_perp

Reply = Any  # whatever JSON holds
COIN, DEX = "xyz:TSLA", "xyz"


def ask(url: str, **query: object) -> Reply:
    request = urllib.request.Request(
        f"{url}/info", json.dumps(query).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.loads(answer.read())


@pytest.mark.wire
def test_a_builders_perp_is_quoted_on_its_own_clearinghouse() -> None:
    maker = Maker("--coin", COIN, "--seed", "3", "--duration", "240", "--speed", "40")
    try:
        wait_for(lambda: has_quoted(8), maker)
        record = exchange()
        url, user = f"http://127.0.0.1:{record['port']}", record["address"]
        [elsewhere, here] = [ask(url, type="openOrders", user=user, dex=dex) for dex in ("", DEX)]
        set_to = ask(url, type="activeAssetData", user=user, coin=COIN)["leverage"]
        main = ask(url, type="clearinghouseState", user=user)["marginSummary"]["accountValue"]
    finally:
        summary, log = maker.ends(0)
    assert elsewhere == []
    assert {order["coin"] for order in here} == {COIN}
    assert (set_to["type"], main) == ("isolated", "1.0")

    assert (summary["exit_reason"], summary["coin"]) == ("duration", COIN), log[-2000:]
    assert (summary["breaches"], summary["open_orders_after_stop"]) == (0, 0)
    assert summary["pnl_usd"]["residual"] == "0"
    # 10,000 USDC on the dex and 1 on the main one: only the first makes a limit of thousands.
    assert float(summary["limit"]["value_usd"]) > 1_000
    fills = summary["fills_buy"] + summary["fills_sell"]
    assert fills > 0
    # What was held had its stop on that dex, known by its own numbers.
    assert '"resident_stop_placed"' in log
    assert "resident_stop_not" not in log
    # The builder is paid as much as the venue: 3 bps of a maker, 9 of a taker.
    fee_bps = 1e4 * float(summary["pnl_usd"]["fees"]) / float(summary["volume_usd"])
    assert 2.9 < fee_bps < 9.1
    lines: list[Json] = report(runs()[-1])
    shown = [line["exposure"] for line in lines if line["kind"] == "action"]
    assert {row["coin"] for exposure in shown for row in exposure} == {COIN}


class Listing:
    """A venue that lists one builder's dex."""

    base_url = "http://venue"

    def __init__(self, row: Json) -> None:
        self._row = row

    async def info(self, query: Json, *, urgent: bool = False) -> bytes:
        match query:
            case {"type": "perpDexs"}:
                said: object = [None, {"name": "abc"}, {"name": DEX}]
            case {"type": "meta", "dex": "xyz"}:
                said = {"universe": [{"name": "xyz:NVDA"} | SIZES, {"name": COIN} | self._row]}
            case _:
                raise AssertionError(f"asked {query}")
        return json.dumps(said).encode()


SIZES = {"szDecimals": 2, "maxLeverage": 10}


async def looked_up(coin: str, **row: object) -> Perp:
    return await load_perp(cast(HttpClient, Listing(SIZES | row)), coin)


async def test_a_perp_is_numbered_by_its_dex_and_margined_as_it_must_be() -> None:
    perp = await looked_up(COIN, onlyIsolated=True, marginMode="strictIsolated")
    assert (perp.instrument.asset, perp.instrument.coin) == (120_001, COIN)
    assert perp.margin_mode == "isolated"
    assert (await looked_up(COIN, marginMode="noCross")).margin_mode == "isolated"
    assert (await looked_up(COIN)).margin_mode == "cross"


async def test_what_no_dex_lists_is_refused_with_what_they_do() -> None:
    with pytest.raises(ConfigError, match="dex nope is unknown at http://venue: it lists abc, xyz"):
        await looked_up("nope:TSLA")
    with pytest.raises(ConfigError, match="did you mean xyz:TSLA"):
        await looked_up("xyz:TSLB")
