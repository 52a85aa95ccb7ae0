"""The stop that rests at the exchange while a position is held: it is there when we are not."""

import json
from decimal import Decimal
from typing import Any

import pytest

from engine_desk import EngineDesk
from mm.config import load
from mm.run import Run
from mm.status import find, lines
from stage.house import Json
from stage.script import Stage

HELD = Decimal("0.12")
SOON_S = 3.0
# Share of equity that a day may lose.
BUDGET_USD = Decimal(500)


def says_waits(action: Json) -> bool:
    return any("trigger" in order["t"] for order in action.get("orders", ()))


async def holding(stage: Stage, held: Decimal = HELD, **settings: object) -> None:
    """A maker that quotes, holds a position and has its stop."""
    stage.open()
    stage.inherit(str(held))
    await stage.quoting(**settings)
    await in_step(stage)


async def in_step(stage: Stage) -> None:
    """One stop rests, and it is as it should be."""
    await stage.until(
        lambda: stage.shown["resident"]["suits"] and len(stage.stops) == 1, longest_s=10
    )


def equity(stage: Stage) -> Decimal:
    state = stage.house.ask(type="clearinghouseState", user=stage.house.maker.address)
    return Decimal(state["marginSummary"]["accountValue"])


def slide(stage: Stage, share: str) -> None:
    """The market goes to this share of where it was, through whatever of ours stands there."""
    there = str(round(Decimal(stage.mid) * Decimal(share)))
    # What would cross cannot be amended: it is placed anew.
    stage.crowd(there)
    stage.crowd(there)


@pytest.mark.parametrize("held", [HELD, -HELD])
async def test_a_position_has_a_stop_that_only_closes_it(stage: Stage, held: Decimal) -> None:
    """Its price is where the worst case has lost the budget."""
    await holding(stage, held)
    [stop] = stage.stops
    terms = (stop["side"], stop["reduceOnly"], stop["isPositionTpsl"], stop["orderType"])
    assert terms == ("A" if held > 0 else "B", True, True, "Stop Market")
    assert Decimal(stop["sz"]) == abs(held)
    away = abs(Decimal(stop["triggerPx"]) - Decimal(stage.mid))
    worst = stage.limit("bid" if held > 0 else "ask")
    assert BUDGET_USD * Decimal("0.5") < away * worst < BUDGET_USD
    metrics_and_status(stage, stop)
    stage.inherit("0")
    await stage.until(lambda: stage.stops == [], SOON_S)
    await stage.wait(SOON_S)
    assert stage.shown["resident"]["stops"] == []
    await stage.ends_well()


def metrics_and_status(stage: Stage, stop: Json) -> None:
    """Every reader shows the one that rests."""
    shown = stage.shown["resident"]
    assert [known["cloid"] for known in shown["stops"]] == [stop["cloid"]] == [shown["suits"]]
    assert (shown["protects"], stage.shown["orphans"], stage.shown["foreign"]) == (True, 0, [])
    assert "foreign_order" not in [line.get("alarm") for line in stage.logs]


async def test_the_first_screen_waits_for_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says of the protections is what stands."""
    rested: list[int] = []
    shown = Run._open_screen

    def show(*given: Any) -> None:  # noqa: ANN401 - as the run's own
        rested.append(len(stage.stops))
        shown(*given)

    monkeypatch.setattr(Run, "_open_screen", show)
    stage.open()
    stage.inherit(str(HELD))
    stage.net.meddle(says_waits, times=1, before_s=1.0)
    await stage.quoting()
    assert rested == [1]
    await stage.ends_well()


async def test_the_new_one_rests_before_the_old_one_goes(stage: Stage) -> None:
    """A position that grows and turns: at no block is it without, and no quote pays for that."""
    await holding(stage)
    bare: list[float] = []
    frames = stage.house.on_frames

    def look(told: Any) -> None:  # noqa: ANN401 - as the house has it
        frames(told)
        if stage.position > 0 and not stage.stops:
            bare.append(stage.house.now_s())

    stage.house.on_frames = look
    first, since = stage.stops[0]["cloid"], stage.mark()
    stage.inherit(str(HELD * 2))
    await stage.until(lambda: [s["cloid"] for s in stage.stops] not in ([first], []), SOON_S)
    await stage.until(lambda: len(stage.stops) == 1, SOON_S)
    assert Decimal(stage.stops[0]["sz"]) == HELD * 2
    assert bare == []
    about = [r for r in stage.received(since=since) if says_waits(r.action) or is_old(r, first)]
    assert [received.kind for received in about] == ["order", "cancelByCloid"]
    await stage.wait(30)
    later = [r for r in stage.received(since=since) if says_waits(r.action)]
    assert len(later) == 1, "a market that stands still moves no stop"
    await stage.ends_well()


def is_old(received: Any, cloid: str) -> bool:  # noqa: ANN401 - a `Received`
    return any(cancel.get("cloid") == cloid for cancel in received.action.get("cancels", ()))


async def test_a_market_that_moves_a_little_moves_no_stop(stage: Stage) -> None:
    """Where it lies depends on what was lost, not on where the price is now."""
    await holding(stage, HELD, control__on_exit="hold", quoting__strategy="symmetric")
    [before] = stage.stops
    for share in ("1.0005", "0.9995", "1.0005", "0.9995"):
        slide(stage, share)
        await stage.wait(5)
    assert [stop["cloid"] for stop in stage.stops] == [before["cloid"]]


async def test_it_stays_with_a_position_that_is_held_and_goes_with_one_that_is_not(
    stage: Stage,
) -> None:
    await holding(stage)
    [stop] = stage.stops
    result = await stage.ends_well()
    assert result["position"]["left_to"] == "hold"
    assert [row["cloid"] for row in stage.stops] == [stop["cloid"]]
    await stage.quoting(control__on_exit="flatten")
    assert [row["cloid"] for row in stage.stops] == [stop["cloid"]], "taken over as it is"
    await stage.ends_well()
    assert stage.position == 0
    assert stage.stops == []


async def test_after_a_kill_9_the_next_run_takes_it_over_or_replaces_it(stage: Stage) -> None:
    await holding(stage)
    [left] = stage.stops
    await stage.vanish()
    since = stage.mark()
    await stage.quoting()
    await stage.until(lambda: stage.shown["resident"]["suits"], SOON_S)
    assert [row["cloid"] for row in stage.stops] == [left["cloid"]]
    assert not [r for r in stage.received(since=since) if says_waits(r.action)]
    await stage.vanish()
    # A smaller budget wants a nearer one.
    await stage.quoting(limits__daily_loss_frac=0.035)
    await stage.until(lambda: [s["cloid"] for s in stage.stops] not in ([left["cloid"]], []))
    await stage.until(lambda: len(stage.stops) == 1, SOON_S)
    assert Decimal(stage.stops[0]["triggerPx"]) > Decimal(left["triggerPx"])
    await stage.ends_well()


async def test_everything_of_ours_dies_and_the_market_goes_against_us(stage: Stage) -> None:
    """Nothing is left, nobody comes back: the exchange closes what our bids made larger, too."""
    await holding(stage)
    before = equity(stage)
    assert stage.bids, "what still rests makes the position larger on the way down"
    await stage.vanish()
    died_s, trigger = stage.house.now_s(), Decimal(stage.stops[0]["triggerPx"])
    while stage.position != 0 and stage.house.now_s() < died_s + 60:
        slide(stage, "0.997")
        await stage.wait(1.0)
    assert stage.position == 0, "closed by what rested at the exchange"
    lost = before - equity(stage)
    assert Decimal(0) < lost < BUDGET_USD, f"lost {lost}"
    assert Decimal(stage.mid) > trigger * Decimal("0.99"), "within a step of the trigger"
    assert (stage.stops, stage.bids) == ([], [])
    at_s = stage.house.now_s() - died_s
    for _ in range(5):
        slide(stage, "0.99")
        await stage.wait(1.0)
    assert equity(stage) >= before - BUDGET_USD, f"and no more is lost after {at_s:.0f} s"


async def test_a_host_that_dies_without_a_stop_loses_more_than_the_budget(stage: Stage) -> None:
    """What the stop is for: the same death without it."""
    stage.open()
    stage.inherit(str(HELD))
    await stage.quoting(protection__resident_stop=False)
    before = equity(stage)
    await stage.vanish()
    for _ in range(12):
        slide(stage, "0.99")
        await stage.wait(1.0)
    assert stage.position > 0
    assert before - equity(stage) > BUDGET_USD


async def test_one_that_is_set_off_while_we_live_is_ours(stage: Stage) -> None:
    """The fill moves the position, is told, belongs to nobody else, and the books agree."""
    await holding(stage, control__on_kill="hold", quoting__risk_aversion=0.01)
    [stop] = stage.stops
    slide(stage, str(Decimal(stop["triggerPx"]) / Decimal(stage.mid) * Decimal("0.999")))
    await stage.until(lambda: stage.shown["counts"]["stop_fills"] > 0, SOON_S)
    counts = stage.shown["counts"]
    assert (counts["stranger_fills"], counts["earlier_fills"], counts["forced_fills"]) == (0, 0, 0)
    alarms = {line.get("alarm") for line in stage.logs}
    told = [line for line in stage.logs if "stop_filled" in json.dumps(line, default=str)]
    assert told, alarms
    await stage.until(lambda: stage.believed == stage.position, SOON_S)
    assert stage.stops == [] or stage.position != 0


async def test_one_that_is_refused_is_told_and_missing_everywhere(stage: Stage) -> None:
    """The position goes on without it, and everybody who asks hears so."""
    stage.open()
    stage.inherit(str(HELD))
    refusal = {"error": "Invalid TP/SL price. asset=0"}
    body = {"status": "ok", "response": {"type": "order", "data": {"statuses": [refusal]}}}
    refused = stage.net.meddle(says_waits, arrives=False, answer=(200, json.dumps(body)))
    await stage.quoting()
    await stage.wait(15)
    found = [line for line in stage.logs if line["event"] == "resident_stop_not_placed"]
    assert [line["why"] for line in found] == [refusal["error"]], "once, however often it is tried"
    assert refused.happened <= 5, "not hammered"
    assert any("stop_missing" in json.dumps(line, default=str) for line in stage.logs)
    assert stage.shown["resident"]["protects"] is False
    standing = find("paper", "default")["standing"]
    assert standing is not None
    assert standing["stop"]["state"] == "missing"
    assert any("MISSING" in line for line in lines(find("paper", "default")))
    refused.stop()
    await stage.until(lambda: stage.shown["resident"]["suits"], 10)
    await stage.ends_well()


async def test_one_without_an_answer_is_looked_for(stage: Stage) -> None:
    """It arrived: it is found and kept, and no second one rests beside it."""
    stage.open()
    stage.inherit(str(HELD))
    lost = stage.net.meddle(says_waits, times=1, answer=(502, ""))
    await stage.quoting()
    await stage.until(lambda: stage.shown["resident"]["suits"], 30)
    assert lost.happened == 1
    await stage.wait(10)
    assert len(stage.stops) == 1
    await stage.ends_well()


async def test_one_that_its_owner_cancels_is_placed_again(stage: Stage) -> None:
    """By hand, on the venue's page: a position is not left without for that."""
    await holding(stage)
    [first] = stage.stops
    cancel = {"asset": 0, "cloid": first["cloid"]}
    stage.house.act(stage.house.maker, {"type": "cancelByCloid", "cancels": [cancel]})
    assert stage.stops == []
    await in_step(stage)
    assert stage.stops[0]["cloid"] != first["cloid"]
    await stage.ends_well()


async def test_one_that_arrives_after_the_position_went_is_taken_back(stage: Stage) -> None:
    """Nothing is held any more when it comes: it would wait for a position of the other sign."""
    stage.open()
    stage.inherit(str(HELD))
    late = stage.net.meddle(says_waits, times=1, before_s=5.0)
    await stage.quoting()
    assert stage.stops == []
    stage.inherit("0")
    assert late.happened == 1
    await stage.until(lambda: stage.stops, 10)
    await stage.until(lambda: stage.stops == [], 10)
    await stage.ends_well()


async def test_one_that_arrives_while_the_run_ends_flat_is_taken_back(stage: Stage) -> None:
    """The end waits until what nobody answered for is void, and then looks at what rests."""
    stage.open()
    stage.inherit("0.0005")
    late = stage.net.meddle(says_waits, times=1, before_s=9.0)
    await stage.quoting(control__on_exit="flatten")
    await stage.ends_well()
    assert late.happened == 1
    assert stage.position == 0
    assert stage.stops == []
    about = [r.kind for r in stage.received() if says_waits(r.action) or r.kind == "cancel"]
    assert about[-2:] == ["order", "cancel"], "it arrived, and was cancelled"


@pytest.mark.parametrize("late_s", [0.0, 1.0, 60.0])
async def test_an_end_between_the_new_one_and_the_end_of_the_old_leaves_the_new_one(
    stage: Stage, late_s: float
) -> None:
    """Whether the cancel of the old one has left, is on its way, or comes too late to be carried
    out."""
    await holding(stage)
    [old] = stage.stops
    slow = stage.net.meddle(lambda r: is_cancel_of(r, old["cloid"]), times=1, before_s=late_s)
    stage.inherit(str(HELD * 2))
    await stage.until(lambda: len(stage.stops) == 2, SOON_S)
    await stage.wait(1.2 if late_s else 0)
    assert len(stage.stops) == 2
    assert slow.happened == (1 if late_s else 0)
    await stage.ends_well()
    [new] = stage.stops
    assert new["cloid"] != old["cloid"]
    assert Decimal(new["sz"]) == HELD * 2


def is_cancel_of(action: Json, cloid: str) -> bool:
    return any(cancel.get("cloid") == cloid for cancel in action.get("cancels", ()))


@pytest.mark.parametrize("held", [HELD * 2, -HELD])
async def test_an_end_before_a_new_one_was_placed_leaves_the_new_one(
    stage: Stage, held: Decimal
) -> None:
    """The position grew or turned a moment before."""
    await holding(stage)
    since = stage.mark()
    stage.inherit(str(held))
    assert not [r for r in stage.received(since=since) if says_waits(r.action)]
    await stage.ends_well()
    [new] = stage.stops
    assert (Decimal(new["sz"]), new["side"]) == (abs(held), "A" if held > 0 else "B")


async def test_one_that_arrives_after_the_end_of_tending_is_waited_for(stage: Stage) -> None:
    """Nobody answered for it: it may come beside the one that rests until it is void."""
    await holding(stage)
    late = stage.net.meddle(says_waits, times=1, before_s=9.0)
    stage.inherit(str(HELD * 2))
    await stage.until(lambda: late.happened, SOON_S)
    await stage.ends_well()
    assert len(stage.stops) == 1
    await stage.wait(10)
    assert len(stage.stops) == 1


async def test_however_fast_a_position_grows_two_rest_at_most(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whenever it looks another one is wanted already: a busy machine, or a fast market."""
    monkeypatch.setattr("mm.resident.LOOK_S", 2.0)
    await holding(stage, Decimal("0.01"))
    most, held = 0, Decimal("0.01")
    for _ in range(10):
        held = round(held * Decimal("1.25"), 3)
        stage.inherit(str(held))
        for _ in range(10):
            await stage.wait(0.19)
            most = max(most, len(stage.stops))
    assert most == 2
    await in_step(stage)
    assert Decimal(stage.stops[0]["sz"]) * Decimal("1.1") >= held
    await stage.ends_well()


async def test_a_budget_of_requests_that_is_used_up_sends_none(stage: Stage) -> None:
    """The venue would refuse it: it waits for its turn, and is missing until then."""
    stage.open()
    stage.inherit(str(HELD))
    refusal = "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0."
    body = json.dumps({"status": "err", "response": refusal})
    refused = stage.net.meddle(says_waits, arrives=False, answer=(200, body))
    await stage.quoting()
    await stage.wait(20)
    assert 1 <= refused.happened <= 6, "not hammered"
    refused.stop()
    await stage.until(lambda: stage.shown["resident"]["suits"], 30)
    await stage.ends_well()


async def test_without_the_setting_there_is_none(stage: Stage) -> None:
    stage.open()
    stage.inherit(str(HELD))
    await stage.quoting(protection__resident_stop=False)
    await stage.wait(5)
    assert (stage.stops, stage.shown["resident"]["none"]) == ([], "off")
    assert not [r for r in stage.received() if says_waits(r.action)]
    await stage.ends_well()


async def test_the_venues_own_switch_does_not_take_it_away(stage: Stage) -> None:
    """`scheduleCancel` cancels all orders: its date is taken back while a stop rests."""
    stage.open(dead_man="open")
    await stage.quoting()
    await stage.wait(30)
    dates = [r.action.get("time") for r in stage.received("scheduleCancel")]
    assert dates
    assert all(dates), "flat: the date is kept ahead"
    stage.inherit(str(HELD))
    await stage.until(lambda: stage.shown["resident"]["suits"], SOON_S)
    await stage.until(
        lambda: stage.received("scheduleCancel")[-1].action.get("time") is None, SOON_S
    )
    await stage.vanish()
    await stage.wait(90)
    assert len(stage.stops) == 1
    assert stage.position != 0


def test_the_tolerance_is_checked() -> None:
    with pytest.raises(Exception, match="resident_stop_tolerance_frac"):
        load(None, {"protection.resident_stop_tolerance_frac": 0.6})


@pytest.mark.parametrize(("tolerance", "moves"), [(0.05, 1), (0.30, 0)])
async def test_how_far_it_may_be_behind_is_a_setting(
    stage: Stage, tolerance: float, moves: int
) -> None:
    """A position that grows by a fifth."""
    await holding(stage, HELD, protection__resident_stop_tolerance_frac=tolerance)
    since = stage.mark()
    stage.inherit(str(HELD * Decimal("1.2")))
    await stage.wait(5)
    placed = [r for r in stage.received(since=since) if says_waits(r.action)]
    assert len(placed) == moves
    await stage.ends_well()


# ---- what the engine makes of what it is told ---------------------------------------------------

STOP = {"protection.resident_stop": True}


def told(**more: Json) -> EngineDesk:
    """A long position of a fill, and a stop of an earlier session that a query shows."""
    desk = EngineDesk({**STOP, **more}).open()
    desk.fill(desk.orders("Bid")[-1], 0.0006)
    desk.info("frontendOpenOrders", [desk.stop_listed("99000.0", "0.0006")])
    return desk


def test_our_stop_is_no_order_of_the_engine_and_a_strangers_is_what_it_is() -> None:
    desk = told()
    shown = desk.snapshot()
    assert [stop["state"] for stop in shown["resident"]["stops"]] == ["resting"]
    assert (shown["orphans"], shown["foreign"]) == (0, [])
    pending = shown["pending"]
    sent = desk.after(30)
    assert "foreign_order" not in [alarm["alarm"] for _, alarm in desk.alarms]
    assert not [one for one in sent if one["kind"].startswith("cancel")]
    desk.info("frontendOpenOrders", [desk.stop_listed("99000.0", "0.0", cloid=None)])
    [foreign] = desk.snapshot()["foreign"]
    assert foreign["trigger"] == {"px": 990_000, "whole_position": True}
    assert "foreign_order" in [alarm["alarm"] for _, alarm in desk.alarms]
    assert desk.snapshot()["pending"][1] <= pending[1] + foreign["sz"]


def test_its_fill_is_ours_by_its_cloid() -> None:
    desk = told()
    stop = {"side": "Ask", "px": 989_000, "sz": 60, "oid": 77, "cloid_text": desk.STOP_CLOID}
    desk.fill(stop)
    shown = desk.snapshot()
    assert (shown["position"], shown["counts"]["stop_fills"]) == (0, 1)
    assert shown["counts"]["stranger_fills"] == 0
    alarms = [alarm["alarm"] for _, alarm in desk.alarms]
    assert "stop_filled" in alarms
    assert "unknown_fill" not in alarms
    assert "resident" in json.dumps(desk.engine.take_entries()[-1])


def why(desk: EngineDesk) -> str | None:
    found: str | None = desk.engine.resident()["none"]
    return found


def test_why_there_is_none() -> None:
    desk = told()
    assert why(desk) is None
    desk.fill({**desk.orders("Ask")[-1], "side": "Ask"}, 0.00055)
    assert why(desk) == "too_small"
    spent = told()
    spent.account(9_000.0)
    assert why(spent) == "budget_spent"
    near = told()
    # A thousandth of a cent is left, which is less than a step of the price.
    near.account(9_500.00001)
    assert why(near) == "too_near"


def test_what_is_not_known_takes_no_stop_away() -> None:
    """Without anchor, price or fees nobody knows where a stop should be, or that none should."""
    desk = EngineDesk(STOP)
    desk.bbo()
    assert why(desk) == "position_unknown"
    desk.position = 0.01
    desk.anchor()
    assert why(desk) == "budget_unknown"
    assert desk.engine.resident()["wanted"] is None
    desk.fees()
    assert why(desk) is None
    bare = EngineDesk(STOP, position=0.01)
    bare.fees()
    bare.anchor()
    assert why(bare) == "price_unknown"


def test_what_a_coin_lost_since_the_last_report_is_all_its_own() -> None:
    """The others of a process have yet to hear of it: their stops still lie for the whole."""
    cap: dict[str, Json] = {"limits.equity_share_frac": 0.5, "limits.position_cap_coin": 0.06}
    desk = EngineDesk({**STOP, **cap}, position=0.05).open()
    before = desk.engine.resident()["wanted"]
    desk.bbo(99_000.0)
    after = desk.engine.resident()["wanted"]
    assert (before["mark"], after["mark"]) == (1_000_000, 990_000)
    # 250 USDC of room, and 50 of them gone; of the costs of leaving nothing changes.
    costs_frac = (250 / 0.06 * 10 - before["farthest"]) / (before["mark"] + before["farthest"])
    room_usd = (after["farthest"] * (1 + costs_frac) + costs_frac * after["mark"]) / 10 * 0.06
    assert room_usd == pytest.approx(200, abs=0.5)


def test_what_is_done_about_it_is_counted_as_requests() -> None:
    desk = told()

    def figures() -> tuple[int, int]:
        shown = desk.snapshot()
        return shown["requests"]["sent"], shown["requests"]["in_flight"]

    sent, flying = figures()
    terms = {"side": "Ask", "trigger_px": 990_000, "px": 900_000, "sz": 60}
    for kind, about, more, on_their_way in (
        ("placing", {"cloid": desk.STOP_CLOID, **terms}, 1, 1),
        ("placed", desk.STOP_CLOID, 1, 0),
        ("cancelling", desk.STOP_CLOID, 2, 1),
        ("lost", desk.STOP_CLOID, 2, 0),
    ):
        desk.command("resident", {kind: about})
        assert figures() == (sent + more, flying + on_their_way), kind


def test_with_no_request_left_it_waits_for_its_turn() -> None:
    """The reserve is for it; of nothing the venue admits one action in ten seconds."""
    desk = told()
    desk.budget(used=9_990, cap=10_000)
    assert desk.engine.resident()["may_place"]
    desk.budget(used=10_000, cap=10_000)
    terms = {"side": "Ask", "trigger_px": 990_000, "px": 900_000, "sz": 60}
    desk.command("resident", {"placing": {"cloid": desk.STOP_CLOID, **terms}})
    desk.command("resident", {"gone": desk.STOP_CLOID})
    assert not desk.engine.resident()["may_place"]
    desk.after(12.0)
    assert desk.engine.resident()["may_place"]
