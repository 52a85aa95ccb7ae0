"""Each key of [recovery], turned alone: times, prices and sizes of what is sent turn with it.

The effects are whole: a key that nobody reads, or reads for another, gives other numbers.
"""

from itertools import pairwise

import pytest

from engine_desk import Json
from scripted_venue import Effect, Told, Turn, Venue

NO_MARGIN = "Insufficient margin to place order. asset=0"
POST_ONLY = "Only post-only orders allowed immediately after a network upgrade. asset=0"
QUICK: Told = {
    "limits.position_cap_coin": 0.02,
    "recovery.stuck_s": 5.0,
    "recovery.chase_s": 5.0,
}
"""A limit of 2,000 lots, the same whatever the market does."""
PATIENT: Told = {"recovery.passive_s": 90.0}
WILD: Told = {"recovery.ioc_slippage_sigmas": 100.0}


# ---- a position of 2.5 times a limit that has not fallen -----------------------------------------


def over(told: Told, half: float = 1.0) -> Venue:
    """It holds 5,000 lots from the start."""
    return Venue({**QUICK, **told}, position=0.05, half=half).opened(0.0)


def gives_up_quotes(told: Told) -> Effect:
    """Seconds until the account is asked for, before anything is paid."""
    venue = over(told)
    return venue.until(lambda: venue.state() == "stuck", 100)


def crosses(told: Told) -> Effect:
    """Seconds until the first immediate order."""
    venue = over(told)
    return venue.until(lambda: venue.immediate, 150)


def first(told: Told, half: float = 1.0) -> Json:
    """The first immediate order."""
    venue = over(told, half)
    venue.until(lambda: venue.immediate, 150)
    return venue.immediate[0][1]


def allowance_bps(told: Told, half: float = 1.0) -> Effect:
    """Of the first immediate order against mid."""
    return round((1 - first(told, half)["px"] / 1e6) * 1e4, 1)


def wide_allowance_bps(told: Told) -> Effect:
    """The same where the spread is 4 bps."""
    return allowance_bps(told, half=20.0)


def size(told: Told) -> Effect:
    """Lots of the first immediate order."""
    return first(told)["sz"]


def attempts(told: Told) -> Effect:
    """Seconds of the immediate orders since the first, and last of the alarm: all were in vain."""
    venue = over(told)
    venue.until(lambda: venue.state() == "exhausted", 250)
    begun = venue.immediate[0][0]
    assert venue.snapshot()["mode_reason"] == "recovery_exhausted"
    return [at - begun for at, _ in venue.immediate[1:]] + [
        venue.told("recovery_exhausted") - begun
    ]


def believed(told: Told) -> Effect:
    """Seconds from the venue's word that it takes post-only orders alone to the next other one."""
    venue = over(told)
    venue.refuses = lambda order: POST_ONLY if order["tif"] == "Ioc" else None
    venue.until(lambda: len(venue.immediate) == 2, 150)
    return venue.immediate[1][0] - venue.immediate[0][0]


# ---- a position that the limit has left behind ---------------------------------------------------


def left_behind(told: Told) -> Effect:
    """Seconds until the quotes are given up: 1.14 times a limit that a loss of 2.5 % lowered."""
    inside = Venue(told).opened(3.0).limits["lots"][0] * 0.95 / 1e5
    venue = Venue(told, position=round(inside, 5)).opened(3.0)
    venue.account(9_750.0)
    return venue.until(lambda: venue.state() == "stuck", 120)


# ---- orders that the venue refuses ---------------------------------------------------------------


def refused(told: Told, seconds: float) -> list[float]:
    """When bids were refused for their margin, since the first refusal."""
    venue = Venue(told).opened(3.0)
    venue.refuses = lambda order: NO_MARGIN if order["side"] == "Bid" else None
    venue.mid += 200.0
    venue.after(seconds)
    return [at - venue.refused_at[0] for at in venue.refused_at]


def strikes(told: Told) -> Effect:
    """Refusals in the first five seconds."""
    return len(refused(told, 5.0))


def pauses(told: Told) -> Effect:
    """Seconds between the refusals of a minute, but for those of one instant."""
    times = sorted(set(refused(told, 60.0)))
    return [later - earlier for earlier, later in pairwise(times)][:3]


# ---- what is asked, and what it says -------------------------------------------------------------


def account_beat(told: Told) -> Effect:
    """Seconds between two questions for the account that nobody doubts."""
    venue = Venue(told).opened(3.0)
    venue.after(40.0)
    times = venue.asked_for("clearinghouseState")
    return {later - earlier for earlier, later in pairwise(times)}


def disagrees(told: Told) -> Effect:
    """Seconds from a report of a position that no fill explains until nothing is quoted."""
    venue = Venue(told).opened(3.0)
    venue.position, began = 0.003, venue.now_s
    while not venue.has_told("position_unexplained"):
        venue.account()
        venue.after(0.5)
        assert venue.now_s < began + 20
    assert venue.lots("Bid") == venue.lots("Ask") == 0
    return venue.told("position_unexplained") - began


def orders_beat(told: Told) -> Effect:
    """Seconds between two questions for the orders that rest."""
    venue = Venue(told).opened(3.0)
    venue.after(120.0)
    times = venue.asked_for("frontendOpenOrders")
    return [later - earlier for earlier, later in pairwise(times)][:2]


def unanswered(told: Told) -> Effect:
    """Seconds until an order without an answer is asked for."""
    venue = Venue(told).opened(3.0)
    venue.accepts = False
    venue.bbo(venue.mid + 200.0)
    return venue.until(lambda: venue.asked_for("orderStatus"), 60)


NO_FLOOR: Told = {"recovery.ioc_slippage_bps": 0.0}
SHORT: Told = {
    "recovery.ioc_attempts": 2,
    "recovery.ioc_apart_s": 2.0,
    "recovery.ioc_rounds": 2,
    "recovery.ioc_cooldown_s": 4.0,
}
TWO_ROUNDS = [2.0, 8.0, 10.0, 16.0]
TURNS = (
    Turn("recovery.stuck_s", (5.0, 20.0), gives_up_quotes, (5.0, 20.0)),
    Turn("recovery.chase_s", (5.0, 30.0), crosses, (13.0, 38.0)),
    Turn("recovery.passive_s", (90.0, 40.0), left_behind, (90.0, 40.0)),
    Turn("recovery.passive_ratio_max", (1.5, 1.05), left_behind, (90.0, 30.0), PATIENT),
    Turn("recovery.liquidation_sigma_hours", (3.0, 1000.0), left_behind, (90.0, 30.0), PATIENT),
    Turn("recovery.ioc_slippage_bps", (5.0, 10.0), allowance_bps, (5.0, 10.0)),
    Turn("recovery.ioc_slippage_spreads", (3.0, 5.0), wide_allowance_bps, (12.0, 20.0)),
    Turn("recovery.ioc_slippage_sigmas", (3.0, 12.0), allowance_bps, (3.3, 13.3), NO_FLOOR),
    Turn("recovery.ioc_horizon_s", (5.0, 80.0), allowance_bps, (3.3, 13.3), NO_FLOOR),
    Turn("recovery.ioc_slippage_max_bps", (50.0, 20.0), allowance_bps, (50.0, 20.0), WILD),
    Turn("recovery.ioc_limit_frac", (0.1, 0.5), size, (200, 1000)),
    Turn("recovery.ioc_min_usd", (12.0, 50.0), size, (13, 51), {"recovery.ioc_limit_frac": 0.001}),
    Turn(
        "recovery.ioc_attempts",
        (2, 3),
        attempts,
        (TWO_ROUNDS, [2.0, 4.0, 10.0, 12.0, 14.0, 20.0]),
        SHORT,
    ),
    Turn(
        "recovery.ioc_apart_s", (2.0, 3.0), attempts, (TWO_ROUNDS, [3.0, 10.0, 13.0, 20.0]), SHORT
    ),
    Turn("recovery.ioc_rounds", (2, 1), attempts, (TWO_ROUNDS, [2.0, 8.0]), SHORT),
    Turn(
        "recovery.ioc_cooldown_s",
        (4.0, 7.0),
        attempts,
        (TWO_ROUNDS, [2.0, 11.0, 13.0, 22.0]),
        SHORT,
    ),
    Turn("recovery.post_only_s", (60.0, 20.0), believed, (60.0, 20.0)),
    Turn("recovery.reject_strikes", (3, 6), strikes, (3, 6)),
    Turn("recovery.reject_backoff_s", (5.0, 12.0), pauses, ([5.0, 10.0, 20.0], [12.0, 24.0])),
    Turn(
        "recovery.reject_backoff_max_s", (120.0, 9.0), pauses, ([5.0, 10.0, 20.0], [5.0, 9.0, 9.0])
    ),
    Turn("recovery.reconcile_s", (10.0, 5.0), account_beat, ({10.0}, {5.0})),
    Turn("recovery.reconcile_grace_s", (3.0, 9.0), disagrees, (3.0, 9.0)),
    Turn("recovery.sweep_s", (60.0, 25.0), orders_beat, ([60.0, 60.0], [25.0, 25.0])),
    Turn("recovery.sweep_grace_s", (5.0, 15.0), unanswered, (5.0, 15.0)),
)


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.key)
def test_a_setting_of_recovery_moves_what_it_says(turn: Turn) -> None:
    assert turn.found() == turn.effects
