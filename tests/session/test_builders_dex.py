"""A whole run on a perp of a builder's dex (HIP-3): own numbers, own clearinghouse, own margin."""

import json
import time
import urllib.request
from pathlib import Path
from typing import Any, cast

import pytest

from maker_process import Json, Maker, exchange, has_quoted, report, runs, wait_for
from mm.cli import run
from mm.errors import ConfigError, VenueError
from mm.hyperliquid.http import HttpClient
from mm.hyperliquid.meta import Perp, load_listing, load_perp
from paper_process import serving

Reply = Any  # whatever JSON holds
COIN, DEX = "xyz:TSLA", "xyz"
BOOK_S = 20.0


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

    def __init__(self, row: Json, dex: Json | None = None, collateral: int = 0) -> None:
        self._row = row
        self._dex = dex or {}
        self._collateral = collateral

    async def info(self, query: Json, *, urgent: bool = False) -> bytes:
        match query:
            case {"type": "perpDexs"}:
                said: object = [None, {"name": "abc"}, {"name": DEX} | self._dex]
            case {"type": "meta", "dex": "xyz"}:
                perps = [{"name": "xyz:NVDA"} | SIZES, {"name": COIN} | self._row]
                said = {"universe": perps, "collateralToken": self._collateral}
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


async def test_its_fees_are_those_of_its_growth_mode_and_its_deployer() -> None:
    async def fee_bps(scale: object = "1.0", **row: object) -> float:
        listing = cast(HttpClient, Listing(SIZES | row, {"deployerFeeScale": scale}))
        return 1e4 * (await load_perp(listing, COIN)).instrument.fee_here(0.00015)

    assert await fee_bps() == pytest.approx(3.0)
    assert await fee_bps(growthMode="enabled") == pytest.approx(0.3)
    assert await fee_bps("0.5") == pytest.approx(2.25)
    assert await fee_bps("2.0") == pytest.approx(6.0)
    assert await fee_bps(None) == pytest.approx(3.0), "before deployers could choose it"
    for nonsense in ("NaN", "-1", "many"):
        with pytest.raises(VenueError, match="not the answer expected"):
            await fee_bps(nonsense)


async def test_a_dex_in_another_collateral_is_refused() -> None:
    """Every limit and every loss here is counted in USDC."""
    listing = Listing(SIZES, {}, collateral=360)
    for look in (load_perp, load_listing):
        with pytest.raises(ConfigError, match=r"margined in token 360, expected USDC \(0\)"):
            await look(cast(HttpClient, listing), COIN)


async def test_what_no_dex_lists_is_refused_with_what_they_do() -> None:
    with pytest.raises(ConfigError, match="dex nope is unknown at http://venue: it lists abc, xyz"):
        await looked_up("nope:TSLA")
    with pytest.raises(ConfigError, match="did you mean xyz:TSLA"):
        await looked_up("xyz:TSLB")


@pytest.mark.wire
def test_a_perp_in_growth_mode_is_mirrored_recorded_and_played_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a new user does with it before money is risked: none of it knows the perp beforehand."""
    venue_dir, mirror_dir = tmp_path / "venue", tmp_path / "mirror"
    venue_dir.mkdir()
    mirror_dir.mkdir()
    out = tmp_path / "recordings"
    perp = ("--perp", f"{COIN}=2,10,250,strictIsolated,growth")
    with serving(venue_dir, *perp, "--speed", "1", "--seed", "7", accounts=0) as venue:
        [row] = ask(venue.url, type="meta", dex=DEX)["universe"]
        assert row["growthMode"] == "enabled"
        of = ("--market", f"mirror:{venue.url}", "--coin", COIN, "--speed", "1")
        with serving(mirror_dir, *of, accounts=0) as mirror:
            [mirrored] = ask(mirror.url, type="meta", dex=DEX)["universe"]
            same = {key: row[key] for key in ("name", "szDecimals", "maxLeverage", "growthMode")}
            assert {key: mirrored[key] for key in same} == same
            # It serves before the venue's first book has come.
            deadline = time.monotonic() + BOOK_S
            while not ask(mirror.url, type="l2Book", coin=COIN)["levels"][0]:
                assert time.monotonic() < deadline, "the mirror shows no book"
                time.sleep(0.05)
        at = ["--base-url", venue.url, "--out", str(out)]
        run(["record", "--coin", COIN, "--duration", "3", *at])
    path = out / "xyz_TSLA.frames.zst"
    capsys.readouterr()
    run(["backtest", str(path), "--json"])
    assert json.loads(capsys.readouterr().out)["coin"] == COIN
    with serving(mirror_dir, "--market", f"replay:{path}", "--speed", "20", accounts=0) as played:
        [row] = ask(played.url, type="meta", dex=DEX)["universe"]
        assert (row["name"], row["szDecimals"], row["maxLeverage"]) == (COIN, 2, 10)
        assert row["growthMode"] == "enabled"
