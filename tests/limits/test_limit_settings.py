"""Each setting of the limit, from its configuration key to the orders that are sent."""

from typing import Any

import pytest

from engine_desk import EngineDesk, tiered

Settings = dict[str, Any]

EQUITY_USD = 10_000
LOTS_PER_USD = 1.0
"""At 100,000 USD a coin with 5 decimals of size, a lot is a dollar: lots read as USDC."""
SHARE = 0.2
"""Of the limit that a side offers."""

CAPPED: Settings = {"limits.position_cap_coin": 0.05}
"""A limit that stays the same, so that only sizing can move a size."""


def quoted(desk: EngineDesk) -> tuple[int, int]:
    """Lots of the bids and asks that rest."""
    return desk.lots("Bid"), desk.lots("Ask")


def check(desk: EngineDesk, limit_usd: float, term: str) -> None:
    """The limit is this, this term binds both sides, and the orders sent are its share."""
    limits = desk.limits
    assert limits["binding"] == [term, term]
    assert limits["lots"] == pytest.approx([limit_usd, limit_usd], abs=1)
    assert quoted(desk) == pytest.approx((SHARE * limit_usd, SHARE * limit_usd), abs=10)


@pytest.mark.parametrize(("cap", "usd"), [(0.5, 5_000), (1.0, 10_000)])
def test_leverage_cap(cap: float, usd: float) -> None:
    check(EngineDesk({"limits.leverage_cap": cap}).open(), usd, "leverage")


@pytest.mark.parametrize(("frac", "usd"), [(0.2, 2_000), (0.4, 4_000)])
def test_initial_margin_frac(frac: float, usd: float) -> None:
    desk = EngineDesk({"limits.initial_margin_frac": frac}).open(leverage=1)
    check(desk, usd, "initial_margin")


@pytest.mark.parametrize(("top", "usd"), [(40, 1_250), (20, 100 / 0.15), (5, 100 / 0.30)])
def test_the_gap_goes_by_the_largest_leverage_of_the_coin(top: int, usd: float) -> None:
    desk = EngineDesk({"limits.gap_loss_frac": 0.01}, instrument=tiered([(0, top)]))
    check(desk.open(leverage=5), usd, "gap")


@pytest.mark.parametrize(("move", "loss", "usd"), [(0.5, 0.05, 1_000), (0.5, 0.1, 2_000)])
def test_gap_move_and_loss(move: float, loss: float, usd: float) -> None:
    settings = {"limits.gap_move_frac": move, "limits.gap_loss_frac": loss}
    check(EngineDesk(settings).open(), usd, "gap")


@pytest.mark.parametrize(("leverage", "usd"), [(40, 1_000), (26, 1_000), (20, 3_000)])
def test_a_margin_tier_forbids_the_leverage_set_from_its_notional_on(
    leverage: int, usd: float
) -> None:
    perp = tiered([(0, 40), (1_000, 25), (3_000, 10)])
    check(EngineDesk(instrument=perp).open(leverage=leverage), usd, "margin_tier")


def test_no_margin_tier_binds_at_a_leverage_that_all_allow() -> None:
    desk = EngineDesk(instrument=tiered([(0, 40), (1_000, 25), (3_000, 10)])).open(leverage=10)
    assert "margin_tier" not in {term["term"] for term in desk.limits["terms"]}


@pytest.mark.parametrize(("frac", "usd"), [(0.05, 3_000), (0.1, 6_000)])
def test_liquidity_frac_of_the_last_hour_once_ten_minutes_are_known(
    frac: float, usd: float
) -> None:
    desk = EngineDesk({"limits.liquidity_frac": frac}).open()
    for minute in range(12):
        desk.trade(0.01)
        if minute < 9:
            assert "liquidity" not in {term["term"] for term in desk.limits["terms"]}
        desk.after(60.0 - desk.now_s % 60)
    desk.after(1.0)
    term = next(term for term in desk.limits["terms"] if term["term"] == "liquidity")
    assert term["value"] / 1e6 == pytest.approx(usd, rel=0.1)
    assert desk.limits["lots"][0] <= term["lots"][0] + 1
    assert desk.limits["binding"] == ["liquidity", "liquidity"]
    assert quoted(desk) == pytest.approx((SHARE * usd, SHARE * usd), rel=0.1)


@pytest.mark.parametrize(
    ("key", "values", "power"),
    [
        ("risk_fraction", (0.001, 0.002), 1.0),
        ("num_sigmas", (6.0, 12.0), -1.0),
        ("risk_horizon_s", (20_000.0, 80_000.0), -0.5),
    ],
)
def test_the_volatility_limit_goes_with_its_settings(
    key: str, values: tuple[float, float], power: float
) -> None:
    """`risk_budget / (num_sigmas x sigma x sqrt(T))`, to the orders sent."""
    desks = [EngineDesk({f"limits.{key}": value}).open() for value in values]
    limits = [desk.limits["lots"][0] for desk in desks]
    assert all(desk.limits["binding"] == ["volatility", "volatility"] for desk in desks)
    wanted = (values[1] / values[0]) ** power
    assert limits[1] / limits[0] == pytest.approx(wanted, rel=1e-3)
    assert quoted(desks[1])[0] / quoted(desks[0])[0] == pytest.approx(wanted, rel=0.05)


def test_sigma_prior_bounds_a_limit_without_volatility() -> None:
    """Warming up, the fallback is capped by the derivation at the prior."""
    base: Settings = {"limits.warmup_max_position_usd": 1e6}
    limits = []
    for prior in (1e-3, 2e-3):
        desk = EngineDesk({**base, "limits.sigma_prior": prior}).open(None, seconds=8.0)
        assert desk.limits["source"] == "warmup"
        limits.append(desk.limits["lots"][0])
        horizon_s = desk.limits["inputs"]["horizon_s"]
        assert quoted(desk)[0] > 0
    assert limits[0] == pytest.approx(300 / (3 * 1e-3 * horizon_s**0.5), rel=1e-3)
    assert limits[0] / limits[1] == pytest.approx(2.0, rel=1e-3)


def test_confidence_n0_is_how_soon_an_estimate_counts() -> None:
    """Two hours of calm candles measure no prior: the configured one, six times as high, stands."""
    lots = [
        EngineDesk({"limits.confidence_n0": n0}).open(minutes=120).limits["lots"][0]
        for n0 in (1.0, 1_000.0)
    ]
    assert lots[0] > 2 * lots[1]


def test_sigma_floor_frac_keeps_a_calm_hour_from_counting_in_full() -> None:
    lots = []
    for frac in (0.0, 1.0):
        desk = EngineDesk({"limits.sigma_floor_frac": frac, "limits.confidence_n0": 0.001})
        desk.bbo()
        desk.candles(3e-4, calm_minutes=180)
        desk.fees()
        desk.head_room()
        desk.anchor()
        desk.after(3.0)
        assert desk.limits["inputs"]["sigma"] < desk.limits["inputs"]["sigma_24h"]
        lots.append(desk.limits["lots"][0])
    assert lots[0] > 1.5 * lots[1]


@pytest.mark.parametrize("key", ["position_cap_usd", "position_cap_coin"])
def test_position_cap(key: str) -> None:
    """In USD it follows the mid, in coin it does not."""
    cap = 1_500.0 if key.endswith("usd") else 0.015
    desk = EngineDesk({f"limits.{key}": cap}).open()
    check(desk, 1_500, "position_cap_usd" if key.endswith("usd") else "position_cap")
    desk.bbo(50_000.0)
    desk.after(0.5)
    assert desk.limits["lots"][0] == (3_000 if key.endswith("usd") else 1_500)


@pytest.mark.parametrize(
    ("key", "value", "lots"),
    [("warmup_max_position_usd", 300.0, 300), ("warmup_max_position_coin", 0.002, 200)],
)
def test_the_fallback_is_the_limit_while_warming_up_and_never_after(
    key: str, value: float, lots: int
) -> None:
    warm = EngineDesk({f"limits.{key}": value}).open(None, seconds=8.0)
    assert warm.limits["source"] == "warmup"
    assert warm.limits["binding"] == ["fallback", "fallback"]
    assert warm.limits["lots"] == [lots, lots]
    assert 0 < quoted(warm)[0] <= lots
    ready = EngineDesk({f"limits.{key}": value}).open()
    assert ready.limits["source"] == "valid"
    assert "fallback" not in {term["term"] for term in ready.limits["terms"]}


def test_a_bare_max_position_is_refused_with_a_hint() -> None:
    with pytest.raises(Exception, match="warmup_max_position"):
        EngineDesk({"limits.max_position": 500.0})


@pytest.mark.parametrize("deadline_s", [5.0, 12.0])
def test_observing_ends_at_its_deadline(deadline_s: float) -> None:
    """No candles and too little seen for a volatility: the first order leaves then."""
    desk = EngineDesk({"control.observe_deadline_s": deadline_s})
    desk.open(None, seconds=deadline_s - 0.5)
    assert desk.sent == []
    assert desk.snapshot()["not_quoting"] == "waiting_for_sigma"
    desk.after(1.0)
    assert [action["kind"] for action in desk.sent][:1] == ["place"]


@pytest.mark.parametrize(("frac", "minutes", "share"), [(0.1, 2.0, 0.2), (0.5, 1.0, 0.5)])
def test_the_limit_rises_by_its_share_a_minute(frac: float, minutes: float, share: float) -> None:
    """Ten times the equity: the new value is reached in steps, not at once."""
    settings = {
        "limits.limit_rise_frac_per_min": frac,
        "limits.leverage_cap": 1.0,
        "freshness.account_degraded_s": 600.0,
        "freshness.account_gone_s": 900.0,
    }
    desk = EngineDesk(settings, equity=1_000.0).open()
    before, bids = desk.limits["lots"][0], quoted(desk)[0]
    desk.account(equity=10_000.0)
    assert desk.limits["lots"][0] == pytest.approx(before, abs=2)
    desk.after(60.0 * minutes, quiet=["account"])
    assert desk.limits["binding"] == ["rise", "rise"]
    assert desk.limits["lots"][0] == pytest.approx(before + share * 10_000, rel=0.03)
    assert quoted(desk)[0] > 1.5 * bids


@pytest.mark.parametrize("share", [0.10, 0.30])
def test_a_side_that_head_room_bound_rises_at_most_its_share_a_minute(share: float) -> None:
    """The exchange grants ten times the room in one report; the other side was not bound by it."""
    settings = {"limits.leverage_cap": 2.0, "limits.limit_use_frac": 0.5}
    desk = EngineDesk({**settings, "limits.limit_rise_frac_per_min": share}).open()
    whole = desk.limits["lots"][0]
    desk.head_room(buy=0.0)
    low, bids = desk.limits["lots"][0], quoted(desk)[0]
    assert desk.limits["binding"] == ["head_room", "leverage"]
    desk.head_room(buy=50.0)
    assert desk.limits["source"] == "valid"
    assert desk.limits["lots"] == [pytest.approx(low, abs=1), whole]
    assert desk.limits["binding"] == ["side_rise", "leverage"]
    desk.after(60.0)
    assert desk.limits["lots"][0] == pytest.approx(low + share * whole, rel=0.01)
    assert quoted(desk)[0] > bids
    desk.head_room(buy=0.0)
    assert desk.limits["lots"][0] < low + share * whole
    assert desk.limits["binding"][0] == "head_room"


@pytest.mark.parametrize(("leave", "reduces"), [(0.90, True), (0.98, False)])
def test_reduce_only_ends_at_its_leave_share(leave: float, reduces: bool) -> None:
    settings = {"limits.position_cap_coin": 0.05, "limits.reduce_only_leave_frac": leave}
    desk = EngineDesk(settings, position=0.06).open()
    assert desk.snapshot()["reduce_only"]
    assert quoted(desk)[0] == 0
    desk.fill(desk.orders("Ask")[-1], 0.012)
    desk.after(1.0)
    assert desk.snapshot()["position"] == 4_800
    assert desk.snapshot()["reduce_only"] == reduces
    assert (quoted(desk)[0] > 0) == (not reduces)


@pytest.mark.parametrize("use", [0.98, 0.5])
def test_sizing_uses_its_share_of_the_room(use: float) -> None:
    settings = {
        "limits.limit_use_frac": use,
        "limits.position_cap_coin": 0.05,
        "quoting.target_liquidity_frac": 1.0,
    }
    desk = EngineDesk(settings).open()
    assert quoted(desk) == pytest.approx((use * 5_000, use * 5_000), abs=10)


@pytest.mark.parametrize(
    ("budgets", "left_usd"),
    [
        ({"daily_loss_frac": 0.05, "drawdown_frac": 0.08}, 100),
        ({"daily_loss_frac": 0.06, "drawdown_frac": 0.08}, 200),
        ({"daily_loss_frac": 0.2, "drawdown_frac": 0.05}, 100),
        ({"daily_loss_frac": 0.2, "drawdown_frac": 0.06}, 200),
    ],
)
def test_a_loss_leaves_less_to_risk(budgets: dict[str, float], left_usd: float) -> None:
    """What the day, or the drawdown, has left is the risk budget once it is the smaller."""
    settings: Settings = {f"limits.{key}": value for key, value in budgets.items()}
    desk = EngineDesk({**settings, "limits.sigma_prior": 1e-3}).open(1e-3)
    before = desk.limits["lots"][0]
    desk.account(equity=9_600.0)
    desk.after(1.0)
    limits = desk.limits
    assert limits["inputs"]["loss_left"] == left_usd * 10**6
    assert limits["binding"] == ["volatility", "volatility"]
    assert limits["lots"][0] / before == pytest.approx(left_usd / 300, rel=0.05)
    assert quoted(desk)[0] == pytest.approx(SHARE * limits["lots"][0], abs=15)


def test_a_spent_budget_leaves_nothing() -> None:
    desk = EngineDesk({"limits.daily_loss_frac": 0.05}, position=0.01).open()
    desk.account(equity=9_499.0)
    desk.after(1.0)
    assert desk.limits["lots"] == [0, 0]
    assert quoted(desk)[0] == 0


def test_leverage_that_is_not_known_counts_as_one() -> None:
    """Both sides' increasing orders fit the margin there is at 1x; once it is said, the room."""
    whole: Settings = {"quoting.target_liquidity_frac": 1.0}
    blind = EngineDesk(whole).open(leverage=None)
    assert blind.limits["inputs"]["exchange_leverage"] is None
    assert blind.limits["inputs"]["max_leverage"] == 1.0
    assert sum(quoted(blind)) <= 0.8 * EQUITY_USD
    told = EngineDesk(whole).open(leverage=20)
    assert sum(quoted(told)) > 2 * EQUITY_USD


@pytest.mark.parametrize(("guard", "asks"), [(None, 200), (True, 200), (False, 1_000)])
def test_the_sweep_guard_counts_asks_that_are_not_ours(guard: bool | None, asks: int) -> None:
    """Long 200 lots with an ask of 1,000 placed by hand: on, as by default, that one takes up what
    may be offered beyond the position; off, we offer the whole target beside it."""
    settings = {} if guard is None else {"quoting.sweep_guard": guard}
    desk = EngineDesk({**CAPPED, **settings}, position=0.002).open()
    desk.placed_by_hand("A", 101_000.0, 0.01)
    desk.after(1.0)
    assert desk.lots("Ask") == asks


CALM_SIGMA = 1e-5
RAISED: dict[str, tuple[Settings, float, float]] = {
    "sigma": ({}, 1.5 * CALM_SIGMA, 0.01),
    "k": ({"quoting.kappa_per_bps": 1.05}, CALM_SIGMA, 0.01),
    "A": ({"quoting.arrival_per_s": 0.15}, CALM_SIGMA, 0.01),
    "inventory": ({}, CALM_SIGMA, 0.015),
}


def sizes(settings: Settings, sigma: float, position: float) -> list[int]:
    """Sizes of the levels, from the lowest price to the highest."""
    desk = EngineDesk({**CAPPED, **settings}, position=position).open(sigma)
    assert desk.limits["lots"] == [5_000, 5_000]
    return [order["sz"] for order in sorted(desk.snapshot()["orders"], key=lambda o: o["px"])]


@pytest.mark.parametrize("raised", RAISED)
def test_half_as_much_more_moves_a_lot_of_size(raised: str) -> None:
    assert sizes(*RAISED[raised]) != sizes({}, CALM_SIGMA, 0.01)
