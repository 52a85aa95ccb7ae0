"""What a start finds: money elsewhere, a leverage that was refused, old orders, spoilt state."""

import json
import socket
from collections.abc import Callable
from decimal import Decimal
from itertools import count

import pytest

from mm.config import load
from mm.errors import ConfigError, VenueError
from mm.exits import Exit
from mm.run import Options, make_markets
from mm.state import StateDir, state_root
from stage.house import Json
from stage.script import Stage

DEPTHS_BPS = tuple(3 + level / 2 for level in range(25))


async def test_a_message_of_another_dex(stage: Stage) -> None:
    """Its account does not hold our coin: that says nothing about our position."""
    stage.open()
    stage.inherit("0.01")
    await stage.quoting()
    before, equity = stage.mark(), stage.shown["account_value"]
    empty = stage.house.ask(type="clearinghouseState", user=stage.house.crowd.address)
    empty |= {"assetPositions": [], "time": stage.house.now_ns() // 1_000_000 + 60_000}
    for summary in ("marginSummary", "crossMarginSummary"):
        empty[summary] = dict.fromkeys(empty[summary], "0.0")
    told = {"dex": "hyna", "user": stage.house.maker.address, "clearinghouseState": empty}
    for _ in range(3):
        stage.net.push("user", "clearinghouseState", told)
        await stage.wait(2)
    assert stage.believed == stage.position == Decimal("0.01")
    assert stage.shown["account_value"] == pytest.approx(equity, rel=1e-3)
    assert stage.bids
    assert stage.asks
    assert not [o for r in stage.received(since=before) for o in r.orders if o["r"]]
    await stage.ends_well()


async def test_money_that_is_not_in_the_perp_account(stage: Stage) -> None:
    """Nothing can be sized on an account value of 0: refused before anything is sent."""
    stage.open()

    def in_spot_only(state: Json) -> Json:
        for summary in ("marginSummary", "crossMarginSummary"):
            state[summary]["accountValue"] = "0.0"
        return {**state, "withdrawable": "0.0"}

    stage.net.meddle(lambda q: q.get("type") == "clearinghouseState", reword=in_spot_only)
    config = stage.config()
    with pytest.raises(VenueError, match="holds nothing"):
        await make_markets(Options(config, "http://stage", None, screen=False, as_json=True))
    assert stage.received() == []


async def test_money_that_leaves_before_the_anchor(stage: Stage) -> None:
    """An anchor without equity is Invalid: nothing increasing is sent."""
    stage.open()
    asked = count()
    emptied = stage.net.meddle(
        lambda q: q.get("type") == "clearinghouseState" and next(asked) > 0,
        reword=lambda state: {
            **state,
            "marginSummary": {**state["marginSummary"], "accountValue": "0.0"},
            "crossMarginSummary": {**state["crossMarginSummary"], "accountValue": "0.0"},
        },
    )
    stage.net.rewrites["user"] = lambda m: [] if m["channel"] == "clearinghouseState" else [m]
    stage.begin()
    await stage.until(lambda: emptied.happened)
    await stage.wait(10)
    assert stage.limit() == 0
    assert stage.received("order", "batchModify") == []
    await stage.stop()


@pytest.mark.parametrize("silently", [False, True], ids=["with an error", "silently"])
async def test_a_leverage_that_is_refused(stage: Stage, silently: bool) -> None:
    """Read back after setting: a start whose leverage differs quotes nothing and ends, exit 3."""
    stage.open()
    said = {"status": "ok", "response": {"type": "default"}}
    if not silently:
        said = {"status": "err", "response": "Invalid leverage value"}
    stage.net.meddle(
        lambda a: a.get("type") == "updateLeverage", arrives=False, answer=(200, json.dumps(said))
    )
    stage.begin(account__leverage=7)
    await stage.ends(3)
    assert stage.received("order", "batchModify") == []


async def test_orders_of_yesterday_go_and_orders_by_hand_count(stage: Stage) -> None:
    """A dead session's order is cancelled before we size; one by hand is left, and is exposure."""
    stage.open()
    maker = stage.house.maker
    left = {"a": 0, "b": True, "p": "88000", "s": "0.5", "r": False, "c": f"0x{1 << 64 | 7:032x}"}
    left["t"] = {"limit": {"tif": "Alo"}}
    stage.house.act(maker, {"type": "order", "orders": [left], "grouping": "na"})
    stage.house.place(maker, ("ask", "89000", "0.05", "Alo"))
    stage.begin()
    await stage.until(lambda: len(stage.asks) > 1 and stage.bids and stage.shown["orders"])
    await stage.wait(2)
    kinds = [r.kind for r in stage.received()]
    assert kinds.index("cancel") < kinds.index("order")
    assert left["c"] not in {order["cloid"] for order in stage.bids}
    assert [order["sz"] for order in stage.asks if not order["cloid"]] == ["0.05"]
    ours = sum(Decimal(order["sz"]) for order in stage.asks if order["cloid"])
    assert stage.shown["pending"][1] == int((ours + Decimal("0.05")).scaleb(5))
    stage.house.cancel(maker)
    await stage.stop()


async def test_a_stop_with_50_orders(stage: Stage) -> None:
    """SIGTERM: a bulk cancel, verified, in seconds; exit 0."""
    stage.open(usdc="1000000")
    await stage.quoting(quoting__depths_bps=DEPTHS_BPS, paper__equity_usd=1e6)
    assert (len(stage.bids), len(stage.asks)) == (25, 25)
    mark, began_s = stage.mark(), stage.house.now_s()
    await stage.ends_well()
    assert stage.house.now_s() - began_s < 3
    cancels = stage.received("cancel", "cancelByCloid", since=mark)
    assert 1 <= len(cancels) <= 2
    assert stage.received("order", "batchModify", since=mark) == []


async def test_a_stop_whose_cancels_are_refused_at_first(stage: Stage) -> None:
    """429 on the engine's cancels: the session sends its own until nothing rests."""
    stage.open()
    await stage.quoting()
    stage.net.meddle(
        lambda a: "cancel" in str(a.get("type")), times=3, arrives=False, answer=(429, "null")
    )
    result = await stage.stop()
    assert result["open_orders_after_stop"] == 0


async def test_gone_without_a_word_and_back(stage: Stage) -> None:
    """kill -9 with fills while nobody looked: the next run adopts the exchange's word."""
    stage.open()
    await stage.quoting()
    stage.fill("bid", "0.0005")
    await stage.wait(1)
    old = {order["cloid"] for order in stage.bids + stage.asks}
    await stage.vanish()
    assert stage.bids
    stage.fill("bid", "0.0007")
    await stage.wait(3)
    await stage.quoting()
    assert stage.believed == stage.position == Decimal("0.0012")
    assert not old & {order["cloid"] for order in stage.bids + stage.asks}
    placed = [o["c"] for r in stage.received("order") for o in r.orders]
    assert len(placed) == len(set(placed))
    nonces = [r.nonce for r in stage.received()]
    assert len(nonces) == len(set(nonces))
    await stage.stop()


LATE_S = 8.0
"""On its way this long, of the ten seconds of an action's life."""
LIFE_S = 10.0


async def test_what_a_killed_run_had_sent_comes_late_and_is_not_quoted_beside(stage: Stage) -> None:
    """kill -9 with an order on its way: it arrives after the next run's first cancel of all.

    Nothing is quoted before the last action of the killed run is void, by the expiry that was kept
    with its nonces; what it left is cancelled, and each side's worst case stays inside its limit.
    """
    stage.open()
    await stage.quoting()
    late = stage.net.meddle(lambda r: r.get("type") == "order", before_s=LATE_S)
    stage.house.cancel(stage.house.maker)
    await stage.until(lambda: late.happened)
    await stage.wait(0.5)
    late.stop()
    await stage.vanish()
    mark, killed_s = stage.mark(), stage.house.now_s()
    stage.begin()
    await stage.until(lambda: stage.received("order", since=mark))
    arrived = stage.received("order", since=mark)[0]
    assert arrived.at_s > killed_s + LATE_S / 2, "of the run that was killed"
    await stage.two_sided()
    orders = stage.received("order", since=mark)
    own = [r for r in orders if r.nonce > arrived.nonce]
    assert own[0].at_s > arrived.at_s
    assert arrived.expires_ms is not None
    assert own[0].at_s * 1_000 + stage.house.start_ms > arrived.expires_ms
    [waited] = [line for line in stage.logs if line["event"] == "earlier_actions_waited_out"]
    assert LATE_S < waited["for_s"] <= LIFE_S + 1
    inherited = [line for line in stage.logs if line["event"] == "inherited_orders_cancelled"]
    assert sum(line["orders"] for line in inherited) == len(arrived.orders)
    gone = {order["c"] for order in arrived.orders}
    assert not gone & {order["cloid"] for order in stage.bids + stage.asks}
    await stage.ends_well()


async def test_after_an_end_in_order_nothing_is_waited_for(stage: Stage) -> None:
    stage.open()
    for _ in range(2):
        begun_s = stage.house.now_s()
        await stage.quoting()
        assert stage.house.now_s() - begun_s < LIFE_S
        await stage.stop()
    # One whose fate nobody could tell: the next run waits for it.
    await stage.quoting()
    stage.net.meddle(lambda r: r.get("type") in {"noop", "order"}, answered=False)
    stage.house.cancel(stage.house.maker)
    await stage.wait(8)
    await stage.stop()
    stage.net.meddlings.clear()
    await stage.quoting()
    assert [line for line in stage.logs if line["event"] == "earlier_actions_waited_out"]


@pytest.mark.parametrize("name", ["wallet.json"])
async def test_state_that_is_spoilt_is_refused_by_name(stage: Stage, name: str) -> None:
    """A record that cannot be read is no empty record: refused, with its path, nothing sent."""
    stage.open()
    path = state_root() / "paper" / "default" / name
    path.write_bytes(b'{"address": 7')
    with pytest.raises(Exception, match=name):
        await make_markets(
            Options(stage.config(), "http://stage", None, screen=False, as_json=True)
        )
    assert stage.received() == []


def test_an_unknown_key_is_refused_with_what_was_meant() -> None:
    """A typing error is never a default."""
    with pytest.raises(ConfigError, match="did you mean num_sigmas"):
        load(None, {"limits.num_sigma": 3.0})


async def test_a_start_without_history_quotes_at_its_deadline(stage: Stage) -> None:
    """A new market: volatility is unknown, and observing ends all the same, in a small size."""
    stage.open(history=False)
    stage.begin(control__observe_book_s=1.0, control__observe_deadline_s=30.0)
    await stage.wait(20)
    assert stage.received("order") == []
    assert stage.shown["not_quoting"] == "waiting_for_sigma"
    await stage.until(lambda: stage.bids and stage.asks, 15)
    assert stage.shown["limits"]["source"] == "warmup"
    assert stage.limit() * Decimal(stage.mid) <= 500
    await stage.ends_well()


async def test_a_start_that_fails_before_its_first_step_leaves_at_once(stage: Stage) -> None:
    """Nobody steps the engine yet: it is not waited for, and nothing is said to be out of order."""
    stage.open()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        begun_s = stage.house.now_s()
        stage.begin(**{"process.metrics_port": taken.getsockname()[1]})
        await stage.ends(Exit.VENUE)
    said = [line["event"] for line in stage.logs]
    assert "run_failed" in said
    assert "not_stopped_in_order" not in said
    assert "engine_cancels_unanswered" not in said
    assert stage.house.now_s() - begun_s < 1


def four_horizons(kept: Json, _now_ns: int) -> None:
    """Four hours quoted, and one limit turned over in them."""
    kept["turnover"] |= {"quoted": 14_400 * 10**9, "limits_nano": 10**9}


def half(kept: Json, now_ns: int) -> None:
    """The last valid limit, just now, was half of what it was."""
    held = kept["held"]["limit"]
    held["lots"] = [lots // 2 for lots in held["lots"]]
    held["bases"] = [{"lots": [lots, 0]} for lots in held["lots"]]
    kept["held"]["at"] = now_ns


@pytest.mark.parametrize("ended", [four_horizons, half])
async def test_a_restart_opens_at_the_limit_that_was_and_not_at_the_full_one(
    stage: Stage, ended: Callable[[Json, int], None]
) -> None:
    stage.open()
    await stage.quoting()
    whole = stage.shown["limits"]["lots"][0]
    await stage.ends_well()
    with StateDir.open("paper", "default") as state:
        found = state.store.limit("BTC")
        assert found is not None
        kept = json.loads(found[0])
        assert kept["held"]["limit"]["lots"][0] == pytest.approx(whole, rel=0.05)
        ended(kept, stage.house.now_ns())
        state.store.save_limit("BTC", json.dumps(kept))
    await stage.quoting()
    limits = stage.shown["limits"]
    assert limits["source"] == "valid"
    assert limits["lots"][0] < 0.75 * whole
    if ended is four_horizons:
        assert limits["inputs"]["horizon_s"] == pytest.approx(14_400, rel=0.02)
    else:
        assert limits["binding"] == ["side_rise", "side_rise"]
    await stage.ends_well()
