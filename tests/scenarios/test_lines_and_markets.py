"""Requests that hang, sockets that are dead, streams that fall silent, books that cannot be."""

from decimal import Decimal

import pytest

from mm._core import Action
from mm.errors import InvariantError
from mm.hyperliquid.gateway import Gateway
from mm.lease import TERM_S
from stage.house import Json
from stage.script import Stage
from stage.virtual import virtual_loop

# Market data counts as gone after this, and a dead line is noticed after ping and pong at most.
GONE_S = 15.0
NOTICED_S = 35.0
# Of an action, as configured.
EXPIRES_AFTER_S = 10.0


def levels(stage: Stage) -> tuple[int, int]:
    return len(stage.bids), len(stage.asks)


def is_quote(request: Json) -> bool:
    waits = any("trigger" in order["t"] for order in request.get("orders", ()))
    return request.get("type") in ("order", "batchModify") and not waits


async def test_http_that_hangs_after_the_exchange_acted(stage: Stage) -> None:
    """Orders are carried out and no answer comes: none is repeated, none is forgotten."""
    stage.open()
    await stage.quoting()
    before = levels(stage)
    hung = stage.net.meddle(is_quote, answered=False)
    stage.fill("bid", "0.001")
    for mid in ("88600", "88560", "88590", "88550", "88580"):
        stage.crowd(mid)
        await stage.wait(4)
        assert levels(stage) <= before
    assert hung.happened > 0
    hung.stop()
    await stage.wait(20)
    assert levels(stage) == before
    assert stage.shown["counts"]["lost_replies"] == hung.happened
    assert stage.shown["counts"]["stranger_fills"] == 0
    await stage.ends_well()


async def test_http_that_hangs_before_the_exchange_saw_it(stage: Stage) -> None:
    """The request is lost on its way: its nonce is burnt, so it cannot be carried out late."""
    stage.open()
    lost = stage.net.meddle(is_quote, arrives=False, answered=False)
    stage.begin()
    await stage.until(lambda: lost.happened)
    assert levels(stage) == (0, 0)
    await stage.wait(7)
    burnt = stage.received("noop")
    assert burnt
    lost.stop()
    await stage.two_sided()
    assert not {r.nonce for r in stage.received("order")} & {r.nonce for r in burnt}
    await stage.ends_well()


async def test_orders_that_only_the_exchange_knows_go_before_a_new_one_comes(stage: Stage) -> None:
    """A place arrives, its answer and both lines are lost: it is cancelled by what is found."""
    stage.open()
    lost = stage.net.meddle(lambda r: r.get("type") == "order", answered=False, times=1)
    stage.begin()
    await stage.until(lambda: lost.happened)
    stage.net.is_reachable = False
    # Not the order line: it has nothing to say, so nobody knows yet that the answer is lost.
    stage.net.cut("user", "market")
    await stage.wait(1)
    unheard = {order["oid"] for order in stage.bids + stage.asks}
    assert unheard
    mark = stage.mark()
    stage.net.is_reachable = True
    # What is not heard of makes a book look two-sided: first it goes, then there are new ones.
    await stage.until(lambda: not unheard & {row["oid"] for row in stage.bids + stage.asks})
    await stage.two_sided()
    since = stage.received(since=mark)
    by_oid = [n for n, r in enumerate(since) if r.kind == "cancel" and unheard <= oids(r.action)]
    quotes = [n for n, r in enumerate(since) if r.orders]
    assert by_oid, "nobody cancelled it by what the exchange calls it"
    assert by_oid[0] < quotes[0]
    await stage.ends_well()


async def test_after_standing_still_nothing_that_may_increase_comes_before_all_was_asked(
    stage: Stage,
) -> None:
    """Frames wait, the lines are up, and others may have traded for us: first of all we ask."""
    stage.open()
    await stage.quoting()
    slow = stage.net.meddle(lambda r: r.get("type") == "userFills", after_s=3.0)
    mark = stage.mark()
    virtual_loop().skip(TERM_S + 1)
    stage.house.catch_up()
    for mid in ("88600", "88620"):
        stage.crowd(mid)
    await stage.until(lambda: slow.happened)
    await stage.wait(2.5)
    assert [o for r in stage.received(since=mark) for o in r.orders if not o["r"]] == []
    await stage.two_sided()
    assert [r.orders for r in stage.received(since=mark) if r.orders] != []
    await stage.ends_well()


async def test_what_a_stopped_process_sends_late_is_void(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between deciding and sending: the order leaves later and comes to nothing."""
    dispatch = Gateway.dispatch
    stops = [True]

    def stopped(gateway: Gateway, action: Action, decided_ns: int) -> int:
        if action.kind != "cancel" and stops:
            stops.clear()
            virtual_loop().skip(EXPIRES_AFTER_S + 1)
            stage.house.catch_up()
        return dispatch(gateway, action, decided_ns)

    stage.open()
    await stage.quoting()
    monkeypatch.setattr(Gateway, "dispatch", stopped)
    mark = stage.mark()
    stage.crowd("88600")
    await stage.until(lambda: any(r.orders for r in stage.received(since=mark)))
    late = next(r for r in stage.received(since=mark) if r.orders)
    assert late.expires_ms is not None
    assert late.expires_ms < stage.house.start_ms + late.at_s * 1_000
    assert stops == []
    await stage.two_sided()
    await stage.ends_well()


def oids(action: Json) -> set[int]:
    """What a cancel names."""
    return {cancel["o"] for cancel in action["cancels"]}


async def test_a_half_open_account_line(stage: Stage) -> None:
    """Nobody hung up and nothing comes: noticed by the missing pong, the fill found once."""
    stage.open()
    await stage.quoting()
    stage.net.mute("user")
    stage.fill("bid", "0.001")
    await stage.until(lambda: stage.believed == stage.position, NOTICED_S)
    await stage.until(lambda: len(stage.net.of("user")) == 1 and not stage.net.of("user")[0].mute)
    await stage.two_sided()
    assert stage.believed == stage.position == Decimal("0.001")
    assert stage.shown["counts"]["stranger_fills"] == 0
    await stage.ends_well()


async def test_a_half_open_market_line(stage: Stage) -> None:
    """The book may be any age: pulled at its deadline, quoted again on a new line."""
    stage.open()
    await stage.quoting()
    stage.net.mute("market")
    await stage.wait(GONE_S + 2)
    assert levels(stage) == (0, 0)
    await stage.until(
        lambda: stage.net.of("market") and not stage.net.of("market")[0].mute, NOTICED_S
    )
    await stage.two_sided()
    await stage.ends_well()


async def test_only_the_market_stream_is_silent(stage: Stage) -> None:
    """Pongs come, the account speaks, the market does not: no quote without a fresh book."""
    stage.open()
    await stage.quoting()
    stage.net.silence("market")
    await stage.wait(GONE_S + 2)
    assert levels(stage) == (0, 0)
    assert stage.shown["not_quoting"] == "market_stale"
    stage.net.speak("market")
    await stage.two_sided()
    await stage.ends_well()


async def test_only_book_and_touch_are_silent_while_the_price_runs(stage: Stage) -> None:
    """The context still comes, and shows a mid outside the touch we know: that touch is stale."""
    stage.open()
    await stage.quoting()
    stage.net.silence("market", "l2Book", "bbo", "trades")
    await stage.wait(GONE_S + 5)
    assert levels(stage) != (0, 0), "a still market is not a dead one"
    stage.house.cancel(stage.house.crowd)
    stage.house.book("87000")
    await stage.wait(GONE_S + 5)
    assert levels(stage) == (0, 0)
    stage.net.speak("market")
    await stage.two_sided()
    await stage.ends_well()


async def test_mids_that_disagree_with_the_book(stage: Stage) -> None:
    """Mids 2 % away, in the feed of all mids and in the context: no price of ours reads them."""
    stage.open()
    await stage.quoting()
    resting, before = [stage.bids, stage.asks], stage.mark()
    for _ in range(5):
        stage.net.push("market", "allMids", {"mids": {"BTC": "90343"}})
        await stage.wait(1)
    context = {"coin": "BTC", "ctx": stage.house.ask(type="metaAndAssetCtxs")[1][0]}
    context["ctx"]["midPx"] = "90343"
    for _ in range(5):
        stage.net.push("market", "activeAssetCtx", context)
        await stage.wait(1)
    assert [stage.bids, stage.asks] == resting
    assert stage.received("order", "batchModify", "cancelByCloid", since=before) == []
    await stage.ends_well()


async def test_a_crossed_book(stage: Stage) -> None:
    """A touch whose bid is above its ask prices nothing: pulled at once, back when it heals."""
    stage.open()
    await stage.quoting()

    def crossed(message: Json) -> list[Json]:
        data = message["data"]
        if message["channel"] == "bbo":
            data["bbo"] = data["bbo"][::-1]
        elif message["channel"] == "l2Book":
            data["levels"] = data["levels"][::-1]
        return [message]

    stage.net.rewrites["market"] = crossed
    before = stage.mark()
    stage.crowd("88600")
    await stage.wait(8)
    assert levels(stage) == (0, 0)
    quotes = stage.received("order", "batchModify", since=before)
    assert quotes == []
    del stage.net.rewrites["market"]
    stage.crowd("88601")
    await stage.two_sided()
    await stage.ends_well()


@pytest.mark.parametrize("what", ["NaN", "inf", "-1", ""])
async def test_numbers_that_are_none(stage: Stage, what: str) -> None:
    """A price that is no number reaches no estimate: its frame is skipped, quoting goes on."""
    stage.open()
    await stage.quoting()
    sigma, limit = stage.shown["sigma"], stage.limit()
    level = {"px": what, "sz": "1", "n": 1}
    for _ in range(5):
        time = stage.house.now_ns() // 1_000_000
        stage.net.push("market", "bbo", {"coin": "BTC", "time": time, "bbo": [level, level]})
        stage.net.push(
            "market", "l2Book", {"coin": "BTC", "time": time, "levels": [[level], [level]]}
        )
        trade = {"coin": "BTC", "side": "B", "px": what, "sz": "1", "time": time, "tid": 1}
        trade |= {"hash": "0x0", "users": ["0x0", "0x0"]}
        stage.net.push("market", "trades", [trade])
        # A good frame in between: what is unreadable once is no reason to leave.
        stage.crowd("88572" if stage.mid == "88571.5" else "88571.5")
        await stage.wait(1)
    assert stage.shown["sigma"] == pytest.approx(sigma, rel=0.2)
    assert stage.limit() == pytest.approx(limit, rel=Decimal("0.2"))
    assert levels(stage) != (0, 0)
    await stage.ends_well()


async def test_a_history_that_is_no_history(stage: Stage) -> None:
    """A candle without a number seeds nothing, and the start says so instead of quoting: exit 3."""
    stage.open()

    def spoilt(candles: Json) -> Json:
        candles[7]["c"] = "NaN"
        return candles

    stage.net.meddle(lambda q: q.get("type") == "candleSnapshot", reword=spoilt)
    stage.begin()
    await stage.ends(3)
    assert stage.received("order", "batchModify") == []


async def test_frames_that_nobody_can_read_end_the_run(stage: Stage) -> None:
    """Twenty in a row mean another venue or another protocol: cancelled and left, exit 5."""
    stage.open()
    await stage.quoting()
    stage.net.silence("market")
    for _ in range(20):
        stage.net.push("market", "trades", {"coin": "BTC", "gone": True})
    result = await stage.ends(5)
    assert result["exit_reason"].startswith(InvariantError.__name__)


@pytest.mark.parametrize("skew_s", [-5.0, 5.0])
async def test_a_clock_five_seconds_off(stage: Stage, skew_s: float) -> None:
    """Ages are between our own readings; expiry and nonces have room for the difference."""
    stage.open(skew_s=skew_s)
    await stage.quoting()
    for side in ("bid", "ask", "ask", "bid"):
        stage.fill(side, "0.0005")
        await stage.wait(5)
    assert stage.shown["counts"]["rejected"] == 0
    assert stage.shown["limits"]["source"] == "valid"
    await stage.ends_well()


async def test_a_place_without_an_answer_is_why_its_side_has_no_order(stage: Stage) -> None:
    """One level: nothing may stand beside an order whose fate is unknown, and the side says so."""
    stage.open()
    await stage.quoting(quoting__levels=1)
    lost = stage.net.meddle(lambda r: r.get("type") == "order", arrives=False, answered=False)
    stage.fill("bid", stage.bids[0]["sz"])
    await stage.until(lambda: stage.shown["suppressed"]["bid"] == "unanswered")
    assert stage.bids == []
    lost.stop()
    await stage.until(lambda: stage.bids)
    assert stage.shown["suppressed"]["bid"] is None
    await stage.ends_well()
