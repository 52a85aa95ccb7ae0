"""What a new session makes of the limit that the one before it kept."""

import json

import pytest

from engine_desk import EngineDesk, Json

CALM_S = 540.0


def fresh(before: EngineDesk, away_s: float, *, told: bool, equity: float) -> EngineDesk:
    """A desk of the next session, so long after; with or without what was kept."""
    desk = EngineDesk(before.settings, equity=equity)
    desk.now_s = before.now_s + away_s
    if told:
        desk.restore_limit(before.snapshot()["kept_limit"])
    return desk.open()


@pytest.mark.parametrize("told", [False, True])
def test_t_goes_on_where_it_was(told: bool) -> None:
    """Nine minutes without a fill lengthen T; a fresh engine would begin at one horizon."""
    before = EngineDesk().open()
    before.after(CALM_S)
    t_s = before.limits["inputs"]["horizon_s"]
    assert t_s == pytest.approx(4_152.0, rel=0.01)
    after = fresh(before, 5.0, told=told, equity=10_000.0)
    assert after.limits["inputs"]["horizon_s"] == pytest.approx(t_s if told else 3_600, rel=0.01)
    assert after.limits["source"] == "valid"
    share = after.limits["lots"][0] / before.limits["lots"][0]
    assert (share < 1.02) == told


@pytest.mark.parametrize(("away_s", "told", "share"), [(5, True, 0.1), (240, True, 0.5)])
def test_the_rise_is_counted_from_the_last_valid_limit(
    away_s: float, told: bool, share: float
) -> None:
    """Ten times the equity, found at the start: a tenth of the new limit a minute."""
    settings: dict[str, Json] = {"limits.leverage_cap": 1.0}
    before = EngineDesk(settings, equity=1_000.0).open()
    assert before.limits["lots"] == [1_000, 1_000]
    free = fresh(before, away_s, told=False, equity=10_000.0)
    after = fresh(before, away_s, told=told, equity=10_000.0)
    whole = free.limits["lots"][0]
    assert after.limits["lots"][0] == pytest.approx(share * whole, rel=0.15)
    assert after.limits["lots"][0] < 0.6 * whole
    # A crash before the first valid limit of a session loses none either.
    kept = before.snapshot()["kept_limit"]
    crashed = EngineDesk(settings)
    crashed.now_s = before.now_s + 1.0
    crashed.restore_limit(kept)
    assert crashed.snapshot()["kept_limit"]["held"] == kept["held"]


def test_lots_of_another_size_are_counted_anew() -> None:
    """The venue has made the coin's sizes ten times finer since."""
    settings: dict[str, Json] = {"limits.leverage_cap": 1.0}
    before = EngineDesk(settings, equity=1_000.0).open()
    kept = before.snapshot()["kept_limit"]
    held = kept["held"]
    assert (held["sz_decimals"], held["limit"]["lots"]) == (5, [1_000, 1_000])
    held |= {"sz_decimals": 4}
    held["limit"] |= {"lots": [100, 100], "bases": 2 * [{"lots": [100, 0]}]}
    desk = EngineDesk(settings, equity=10_000.0)
    desk.now_s = before.now_s
    desk.restore_limit(kept)
    assert desk.snapshot()["kept_limit"]["held"]["limit"]["lots"] == [1_000, 1_000]
    desk.open()
    assert desk.limits["source"] == "valid"
    assert 1_000 <= desk.limits["lots"][0] < 5_000


def test_a_limit_kept_in_a_time_to_come_lets_nothing_rise() -> None:
    """A clock was wrong: no time has passed since, and from the first valid limit it goes on."""
    settings: dict[str, Json] = {"limits.leverage_cap": 1.0}
    before = EngineDesk(settings, equity=1_000.0).open()
    desk = fresh(before, -3_600.0, told=True, equity=10_000.0)
    first = desk.limits["lots"][0]
    assert desk.limits["source"] == "valid"
    assert 1_000 <= first < 3_000
    desk.after(120.0)
    assert first < desk.limits["lots"][0] <= first + 2_500


def test_a_degraded_start_is_not_measured_by_what_the_account_was() -> None:
    """Nine tenths were withdrawn meanwhile, and the market stands still before the first limit."""
    settings: dict[str, Json] = {"limits.leverage_cap": 1.0}
    before = EngineDesk(settings, equity=10_000.0).open()
    desk = EngineDesk(settings, equity=1_000.0, position=0.005)
    desk.now_s = before.now_s + 5.0
    desk.restore_limit(before.snapshot()["kept_limit"])
    desk.anchor()
    desk.bbo()
    desk.after(8.0, quiet=["market"])
    assert desk.limits["source"] == "degraded"
    assert max(desk.limits["lots"]) <= 1_000
    assert desk.limits["value"] <= 1_000 * 10**6


def test_a_saved_limit_that_cannot_be_is_refused() -> None:
    desk = EngineDesk()
    with pytest.raises(Exception, match="saved limit: limits_nano was 0, expected above 0"):
        desk.restore_limit({"turnover": {"at": 0, "quoted": 1, "limits_nano": 0}})
    assert json.loads(json.dumps(desk.snapshot()["kept_limit"])) is None


@pytest.mark.parametrize("told", [False, True])
def test_a_warm_up_is_no_way_above_the_limit_that_was_kept(told: bool) -> None:
    """A storm had left 20 lots, and no candles are served: the fallback of $500 lifts nothing."""
    settings: dict[str, Json] = {"limits.leverage_cap": 1.0}
    kept = EngineDesk(settings).open().snapshot()["kept_limit"]
    money = [20_000_000, 0]
    kept["held"]["limit"] |= {"lots": [20, 20], "value": 20_000_000, "money": money}
    kept["held"]["limit"]["bases"] = 2 * [{"money": money}]
    desk = EngineDesk(settings)
    desk.now_s = 10.0
    if told:
        desk.restore_limit(kept)
    desk.open(sigma=None, seconds=14.0)
    assert desk.limits["source"] == "warmup"
    binding = "last_valid" if told else "fallback"
    assert desk.limits["binding"] == [binding, binding]
    assert max(desk.limits["lots"]) == (20 if told else 500)
    most = 20 if told else 500
    assert 0 < desk.lots("Bid") <= most
    assert all(order["sz"] <= most for order in desk.orders("Bid") + desk.orders("Ask"))


def test_t_begins_anew_with_another_horizon() -> None:
    before = EngineDesk().open()
    before.after(300.0)
    desk = EngineDesk({"limits.risk_horizon_s": 60.0})
    desk.now_s = before.now_s + 5.0
    desk.restore_limit(before.snapshot()["kept_limit"])
    desk.open()
    assert desk.limits["inputs"]["horizon_s"] == pytest.approx(60.0, abs=5.0)
