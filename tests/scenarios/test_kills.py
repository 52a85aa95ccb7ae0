"""Every reason to end trading, from its cause to `mm unlock`; and every end of a position."""

import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from decimal import Decimal

import pytest

from mm.cli import run
from mm.exits import Exit, exit_of
from mm.state import account_dir
from mm.store import FILE
from stage.house import Json
from stage.script import Stage

HELD = "0.12"
"""What the maker holds when it happens, BTC."""

Cure = Callable[[], object]
Seen = list[tuple[str, str | None]]


def reason_on_disk() -> str | None:
    """The reason of the kill that another process finds in the state; `None`: none is latched."""
    with closing(sqlite3.connect(account_dir("paper", "default") / FILE)) as db:
        rows = db.execute("SELECT reason FROM kill WHERE acknowledged_by IS NULL").fetchall()
    return str(rows[0][0]) if rows else None


async def holding(stage: Stage, **settings: object) -> None:
    """A maker that quotes both sides and holds a position."""
    stage.open()
    stage.inherit(HELD)
    await stage.quoting(**settings)
    assert stage.position == Decimal(HELD)
    assert stage.shown["kill"] is None


# ---- what goes wrong, each once the maker quotes and holds something ----------------------------


async def fall(stage: Stage) -> None:
    """A price that falls so far at once that what is held loses more than may be lost."""
    stage.house.cancel(stage.house.crowd)
    stage.crowd("83500", sz="1")


async def trade_by_hand(stage: Stage) -> None:
    worst = stage.house.px(Decimal(stage.mid), Decimal(100))
    held = 2 * stage.limit("bid")
    stage.house.place(stage.house.maker, ("bid", worst, f"{held:.4f}", "Ioc"))
    stage.crowd(stage.mid, sz="1")


async def silence_market(stage: Stage) -> Cure:
    stage.net.silence("market")
    return lambda: stage.net.speak("market")


async def mute_account(stage: Stage) -> Cure:
    stage.net.deaf.add("user")
    stage.net.mute("user")
    return stage.net.deaf.clear


async def withhold_reports(stage: Stage) -> Cure:
    hidden = stage.net.meddle(lambda r: r.get("type") == "clearinghouseState", answer=(502, ""))
    stage.net.silence("user", "clearinghouseState")

    def heal() -> None:
        hidden.stop()
        stage.net.speak("user")

    return heal


async def refuse(stage: Stage) -> Cure:
    answer = {"status": "err", "response": "Insufficient margin to place order. asset=0"}
    refusals = stage.net.meddle(
        lambda r: r.get("type") in ("order", "batchModify"),
        arrives=False,
        answer=(200, json.dumps(answer)),
    )
    for mid in ("88600", "88500") * 20:
        if stage.shown["kill"] is None:
            stage.crowd(mid)
            await stage.wait(2)
    return refusals.stop


async def hide_fills(stage: Stage) -> Cure:
    def silent(message: Json) -> list[Json]:
        return [] if message["channel"] in ("userFills", "orderUpdates") else [message]

    stage.net.rewrites["user"] = silent
    hidden = stage.net.meddle(
        lambda r: str(r.get("type")).startswith("userFills"), answer=(502, "")
    )
    stage.fill("bid", stage.bids[0]["sz"])

    def heal() -> None:
        hidden.stop()
        del stage.net.rewrites["user"]
        stage.net.cut("user")

    return heal


Cause = Callable[[Stage], Awaitable[Cure | None]]
DRILLS: dict[str, tuple[Cause, dict[str, object]]] = {
    "daily_loss": (fall, {}),
    "drawdown": (fall, {"limits.daily_loss_frac": 0.5, "limits.drawdown_frac": 0.05}),
    "runaway": (trade_by_hand, {}),
    "stale_market": (silence_market, {"control.kill_stale_s": 30.0}),
    "stale_own_stream": (mute_account, {"control.kill_stale_s": 8.0}),
    "stale_account": (withhold_reports, {"control.kill_stale_s": 60.0}),
    "rejection_storm": (refuse, {"control.kill_rejections": 3}),
    "position_unexplained": (hide_fills, {}),
}


# ---- what must follow ---------------------------------------------------------------------------


def witness(stage: Stage) -> Seen:
    """Each action after the latch: its type, and what was on the disk when it was sent."""
    seen: Seen = []

    def look(request: Json) -> bool:
        if "user" not in request and stage.shown["kill"] is not None:
            seen.append((request["type"], reason_on_disk()))
        return False

    stage.net.meddle(look)
    stage.net.meddlings.insert(0, stage.net.meddlings.pop())
    return seen


async def killed(stage: Stage, reason: str) -> None:
    """Wait for the latch; whoever looks at the disk finds it there."""
    await stage.until(lambda: stage.shown["kill"] is not None, 120)
    assert stage.shown["kill"]["reason"] == reason == reason_on_disk()


async def ended(stage: Stage, reason: str, seen: Seen) -> Json:
    """Exit 4; nothing rests; not started again before `mm unlock`, and started after it."""
    result = await stage.ends(4, 900)
    assert result["exit_reason"] == f"killed: {reason}"
    assert result["kill"]["reason"] == reason
    assert result["open_orders_after_stop"] == 0
    # An order from another place is in no journal of ours, and no breach.
    assert not stage.verdict().breaches
    assert {on_disk for _, on_disk in seen} == {reason}, "written before anything was sent"
    found = json.loads((stage.run_dir / "postmortem.json").read_text())
    assert found["kill"]["reason"] == reason
    before = stage.mark()
    error = await stage.refused()
    assert exit_of(error) is Exit.RISK
    assert f"stopped by {reason}" in str(error)
    assert "`mm unlock`" in str(error)
    assert stage.mark() == before, "nothing was sent"
    assert run(["unlock", "--by", "drill"]) == 0
    assert reason_on_disk() is None
    return result


@pytest.mark.parametrize("reason", DRILLS)
async def test_every_reason_ends_flat_with_exit_4_and_a_latch(stage: Stage, reason: str) -> None:
    cause, settings = DRILLS[reason]
    await holding(stage, control__kill_deadline_s=600.0, **settings)
    seen = witness(stage)
    heal = await cause(stage)
    await killed(stage, reason)
    if heal is not None:
        heal()
    result = await ended(stage, reason, seen)
    assert stage.position == 0
    assert result["position"]["left_to"] is None
    # The loss of the day is still that of the day.
    await stage.quoting(limits__daily_loss_frac=0.5, limits__drawdown_frac=0.5)
    await stage.stop()


async def test_the_equity_that_killed_is_saved_with_the_kill(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not a beat later: a process that dies in between would count on from another."""
    monkeypatch.setattr("mm.keeper.BEAT_S", 1e6)
    await holding(stage, **{"limits.drawdown_frac": 0.06})
    before = saved_equity()
    await fall(stage)
    await stage.until(reason_on_disk)
    killed = stage.shown["kill"]
    await stage.vanish()
    assert before > saved_equity()
    assert saved_equity() == killed["equity"]


def saved_equity() -> int:
    """Of the loss budget that another process finds in the state, micro-USDC."""
    with closing(sqlite3.connect(account_dir("paper", "default") / FILE)) as db:
        [(body,)] = db.execute("SELECT body FROM record WHERE name = 'budget'").fetchall()
    equity: int = json.loads(body)["equity"]
    return equity


async def test_an_acknowledged_drawdown_is_over_and_the_next_run_quotes(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    cause, settings = DRILLS["drawdown"]
    await holding(stage, control__kill_deadline_s=600.0, **settings)
    seen = witness(stage)
    await cause(stage)
    await killed(stage, "drawdown")
    await ended(stage, "drawdown", seen)
    assert stage.position == 0
    said = capsys.readouterr().out
    assert "peak equity was" in said, said
    await stage.quoting(**settings)
    await stage.wait(30)
    assert stage.shown["kill"] is None
    assert stage.shown["drawdown"] < 0.01
    await stage.stop()


async def test_an_acknowledged_loss_of_the_day_stays_and_unlock_says_so(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    cause, settings = DRILLS["daily_loss"]
    await holding(stage, control__kill_deadline_s=600.0, **settings)
    seen = witness(stage)
    await cause(stage)
    await killed(stage, "daily_loss")
    await ended(stage, "daily_loss", seen)
    said = capsys.readouterr().out
    assert "the day's loss budget is spent: -" in said
    assert "a run is killed again before 2023-11-15 00:00 UTC" in said
    assert "starts again" not in said
    stage.begin(**settings)
    result = await stage.ends(4, 900)
    assert result["exit_reason"] == "killed: daily_loss"
    assert reason_on_disk() == "daily_loss"


# ---- the ends of a position ---------------------------------------------------------------------


async def killed_by_hand(stage: Stage, on_kill: str) -> Seen:
    """Exposed, killed, and the latch on the disk."""
    await holding(stage, control__on_kill=on_kill, control__kill_deadline_s=40.0)
    seen = witness(stage)
    await stage.kill_by_hand()
    await killed(stage, "manual")
    return seen


async def test_a_kill_that_flattens_closes_reduce_only_and_at_once(stage: Stage) -> None:
    seen = await killed_by_hand(stage, "flatten")
    before = stage.mark()
    result = await ended(stage, "manual", seen)
    assert stage.position == 0
    assert result["kill"]["detail"] == "drill"
    closing = [order for r in stage.received(since=before) for order in r.orders]
    assert closing
    for order in closing:
        assert order["r"]
        assert order["t"] == {"limit": {"tif": "Ioc"}}


async def test_a_kill_that_works_quotes_the_reducing_side_until_it_is_gone(stage: Stage) -> None:
    seen = await killed_by_hand(stage, "work")
    await stage.wait(2)
    [quote] = stage.asks
    assert stage.bids == []
    assert quote["reduceOnly"]
    assert quote["limitPx"] == str(stage.house.ask(type="l2Book", coin="BTC")["levels"][1][0]["px"])
    assert Decimal(quote["sz"]) == Decimal(HELD)
    stage.fill("ask", HELD)
    result = await ended(stage, "manual", seen)
    assert stage.position == 0
    assert result["position"]["left_to"] is None


async def test_a_kill_that_works_gives_up_at_its_deadline_and_says_who_has_the_position(
    stage: Stage,
) -> None:
    seen = await killed_by_hand(stage, "work")
    began, logs = stage.house.now_s(), stage.logs
    result = await ended(stage, "manual", seen)
    assert 39 < stage.house.now_s() - began < 45
    assert stage.position == Decimal(HELD)
    assert result["position"]["left_to"] == "nobody"
    assert "position_left_to_nobody" in [line["event"] for line in logs]


async def test_a_kill_that_holds_touches_nothing(stage: Stage) -> None:
    seen = await killed_by_hand(stage, "hold")
    result = await ended(stage, "manual", seen)
    assert stage.position == Decimal(HELD)
    assert result["position"]["left_to"] == "hold"
    assert {kind for kind, _ in seen} == {"cancelByCloid"}


@pytest.mark.parametrize("on_exit", ["flatten", "hold", "work"])
async def test_a_stop_does_with_the_position_what_was_chosen(stage: Stage, on_exit: str) -> None:
    await holding(stage, control__on_exit=on_exit, control__exit_deadline_s=60.0)
    began, before = stage.house.now_s(), stage.mark()
    # A position that nobody minds, against the policy, is no orderly end.
    result = await stage.stop(3 if on_exit == "work" else 0)
    left = {"flatten": None, "hold": "hold", "work": "nobody"}[on_exit]
    assert result["position"]["left_to"] == left
    assert result["exit_reason"] == "sigterm"
    assert stage.verdict().breaches == []
    assert stage.house.now_s() - began < 60
    sent = [order for r in stage.received(since=before) for order in r.orders]
    # On its way to nothing a reducing quote may move once more; it is cancelled like the others.
    allowed = {"flatten": {(True, "Ioc")}, "hold": set(), "work": {(True, "Alo")}}[on_exit]
    assert {(order["r"], order["t"]["limit"]["tif"]) for order in sent} <= allowed
    await stage.wait(10)
    # What is held keeps its stop, and nothing else.
    assert stage.house.open_orders(stage.house.maker) == stage.stops
    assert len(stage.stops) == (0 if on_exit == "flatten" else 1)
    assert stage.position == (0 if on_exit == "flatten" else Decimal(HELD))
    assert reason_on_disk() is None


async def test_a_stop_that_cannot_flatten_ends_at_its_deadline(stage: Stage) -> None:
    await holding(stage, control__on_exit="flatten", control__exit_deadline_s=20.0)
    stage.house.cancel(stage.house.crowd)
    began = stage.house.now_s()
    result = await stage.stop(3)
    assert 19 < stage.house.now_s() - began < 25
    assert stage.position == Decimal(HELD)
    assert result["position"]["left_to"] == "nobody"
