"""Several coins of one account in one process: what is each coin's own, and what they share."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mm._core import replay
from mm.audit.verdict import Verdict
from mm.config import parse
from mm.control_socket import FILE, address
from mm.exits import Exit
from mm.explain import newest_run
from mm.replay import logs, read_run
from mm.run import Options
from mm.state import StateDir, account_dir
from stage.house import Json, Perp
from stage.script import Stage

BTC, ETH = "BTC", "ETH"
COINS: dict[str, object] = {"process.coins": (BTC, ETH)}
PERPS = (Perp(), Perp(ETH, 4, 25))
ETH_MID = "3000.5"
FLAT = (Decimal(0), Decimal(0))


def opened(stage: Stage, **more: Any) -> None:  # noqa: ANN401 - the stage's own
    stage.open(perps=PERPS, **more)
    stage.house.book(ETH_MID, coin=ETH, sz="0.01", deep="100")


def positions(stage: Stage) -> tuple[Decimal, Decimal]:
    """At the exchange."""
    maker = stage.house.maker
    return stage.house.position(maker, BTC), stage.house.position(maker, ETH)


def believed(stage: Stage) -> tuple[Decimal, Decimal]:
    """By the engines."""
    lots = [Decimal(stage.of(perp.coin)["position"]) for perp in PERPS]
    return lots[0].scaleb(-PERPS[0].sz_decimals), lots[1].scaleb(-PERPS[1].sz_decimals)


def is_two_sided(stage: Stage, coin: str) -> bool:
    return bool(stage.resting("B", coin)) and bool(stage.resting("A", coin))


async def quoting(stage: Stage, **settings: object) -> None:
    """Begin, and wait until both coins rest in full on both sides."""
    engines = len(stage._engines) + len(PERPS)
    stage.begin(**{**COINS, **settings})

    def quotes(coin: str) -> bool:
        return is_two_sided(stage, coin) and stage.of(coin)["phase"] == "normal"

    await stage.until(
        lambda: len(stage._engines) == engines and all(quotes(perp.coin) for perp in PERPS)
    )
    await stage.wait(1)


def verdicts(stage: Stage) -> list[Verdict]:
    return [stage.verdict(BTC, beside=[ETH]), stage.verdict(ETH, beside=[BTC])]


async def ends_well(stage: Stage) -> Json:
    """Stop in order: nothing rests, no breach in any coin, books closed to the micro-USDC."""
    result = await stage.stop()
    assert [(v.breaches, v.open_orders) for v in verdicts(stage)] == [([], 0)] * 2
    assert believed(stage) == positions(stage)
    assert result["pnl_usd"]["residual"] == "0"
    return result


async def ask(request: Json) -> Json:
    """Of the maker that runs, through its socket."""
    with address(account_dir("paper", "default") / FILE) as path:
        reader, writer = await asyncio.open_unix_connection(path)
    writer.write(json.dumps(request).encode() + b"\n")
    said = json.loads(await reader.readline())
    writer.close()
    return said["answer"]


async def test_both_are_quoted_and_their_limits_hold_together(stage: Stage) -> None:
    """Each limit comes from a share: what both may risk, margin and lose is one account's."""
    opened(stage)
    await quoting(stage, **{"control.ramp": False})
    shown = {coin: stage.of(coin)["limits"] for coin in (BTC, ETH)}
    assert all(limits["source"] == "valid" for limits in shown.values())
    equity = stage.of(BTC)["account_value"]
    settings = stage.config().limits

    def terms(coin: str) -> dict[str, int]:
        return {term["term"]: term["value"] for term in shown[coin]["terms"]}

    margin = sum(terms(c)["initial_margin"] // 20 for c in (BTC, ETH))
    assert margin <= settings.initial_margin_frac * equity
    gap = sum(terms(coin)["gap"] * move for coin, move in ((BTC, 0.08), (ETH, 0.08)))
    assert gap <= settings.gap_loss_frac * equity * (1 + 1e-9)
    assert terms(BTC)["equity_share"] + terms(ETH)["equity_share"] <= terms(BTC)["leverage"]
    # The worst of both together: every order of both coins filled, both positions at their limits.
    for coin in (BTC, ETH):
        low, high = stage.of(coin)["worst_case"]
        long, short = shown[coin]["lots"]
        assert -short <= low <= high <= long
    # Alone, a coin may have twice as much.
    await ends_well(stage)
    stage.begin()
    await stage.two_sided()
    alone = {term["term"]: term["value"] for term in stage.shown["limits"]["terms"]}
    assert alone["initial_margin"] == pytest.approx(2 * terms(BTC)["initial_margin"], rel=1e-3)
    assert alone["gap"] == pytest.approx(2 * terms(BTC)["gap"], rel=1e-3)
    assert alone["volatility"] == pytest.approx(2 * terms(BTC)["volatility"], rel=0.05)
    await stage.ends_well()


async def test_a_fill_moves_its_own_coin_and_is_no_strangers_to_the_other(stage: Stage) -> None:
    opened(stage)
    await quoting(stage)
    stage.fill("bid", "0.05", coin=ETH)
    # The taker emptied the crowd's side too: without it the price would have fallen, for good.
    stage.house.book(ETH_MID, coin=ETH, sz="0.01", deep="100")
    await stage.wait(5)
    assert positions(stage) == believed(stage) == (Decimal(0), Decimal("0.05"))
    for coin in (BTC, ETH):
        counts = stage.of(coin)["counts"]
        assert (counts["stranger_fills"], counts["discontinuities"]) == (0, 0)
        assert not stage.of(coin)["foreign"]
    assert stage.of(BTC)["counts"]["fills_buy"] == 0
    # The other coin's money is explained in both, to the micro-USDC, however its mark moves.
    for mid in ("3000.8", "3000.2"):
        stage.house.book(mid, coin=ETH, sz="0.01", deep="100")
        await stage.wait(12)
        assert positions(stage)[1] == Decimal("0.05")
        made = {coin: stage.of(coin)["pnl"] for coin in (BTC, ETH)}
        assert made[BTC]["total"] == made[ETH]["others"] == 0
        assert made[BTC]["others"] == made[ETH]["total"] != 0
        assert made[BTC]["residual"] == made[ETH]["residual"] == 0
    stage.fill("ask", "0.002")
    await stage.wait(5)
    assert positions(stage) == believed(stage) == (Decimal("-0.002"), Decimal("0.05"))
    assert not [log for log in stage.logs if log["event"] in ("unknown_fill", "foreign_order")]
    result = await ends_well(stage)
    assert [coin["position"]["end"] for coin in result["coins"]] == ["-0.002", "0.05"]
    total = sum(Decimal(coin["pnl_usd"]["total"]) for coin in result["coins"])
    assert Decimal(result["pnl_usd"]["total"]) == total


async def test_a_loss_that_both_made_together_kills_both(stage: Stage) -> None:
    """Neither coin lost the day's budget; the account did."""
    opened(stage, usdc="10000")
    # 0.8 % of 10,000 USDC.
    tight = {"limits.daily_loss_frac": 0.008, "limits.risk_fraction": 0.007}
    # A stop would close each coin before the account's budget is lost.
    await quoting(stage, **tight, **{"protection.resident_stop": False})
    maker = stage.house.maker
    limit = {coin: stage.of(coin)["limits"]["lots"][0] for coin in (BTC, ETH)}
    assert all(limit.values())
    held = {BTC: "0.004", ETH: "0.12"}
    for coin, sz in held.items():
        wanted = Decimal(sz)
        while (left := wanted - stage.house.position(maker, coin)) > 0:
            rests = sum((Decimal(o["sz"]) for o in stage.resting("B", coin)), Decimal(0))
            if rests:
                stage.fill("bid", min(left, rests), coin=coin)
            await stage.wait(5)
    before = stage.of(BTC)["account_value"]
    fallen = {BTC: Decimal("88571.5"), ETH: Decimal(ETH_MID)}
    while stage.of(BTC)["kill"] is None or stage.of(ETH)["kill"] is None:
        fallen = {coin: mid * Decimal("0.99") for coin, mid in fallen.items()}
        stage.house.book(f"{fallen[BTC]:.0f}", coin=BTC)
        stage.house.book(f"{fallen[ETH]:.1f}", coin=ETH, sz="0.01", deep="100")
        await stage.wait(2)
        assert fallen[BTC] > 50_000, "no kill"
    result = await stage.ends(Exit.RISK)
    assert result["kill"]["reason"] == "daily_loss"
    budget = Decimal("0.008") * before / 10**6
    lost = [-Decimal(coin["pnl_usd"]["total"]) for coin in result["coins"]]
    assert all(0 < one < budget for one in lost), (lost, budget)
    assert sum(lost) >= budget
    assert positions(stage) == FLAT
    assert [verdict.breaches for verdict in verdicts(stage)] == [[], []]
    assert "stopped by daily_loss" in str(await stage.refused())


async def holding_both(stage: Stage, held: dict[str, str]) -> None:
    """Takers fill our bids until each coin holds as much, and each has its stop."""
    for coin, sz in held.items():
        while (left := Decimal(sz) - stage.house.position(stage.house.maker, coin)) > 0:
            rests = sum((Decimal(o["sz"]) for o in stage.resting("B", coin)), Decimal(0))
            if rests:
                stage.fill("bid", min(left, rests), coin=coin)
            await stage.wait(5)
    await stage.until(
        lambda: all(stage.of(coin)["resident"]["suits"] for coin in held), longest_s=20
    )
    await stage.until(lambda: len(stage.stops) == len(held), 10)


async def test_each_coin_has_its_own_stop_and_all_share_one_budget(stage: Stage) -> None:
    """Both fall at once, and nobody is there: what all stops lose is what the account may lose."""
    opened(stage)
    await quoting(stage)
    await holding_both(stage, {BTC: "0.004", ETH: "0.12"})
    stops = {stop["coin"]: stop for stop in stage.stops}
    assert set(stops) == {BTC, ETH}
    budget, may_lose = Decimal(500), Decimal(0)
    for perp, mid in zip(PERPS, ("88571.5", ETH_MID), strict=True):
        away = Decimal(mid) - Decimal(stops[perp.coin]["triggerPx"])
        limit = Decimal(stage.of(perp.coin)["limits"]["lots"][0]).scaleb(-perp.sz_decimals)
        assert away > 0
        may_lose += away * limit
    assert budget * Decimal("0.7") < may_lose < budget
    # A coin that holds nothing has none; the other keeps its own.
    stage.fill("ask", "0.12", coin=ETH)
    await stage.until(lambda: [stop["coin"] for stop in stage.stops] == [BTC], 10)
    assert stage.stops[0]["cloid"] == stops[BTC]["cloid"]
    await stage.until(lambda: stage.of(ETH)["resident"]["none"] == "flat", 10)
    await ends_well(stage)


async def test_a_host_of_two_coins_that_dies_loses_no_more_than_the_budget(stage: Stage) -> None:
    """Each coin's bids make its position larger on the way down; each stop closes its own."""
    opened(stage)
    await quoting(stage)
    held = {BTC: "0.004", ETH: "0.12"}
    await holding_both(stage, held)
    maker = stage.house.maker

    def equity() -> Decimal:
        state = stage.house.ask(type="clearinghouseState", user=maker.address)
        return Decimal(state["marginSummary"]["accountValue"])

    before = equity()
    await stage.vanish()
    for step in range(1, 31):
        share = 1 - Decimal(step) / 100
        stage.house.book(f"{Decimal('88571.5') * share:.0f}", coin=BTC)
        stage.house.book(f"{Decimal(ETH_MID) * share:.1f}", coin=ETH, sz="0.01", deep="100")
        await stage.wait(2)
    assert positions(stage) == FLAT
    assert stage.stops == []
    assert Decimal(0) < before - equity() <= Decimal(500)


async def test_what_one_coin_latches_ends_all_of_them(stage: Stage) -> None:
    """ETH's position is not what its fills say: the latch is the account's, BTC closes as well."""
    opened(stage)
    await quoting(stage, **{"control.kill_unexplained_s": 5.0})
    stage.fill("bid", "0.002")
    await stage.wait(2)

    def without_eth(message: Json) -> list[Json]:
        rows = message["data"]["fills"] if message["channel"] == "userFills" else []
        return [] if any(fill["coin"] == ETH for fill in rows) else [message]

    stage.net.rewrites["user"] = without_eth
    hidden = stage.net.meddle(
        lambda query: str(query.get("type")).startswith("userFills"), answer=(502, "")
    )
    stage.fill("bid", "0.05", coin=ETH)
    await stage.until(lambda: stage.of(ETH)["kill"] is not None)
    await stage.until(lambda: stage.of(BTC)["kill"] is not None, 2.0)
    assert stage.of(ETH)["kill"]["reason"] == "position_unexplained"
    assert stage.of(BTC)["kill"]["reason"] == "other_coin"
    hidden.stop()
    stage.net.rewrites.clear()
    stage.net.cut("user")
    result = await stage.ends(Exit.RISK)
    assert (result["kill"]["reason"], result["kill"]["coin"]) == ("position_unexplained", ETH)
    assert positions(stage) == FLAT
    refused = str(await stage.refused())
    assert "position_unexplained" in refused
    assert "ETH" in refused


async def test_the_operators_kill_is_for_all_coins(stage: Stage) -> None:
    opened(stage)
    await quoting(stage)
    stage.fill("bid", "0.002")
    stage.fill("ask", "0.05", coin=ETH)
    await stage.wait(2)
    said = await ask({"ask": "kill", "why": "fat finger"})
    assert (said["reason"], said["detail"]) == ("manual", "fat finger")
    await stage.ends(Exit.RISK)
    assert positions(stage) == FLAT


async def test_a_market_that_falls_silent_stops_its_own_coin_alone(stage: Stage) -> None:
    opened(stage)
    await quoting(stage)
    stage.fill("bid", "0.05", coin=ETH)
    await stage.wait(2)

    def mute(message: Json) -> list[Json]:
        about = message["data"]
        first = about[0] if isinstance(about, list) else about
        return [] if first.get("coin") == ETH else [message]

    stage.net.rewrites["market"] = mute
    await stage.until(lambda: not stage.resting("B", ETH))
    mark = stage.mark()
    for mid in ("88600.5", "88650.5", "88600.5"):
        stage.crowd(mid)
        await stage.wait(10)
        assert is_two_sided(stage, BTC)
    assert stage.of(BTC)["mode"] in ("normal", "widen")
    assert stage.of(ETH)["suppressed"]["bid"] is not None
    own = [order for one in stage.received(since=mark) for order in one.orders]
    assert own
    assert {order["a"] for order in own} == {0}
    assert stage.of(ETH)["kill"] is None
    stage.net.rewrites.clear()
    stage.house.book("3002.5", coin=ETH, sz="0.01", deep="100")
    await stage.until(lambda: is_two_sided(stage, ETH))
    await ends_well(stage)


async def test_after_kill_9_both_are_taken_up_where_they_were(stage: Stage) -> None:
    opened(stage)
    await quoting(stage)
    stage.fill("bid", "0.002")
    stage.fill("ask", "0.05", coin=ETH)
    await stage.wait(2)
    limits = {perp.coin: stage.of(perp.coin)["limits"]["lots"] for perp in PERPS}
    await stage.vanish()
    assert is_two_sided(stage, BTC)
    assert is_two_sided(stage, ETH)
    # Filled while nobody runs.
    stage.fill("ask", "0.001")
    stage.fill("bid", "0.02", coin=ETH)
    before = positions(stage)
    assert before == (Decimal("0.001"), Decimal("-0.03"))
    mark = stage.mark()
    await quoting(stage)
    assert believed(stage) == before
    first = next(i for i, one in enumerate(stage.received(since=mark)) if one.orders)
    cancelled = [
        cancel["a"]
        for one in stage.received("cancel", since=mark)[:first]
        for cancel in one.action["cancels"]
    ]
    assert set(cancelled) == {0, 1}, "the orders of both were cancelled before the first of ours"
    restored = {log["coin"]: log["lots"] for log in stage.logs if log["event"] == "limit_restored"}
    assert {coin: pytest.approx(lots, rel=0.01) for coin, lots in limits.items()} == restored
    with_fills = {log["coin"] for log in stage.logs if log["event"] == "filled_while_away"}
    assert with_fills == {BTC, ETH}
    assert not [log for log in stage.logs if log["event"] == "position_corrected"]
    await ends_well(stage)


async def test_every_cloid_of_a_session_is_one_orders(stage: Stage) -> None:
    opened(stage)
    await quoting(stage)
    for mid in ("88700.5", "88500.5"):
        stage.crowd(mid)
        await stage.wait(5)
    asset_of: dict[str, int] = {}
    for one in stage.received("order"):
        for order in one.orders:
            assert asset_of.setdefault(order["c"], order["a"]) == order["a"]
    assert set(asset_of.values()) == {0, 1}
    await ends_well(stage)


async def test_requests_are_spent_from_one_budget(stage: Stage) -> None:
    """What ETH spends raises the price of a request for BTC, and a fill of ETH earns for both."""
    opened(stage)
    # Each step of ETH is beyond the tolerance, and reaches no quote.
    await quoting(stage, quoting__max_bps_diff=1.0)
    for step in range(6):
        stage.house.book(f"{3000.5 + 0.6 * (step % 2):.1f}", coin=ETH, sz="0.01", deep="100")
        await stage.wait(3)
    ledgers = [stage.of(coin)["requests"] for coin in (BTC, ETH)]
    sent = sum(stage.of(coin)["counts"]["requests"] for coin in (BTC, ETH))
    assert [ledger["sent"] for ledger in ledgers] == [sent, sent]
    assert stage.of(ETH)["counts"]["requests"] > 1.5 * stage.of(BTC)["counts"]["requests"]
    for key in ("used", "cap", "left", "price_usd"):
        assert ledgers[0][key] == pytest.approx(ledgers[1][key], abs=1e-9), key
    assert ledgers[0]["debt"] == pytest.approx(ledgers[1]["debt"], abs=0.5)
    # Nobody else uses the address.
    assert [ledger["others"] for ledger in ledgers] == [0, 0]
    stage.fill("bid", "0.05", coin=ETH)
    await stage.wait(2)
    earned = [stage.of(coin)["requests"]["earned"] for coin in (BTC, ETH)]
    assert earned[0] == earned[1] > 100
    result = await ends_well(stage)
    assert result["requests"] == sum(coin["requests"] for coin in result["coins"])


async def test_scarcity_is_shared(stage: Stage) -> None:
    """With only the reserve left, neither coin spends what can wait."""
    opened(stage)
    stage.net.meddle(
        lambda query: query.get("type") == "userRateLimit",
        reword=lambda said: {**said, "nRequestsUsed": said["nRequestsCap"] - 400},
    )
    stage.begin(**COINS)
    await stage.until(lambda: all(is_two_sided(stage, perp.coin) for perp in PERPS))
    await stage.wait(5)
    mark = stage.mark()
    stage.house.book("3000.4", coin=ETH, sz="0.01", deep="100")
    stage.crowd("88571.0")
    await stage.wait(5)
    assert [stage.of(coin)["requests"]["supply"] for coin in (BTC, ETH)] == ["reserve"] * 2
    assert stage.mark() - mark <= 2
    await ends_well(stage)


async def test_each_log_gives_its_own_decisions_again(stage: Stage) -> None:
    opened(stage)
    await quoting(stage)
    stage.fill("bid", "0.05", coin=ETH)
    await stage.wait(3)
    result = await ends_well(stage)
    run = newest_run()
    assert run == stage.run_dir
    assert [path.name for path in logs(run)] == [BTC, ETH]
    for path, summary in zip(logs(run), result["coins"], strict=True):
        again = replay(read_run(path)[1])
        assert (again.coin, again.difference) == (path.name, None)
        assert again.decision_hash == summary["decision_hash"]
        assert json.loads((path / "summary.json").read_text()) == summary
    assert "other_coins" in read_run(run / BTC)[1].decode()


async def test_status_reconcile_and_metrics_know_every_coin(stage: Stage, tmp_path: Path) -> None:
    opened(stage)
    await quoting(stage)
    stage.fill("bid", "0.05", coin=ETH)
    await stage.wait(3)
    said = await ask({"ask": "status"})
    held = {one["standing"]["coin"]: one["standing"]["position"] for one in said["coins"]}
    assert held == {BTC: "0", ETH: "0.05"}
    found = await ask({"ask": "reconcile"})
    assert found["agrees"] is True
    assert [one["coin"] for one in found["coins"]] == [BTC, ETH]
    await ends_well(stage)
    with StateDir.open("paper", "default") as state:
        kept = state.store.read("status")
    assert kept is not None
    assert [one["standing"]["coin"] for one in json.loads(kept[0])["coins"]] == [BTC, ETH]


async def test_a_setting_of_one_coin_is_its_own(stage: Stage) -> None:
    """`[coin.ETH.limits]` and the like, down to what is sent."""
    opened(stage)
    whole = {
        "process": {"coins": [BTC, ETH], "speed": 1.0, "watchdog": "off", "metrics_port": 0},
        "control": {"observe_book_s": 0.5, "observe_deadline_s": 1.0, "quote_min_s": 0.0},
        "coin": {
            ETH: {
                "limits": {"position_cap_usd": 600.0},
                "quoting": {"levels": 2},
                "account": {"leverage": 7},
            }
        },
    }
    config = parse(whole, "mm.toml")
    options = Options(config, "http://stage", None, screen=False, as_json=True)
    stage._run = asyncio.ensure_future(stage._make_markets(options))
    await stage.until(
        lambda: len(stage._engine_of) == 2 and is_two_sided(stage, ETH) and is_two_sided(stage, BTC)
    )
    await stage.wait(3)
    assert stage.of(ETH)["limits"]["binding"] == ["position_cap_usd"] * 2
    assert "position_cap_usd" not in stage.of(BTC)["limits"]["binding"]
    assert len(stage.resting("B", ETH)) <= 2 < len(stage.resting("B", BTC))
    leverages = {
        one.action["asset"]: one.action["leverage"] for one in stage.received("updateLeverage")
    }
    assert leverages == {1: 7}
    await ends_well(stage)


async def test_a_coin_that_is_delisted_takes_itself_out_and_the_others_go_on(stage: Stage) -> None:
    acts = [{"at_s": 40.0, "act": {"delisting": {}}}]
    opened(stage, faults={"acts": acts})
    await quoting(stage)
    stage.fill("bid", "0.002")
    stage.fill("ask", "0.05", coin=ETH)
    await stage.wait(41 - stage.house.now_s())
    assert positions(stage) == believed(stage) == (Decimal(0), Decimal("-0.05"))
    await stage.until(lambda: [log for log in stage.logs if log["event"] == "coin_delisted"], 90)
    mark = stage.mark()
    for mid in ("3001.5", "3000.5", "3002.5"):
        await stage.wait(40)
        stage.house.book(mid, coin=ETH, sz="0.01", deep="100")
        await stage.until(lambda: is_two_sided(stage, ETH))
    assert stage.code is None, "ETH is quoted on"
    assert stage.of(BTC)["not_quoting"] == "market_stale"
    assert {o["a"] for one in stage.received(since=mark) for o in one.orders} == {1}
    assert [log["coin"] for log in stage.logs if log["event"] == "coin_delisted"] == [BTC], "once"
    assert stage.of(ETH)["kill"] is None
    result = await stage.stop()
    assert positions(stage)[0] == 0
    assert result["exit_reason"] == "sigterm"
    assert result["pnl_usd"]["residual"] == "0"
    assert [v.breaches for v in verdicts(stage)] == [[], []]
