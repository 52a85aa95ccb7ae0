"""kill -9 at any moment, and again: nothing lost, nothing doubled, nothing given twice."""

import json
import random
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from maker_lives import MS_NS, START_MS, Killed, Life, World
from mm.errors import RiskStop, StateError
from mm.ledger import DAY_NS
from mm.state import StateDir

DAY = START_MS * MS_NS // DAY_NS
PLACES = ("anchored", "stepped", "kept", "signed", "sent")


class Death:
    """Kills at the n-th time that one of the places is reached."""

    def __init__(self, dice: random.Random) -> None:
        self.at = dice.choice(PLACES)
        # Steps are many, orders are few.
        longest = {"anchored": 1, "stepped": 800, "kept": 800, "signed": 12, "sent": 12}
        self._left = dice.randrange(longest[self.at])

    def __call__(self, place: str) -> None:
        if place != self.at:
            return
        if self._left == 0:
            raise Killed
        self._left -= 1


def lose(world: World, times: int = 10) -> None:
    """Somebody buys and sells at once: spread and fees are gone, the position is what it was."""
    for number in range(2 * times):
        trade_by_hand(world, is_buy=number % 2 == 0)


def trade_by_hand(world: World, *, is_buy: bool) -> None:
    """Somebody trades on the account: a fill that no maker has an order for."""
    book = world.ask(type="l2Book", coin="BTC")["levels"]
    px = float(book[1 if is_buy else 0][0]["px"]) * (1.001 if is_buy else 0.999)
    order = {
        "a": 0,
        "b": is_buy,
        "p": str(round(px)),
        "s": "0.02",
        "r": False,
        "t": {"limit": {"tif": "Ioc"}},
    }
    action = {"type": "order", "orders": [order], "grouping": "na"}
    nonce = max(world.nonces) + 1_000_000  # a machine of its own, far from ours
    body = world.signer.sign_json(
        json.dumps(action), nonce, expires_after_ms=None, vault=None, mainnet=False
    )
    assert isinstance(world.exchange.submit(body), int)
    world.run(1)
    world.exchange.take_replies()


@pytest.mark.parametrize("seed", range(4))
async def test_any_number_of_kills_loses_and_doubles_nothing(seed: int, tmp_path: Path) -> None:
    dice, world = random.Random(seed), World.begin(seed)
    root, deaths = tmp_path / "life-0", 0
    for number in range(12):
        life = Life(world, root)
        life.place = death = Death(dice)
        try:
            await life.start()
            assert world.resting() == 0, "what rested before is gone before anything is quoted"
            assert life.found.agrees, "trades explain the position, whatever was cut off"
            await life.live(300)
        except Killed:
            deaths += 1
        known = set(life.books.tids())
        if death.at != "stepped":
            assert set(life.heard) <= known, "written down before anything of the step was sent"
        root = life.killed(tmp_path / f"life-{number + 1}")
        world.run(dice.randrange(1, 40))
        world.exchange.take_frames()
        world.exchange.take_replies()
    last = Life(world, root)
    await last.start()
    fills = world.fills()
    assert len(fills) > 30, "the market was lively"
    assert deaths >= 6
    assert sorted(last.books.tids()) == world.tids()
    assert last.books.position(world.exchange.time_ns) == world.lots()
    day = last.books.day(DAY)
    assert day.fills == len(fills)
    assert day.fees == sum(round(float(fill["fee"]) * 1e6) for fill in fills)
    assert day.corrections == 0
    assert len(set(world.nonces)) == len(world.nonces)
    assert len(set(world.cloids)) == len(world.cloids)
    last.state.close()


async def test_a_trade_while_nobody_runs_is_entered_once_and_is_in_the_day(tmp_path: Path) -> None:
    world = World.begin(3)
    life = Life(world, tmp_path / "one")
    await life.start()
    await life.live(30)
    root = life.killed(tmp_path / "two")
    trade_by_hand(world, is_buy=True)
    for _ in range(2):
        life = Life(world, root)
        await life.start()
        assert life.found.agrees
        assert sorted(life.books.tids()) == world.tids()
        assert life.books.day(DAY).away >= 1
        root = life.killed(tmp_path / f"again-{life.session_id}")


async def test_a_position_that_the_exchange_does_not_explain_becomes_a_correction(
    tmp_path: Path,
) -> None:
    world = World.begin(3)
    life = Life(world, tmp_path / "one")
    await life.start()
    await life.live(100)
    wrong = {"kind": "correction", "exch": world.exchange.time_ns, "from": 0, "to": 777, "usd": 0}
    life.books.post([wrong])
    for number in range(2):
        life = Life(world, life.killed(tmp_path / f"again-{number}"))
        with capture_logs() as said:
            await life.start()
        told = [line["event"] for line in said if line["log_level"] == "error"]
        assert (life.found.agrees, told) == (
            (True, []) if number else (False, ["position_corrected"])
        )
        assert life.books.position(world.exchange.time_ns) == world.lots()
        assert life.books.day(DAY).corrections == 2
    life.state.close()


async def test_the_days_loss_goes_on_after_a_kill(tmp_path: Path) -> None:
    world = World.begin(3)
    life = Life(world, tmp_path / "one")
    await life.start()
    await life.live(100)
    opening = life.engine.snapshot()["budget"]["opening"]
    peak = life.engine.snapshot()["budget"]["peak"]
    for number in range(3):
        root = life.killed(tmp_path / f"again-{number}")
        lose(world)
        life = Life(world, root)
        await life.start()
        shown = life.engine.snapshot()
        assert shown["day_pnl"] == shown["account_value"] - opening < 0
        assert shown["budget"]["opening"] == opening
        assert shown["budget"]["peak"] == peak
        assert shown["drawdown"] == pytest.approx(1 - shown["account_value"] / peak)
    life.state.close()


async def test_the_limit_goes_on_after_a_kill(tmp_path: Path) -> None:
    """Neither T nor the slow rise begins anew: what was kept is what the next run opens with."""
    world = World.begin(3)
    life = Life(world, tmp_path / "one")
    await life.start()
    await life.live(300)
    whole = life.engine.snapshot()["limits"]["lots"][0]
    kept = json.loads((life.state.store.limit("BTC") or ("", 0.0))[0])
    assert kept["held"]["limit"]["lots"][0] == pytest.approx(whole, rel=0.05)
    now_ns = world.exchange.time_ns
    kept["turnover"] = {"at": now_ns, "quoted": 14_400 * 10**9, "limits_nano": 10**9}
    life.state.store.save_limit("BTC", json.dumps(kept))
    for number in range(2):
        life = Life(world, life.killed(tmp_path / f"again-{number}"))
        await life.start()
        await life.live(150)
        limits = life.engine.snapshot()["limits"]
        assert limits["source"] == "valid"
        # A fresh engine begins at 3,600; fills have shortened it since.
        assert limits["inputs"]["horizon_s"] > 5_400
        assert limits["lots"][0] < 0.85 * whole
    life.state.close()


async def test_a_saved_limit_that_cannot_be_is_refused(tmp_path: Path) -> None:
    world = World.begin(3)
    life = Life(world, tmp_path / "one")
    await life.start()
    wrong = {"turnover": {"at": 0, "quoted": 0, "limits_nano": 1}}
    life.state.store.save_limit("BTC", json.dumps(wrong))
    again = Life(world, life.killed(tmp_path / "two"))
    with pytest.raises(StateError, match=r"state\.db: damaged \(saved limit: quoted was 0"):
        await again.start()
    again.state.close()


async def test_the_next_day_opens_anew_and_keeps_the_peak(tmp_path: Path) -> None:
    midnight_ms = (DAY + 1) * DAY_NS // MS_NS
    world = World.begin(3, midnight_ms - 20_000)
    life = Life(world, tmp_path / "one")
    await life.start()
    await life.live(20)
    lose(world)
    await life.live(20)
    before = life.engine.snapshot()["budget"]
    assert before["equity"] < before["opening"]
    root = life.killed(tmp_path / "two")
    while world.exchange.time_ns // MS_NS < midnight_ms:
        world.run(1)
    life = Life(world, root)
    await life.start()
    after = life.engine.snapshot()
    assert after["budget"]["day"] == before["day"] + 1
    assert after["budget"]["opening"] not in {before["opening"], before["equity"]}
    assert after["day_pnl"] == after["account_value"] - after["budget"]["opening"]
    assert abs(after["day_pnl"]) < 100_000, "the day opens at the first equity of this run"
    assert after["budget"]["peak"] == before["peak"]
    assert after["drawdown"] > 0
    life.state.close()


async def test_a_saved_budget_that_cannot_be_is_refused(tmp_path: Path) -> None:
    world = World.begin(3)
    life = Life(world, tmp_path / "one")
    await life.start()
    budget = json.loads(life.state.store.budget() or "")
    life.state.store.save_budget(json.dumps({**budget, "peak": 0}))
    root = life.killed(tmp_path / "two")
    again = Life(world, root)
    with pytest.raises(StateError, match=r"state\.db: damaged \(saved budget: peak was 0"):
        await again.start()
    again.state.close()


async def test_a_kill_stands_over_midnight_and_restarts(tmp_path: Path) -> None:
    midnight_ms = (DAY + 1) * DAY_NS // MS_NS
    world = World.begin(3, midnight_ms - 20_000)
    life = Life(world, tmp_path / "one")
    await life.start()
    life.keeper.why = "fat finger"
    life.inbox.put(life.manual_kill())

    def kept(place: str) -> None:
        if place == "kept" and life.engine.snapshot()["kill"] is not None:
            raise Killed

    life.place = kept
    with pytest.raises(Killed):
        await life.live(1)
    root = life.killed(tmp_path / "two")
    while world.exchange.time_ns // MS_NS < midnight_ms:
        world.run(1)
    for _ in range(2):
        again = Life(world, root)
        with pytest.raises(RiskStop, match=r"stopped by manual \(fat finger\) at .*`mm unlock`"):
            await again.start()
        record = again.state.store.kill_record()
        assert record is not None
        assert (record.session, record.position) == (life.session_id, world.lots())
        again.state.close()
    with StateDir.open("paper", "default", root) as state:
        state.store.acknowledge("ann")
    again = Life(world, root)
    await again.start()
    again.state.close()
