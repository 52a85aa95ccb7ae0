"""Faults of the exchange's own plan, as `mm exchange --faults` has them, and the maker in them."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from mm.hyperliquid.http import HttpClient
from mm.paper.process import ask_clock
from mm.paper.venue import open_given
from mm.state import StateDir
from mm.venue import Venue
from stage.house import START_MS, Json
from stage.script import Stage

AT_S = 30.0
"""When it goes wrong: the maker quotes by then."""
GONE_S = 17.0
"""Market data counts as gone after 15 s; cancels take a moment."""
NOTICED_S = 45.0
"""A line that is dead is noticed after ping and pong, and then opened again."""
POST_ONLY = "Only post-only orders allowed"


def plan(*script: Json, acts: tuple[Json, ...] = ()) -> Json:
    """All of it at `AT_S`."""
    return {
        "script": [{"at_s": AT_S, "fault": fault} for fault in script],
        "acts": [{"at_s": AT_S, "act": act} for act in acts],
    }


FOLLOWS_BPS = 1.0
"""A tolerance that each step of the crowd is beyond."""
STEPS = ("88589", "88571.5", "88554")
"""Where the crowd goes; never as far as to a quote."""


async def struck(
    stage: Stage,
    faults: Json,
    position: str | None = None,
    start_ms: int = START_MS,
    **settings: object,
) -> int:
    """A maker that quotes both sides, a moment after it went wrong; returns what was received."""
    stage.open(faults=faults, start_ms=start_ms)
    if position is not None:
        stage.inherit(position)
    await stage.quoting(**settings)
    assert stage.house.now_s() < AT_S - 1
    await stage.wait(AT_S - 0.5 - stage.house.now_s())
    mark = stage.mark()
    await stage.wait(1.0)
    return mark


def levels(stage: Stage) -> tuple[int, int]:
    return len(stage.bids), len(stage.asks)


def happened(stage: Stage, kind: str) -> int:
    return stage.house.exchange.fault_counts().get(kind, 0)


async def test_what_a_dead_line_did_not_tell_is_asked_for_at_the_end(stage: Stage) -> None:
    """Funding and a deposit behind a line that nobody has found dead: the books close with both."""
    acts = ({"funding": {"usd": -1.25}}, {"transfer": {"usd": 300.0}})
    faults = plan({"half_open": {"lines": "user", "for_s": 60.0}})
    faults["acts"] = [{"at_s": AT_S + 1, "act": act} for act in acts]
    await struck(stage, faults, position="0.02")
    stage.fill("ask", "0.001")
    await stage.wait(0.6)
    assert stage.shown["pnl"]["funding"] == 0, "nothing of it was heard"
    result = await stage.ends_well()
    assert Decimal(result["pnl_usd"]["funding"]) == Decimal("-1.25")


@pytest.mark.parametrize("lines", ["market", "user", "orders", "all"])
async def test_lines_that_are_half_open(stage: Stage, lines: str) -> None:
    """Nobody hung up and no pong comes: noticed, opened again, and every fill found once."""
    await struck(stage, plan({"half_open": {"lines": lines, "for_s": 5.0}}))
    stage.fill("bid", "0.001")
    # Not where the maker knows it to be, so that it has something to send.
    stage.crowd("88600")
    if lines in ("market", "all"):
        await stage.wait(GONE_S)
        assert levels(stage) == (0, 0), "the book may be any age"
    await stage.until(lambda: stage.believed == stage.position == Decimal("0.001"), NOTICED_S)
    await stage.wait(NOTICED_S)
    await stage.two_sided()
    assert stage.shown["counts"]["stranger_fills"] == 0
    assert happened(stage, "half_open") == 1
    await stage.ends_well()


async def test_a_book_that_repeats_itself_is_no_sign_of_life(stage: Stage) -> None:
    """Frames come, each with the time and the levels of the first: pulled as if none came."""
    stage.open(faults=plan({"stale_book": {"for_s": 60.0}}))
    await stage.quoting()
    await stage.wait(AT_S + 1 - stage.house.now_s())
    stage.house.cancel(stage.house.crowd)
    stage.crowd("87500")
    mark = stage.mark()
    await stage.wait(GONE_S)
    assert levels(stage) == (0, 0)
    assert stage.shown["not_quoting"] == "market_stale"
    await stage.wait(AT_S + 55 - stage.house.now_s())
    late = [r for r in stage.received("order", "batchModify", since=mark) if r.at_s > AT_S + GONE_S]
    assert late == []
    await stage.wait(10)
    await stage.two_sided()
    assert all(Decimal(bid["limitPx"]) < 87_500 for bid in stage.bids)
    await stage.ends_well()


@pytest.mark.parametrize("by_s", [-5.0, 5.0])
async def test_a_clock_that_steps(stage: Stage, by_s: float) -> None:
    """The announced clock jumps and jumps back: no request expires, no nonce is refused."""
    await struck(stage, plan({"clock_skew": {"by_s": by_s, "for_s": 60.0}}))
    for number in range(12):
        stage.fill("ask" if number % 2 else "bid", "0.0005")
        stage.crowd("88600" if number % 2 else "88571.5")
        await stage.wait(8)
    await stage.two_sided()
    assert stage.shown["counts"]["rejected"] == 0
    assert stage.shown["counts"]["stranger_fills"] == 0
    await stage.ends_well()


@pytest.mark.parametrize("as_news", [False, True])
@pytest.mark.parametrize("feed", ["fills", "account", "money", "orders"])
async def test_first_frames_that_come_again(stage: Stage, feed: str, as_news: bool) -> None:
    """Old fills, payments and states, with or without the word that they are old: nothing moves."""
    faults = plan({"snapshot_replay": {"feed": feed, "as_news": as_news}})
    mark = await struck(stage, faults, position="0.01")
    await stage.wait(5)
    assert happened(stage, "snapshot_replay") == 1
    assert stage.believed == stage.position == Decimal("0.01")
    assert stage.shown["kill"] is None
    assert stage.shown["counts"]["discontinuities"] == 0
    assert stage.received("order", "cancelByCloid", "cancel", since=mark) == []
    await stage.ends_well()


@pytest.mark.parametrize("of", ["place", "modify"])
async def test_single_orders_of_batches_that_fail(stage: Stage, of: str) -> None:
    """What failed is not thought to rest, the rest is not sent twice; then all of it is back."""
    faults = plan({"partial_batch": {"of": of, "count": 3}})
    if of == "place":
        faults["script"][0]["at_s"] = 0
    stage.open(faults=faults)
    # As many orders at the exchange as the maker knows of, all the while.
    most = 0
    stage.begin(quoting__max_bps_diff=FOLLOWS_BPS)
    await stage.wait(AT_S)
    for number in range(10):
        stage.crowd(STEPS[number % 3])
        await stage.wait(4)
        rests = sum(levels(stage))
        assert rests == len(stage.shown["orders"])
        most = max(most, rests)
    await stage.two_sided()
    assert happened(stage, "partial_batch") == 3
    assert sum(levels(stage)) == most
    cloids = [order["c"] for r in stage.received("order") for order in r.orders]
    assert len(cloids) == len(set(cloids)), "a place is never repeated"
    assert stage.shown["counts"]["rejected"] >= 3
    assert stage.shown["counts"]["stranger_fills"] == 0
    await stage.ends_well()


async def test_single_cancels_of_a_batch_that_fail(stage: Stage) -> None:
    """Nothing is to rest, and some of it does: cancelled again until none is left."""
    silent = {"silent_stream": {"feed": "market", "for_s": 40.0}}
    faults = plan(silent, {"partial_batch": {"of": "cancel", "count": 2}})
    mark = await struck(stage, faults)
    await stage.wait(GONE_S + 5)
    assert happened(stage, "partial_batch") == 2
    assert levels(stage) == (0, 0)
    cancels = [len(r.action["cancels"]) for r in stage.received("cancelByCloid", since=mark)]
    assert len(cancels) >= 3
    assert cancels == sorted(cancels, reverse=True), "what was cancelled is not cancelled again"
    await stage.wait(30)
    await stage.two_sided()
    await stage.ends_well()


async def test_an_oracle_that_jumps(stage: Stage) -> None:
    """The book stays where it is, and so do the quotes: no price of ours reads the oracle."""
    faults = plan(acts=({"oracle_jump": {"frac": 0.05, "for_s": 20.0}},))
    mark = await struck(stage, faults, position="0.01")
    resting = [stage.bids, stage.asks]
    await stage.wait(10)
    context = stage.house.ask(type="metaAndAssetCtxs")[1][0]
    assert float(context["oraclePx"]) > 1.04 * float(context["midPx"])
    assert [stage.bids, stage.asks] == resting
    assert stage.received("order", "batchModify", "cancelByCloid", since=mark) == []
    await stage.wait(15)
    await stage.ends_well()


async def test_a_funding_rate_that_spikes_over_the_hour(stage: Stage) -> None:
    """A hundredth of the position is paid at once: booked as funding, and the books close."""
    spike = {"funding_spike": {"rate_per_h": 0.01, "for_s": 60.0}}
    await struck(stage, plan(acts=(spike,)), position="0.02", start_ms=1_700_002_800_000 - 60_000)
    await stage.wait(40)
    paid = stage.house.ask(
        type="userFunding", user=stage.house.maker.address, startTime=stage.house.start_ms
    )
    assert [row["delta"]["fundingRate"] for row in paid] == ["0.01"]
    await stage.two_sided()
    result = await stage.ends_well()
    assert Decimal(result["pnl_usd"]["funding"]) == Decimal(paid[0]["delta"]["usdc"])
    assert Decimal(result["pnl_usd"]["funding"]) < -15


async def test_a_period_of_post_only_orders(stage: Stage) -> None:
    """A kill that must close while no order may take: asked for once a minute, then it is flat."""
    faults = plan(acts=({"post_only": {"for_s": 150.0}},))
    stage.open(faults=faults)
    stage.inherit("0.05")
    await stage.quoting(control__kill_deadline_s=600.0)
    await stage.wait(AT_S + 1 - stage.house.now_s())
    mark = stage.mark()
    await stage.kill_by_hand()
    await stage.wait(AT_S + 148 - stage.house.now_s())
    tried = [r for r in stage.received(since=mark) for o in r.orders if o["t"] != ALO]
    assert 1 <= len(tried) <= 4, "believed for recovery.post_only_s each time"
    assert all(o["r"] for r in stage.received(since=mark) for o in r.orders)
    assert len(stage.asks) == 1, "what reduces goes on, post-only"
    assert stage.bids == []
    await stage.ends(4)
    assert stage.position == 0


ALO = {"limit": {"tif": "Alo"}}


async def test_a_coin_that_is_delisted(stage: Stage) -> None:
    """The venue cancels and settles: known as its doing, nothing is tried again, the run ends."""
    stage.open(faults=plan(acts=({"delisting": {}},)))
    stage.inherit("0.02")
    await stage.quoting()
    await stage.wait(AT_S + 1 - stage.house.now_s())
    assert stage.position == stage.believed == 0
    assert (stage.bids, stage.asks) == ([], [])
    counts = stage.shown["counts"]
    assert (counts["forced_fills"], counts["stranger_fills"]) == (1, 0)
    mark = stage.mark()
    result = await stage.ends(3)
    assert result["exit_reason"].startswith("VenueError: coin BTC is delisted at ")
    assert stage.house.now_s() < AT_S + 60
    assert [order for r in stage.received(since=mark) for order in r.orders] == []
    assert result["position"]["end"] == "0"
    assert result["pnl_usd"]["residual"] == "0"


@pytest.mark.parametrize("kind", ["duplicate_frame", "reorder_frame"])
async def test_frames_that_come_twice_or_late(stage: Stage, kind: str) -> None:
    """Every frame of the account for a while: each fill moves the position once."""
    by = {"by_s": 2.0} if kind == "reorder_frame" else {}
    await struck(stage, plan({kind: {"feed": "user", "count": 60, **by}}))
    for number in range(8):
        stage.fill("bid" if number % 2 else "ask", "0.0005")
        await stage.wait(4)
    await stage.wait(10)
    assert stage.believed == stage.position == 0
    assert happened(stage, kind) > 40
    assert stage.shown["counts"]["stranger_fills"] == 0
    await stage.two_sided()
    await stage.ends_well()


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_errors_of_http(stage: Stage, status: int) -> None:
    """Whatever is not an answer is one refusal: waited for, never repeated blindly."""
    fault = (
        {"http429": {"count": 5}} if status == 429 else {"http5xx": {"count": 5, "status": status}}
    )
    await struck(stage, plan(fault), quoting__max_bps_diff=FOLLOWS_BPS)
    before = levels(stage)
    for number in range(10):
        stage.crowd(STEPS[number % 3])
        await stage.wait(4)
        assert max(levels(stage)) <= max(before)
    await stage.wait(60)
    await stage.two_sided()
    assert happened(stage, next(iter(fault))) == 5
    await stage.ends_well()


@pytest.mark.parametrize("is_live", [True, False])
async def test_a_venue_that_is_away_for_longer_than_a_paper_exchange_may_be(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, is_live: bool
) -> None:
    """A live one is waited for, and quoted on again; a paper exchange is gone with its account."""

    async def opened(base_url: str, state: StateDir, coin: str) -> Venue:
        venue = await open_given(base_url, state, coin)
        return replace(venue, paper=None) if is_live else venue

    async def asked(http: HttpClient) -> Any:  # noqa: ANN401 - an instance of None is none of its
        # A live venue has no instance; this one still has its clock.
        announced = await ask_clock(http)
        return SimpleNamespace(instance=None, time_ns=announced.time_ns) if is_live else announced

    monkeypatch.setattr("mm.run.open_given", opened)
    monkeypatch.setattr("mm.run.ask_clock", asked)
    stage.open(faults=plan({"disconnect": {"for_s": 40.0}}))
    await stage.quoting()
    if not is_live:
        result = await stage.ends(3)
        assert "did not come back within 10 s" in result["exit_reason"]
        return
    await stage.wait(AT_S + 20 - stage.house.now_s())
    assert levels(stage) == (0, 0), "the book may be any age"
    await stage.wait(25)
    await stage.two_sided()
    await stage.ends_well()


async def test_a_book_that_is_old_under_a_new_time_costs_a_bounded_loss(stage: Stage) -> None:
    """Nothing tells it from a still market but what it costs: limit and guards bound that."""
    stage.open(faults=plan({"stale_book": {"for_s": 120.0, "restamped": True}}))
    await stage.quoting()
    await stage.wait(AT_S + 1 - stage.house.now_s())
    limit, most = stage.limit(), Decimal(0)
    for step in range(20):
        stage.house.cancel(stage.house.crowd)
        stage.crowd(f"{88_400 - 20 * step}")
        # Whoever sees the true book hits what we leave above it.
        own = [row for row in stage.bids if Decimal(row["limitPx"]) > Decimal(stage.mid)]
        if own:
            stage.house.place(
                stage.house.taker,
                ("ask", Decimal(own[-1]["limitPx"]), sum(Decimal(r["sz"]) for r in own), "Ioc"),
            )
        await stage.wait(4)
        most = max(most, stage.position)
    assert 0 < most <= limit
    assert stage.shown["kill"] is None or stage.shown["kill"]["reason"] == "daily_loss"
    await stage.wait(60)
    result = await stage.ends_well()
    assert Decimal(result["pnl_usd"]["total"]) > -200, (
        "two percent of the account: the day's budget"
    )
