"""Each key of [control] beyond the opening, turned alone: when and how far quoting is held back.

The effects are whole: a key that nobody reads, or reads for another, gives other numbers.
"""

from collections.abc import Callable

import pytest

from engine_desk import Json
from scripted_venue import Effect, Told, Turn, Venue

BAD_PRICE = "Order has invalid price. asset=0"


def long(told: Told) -> Venue:
    """Quoting, and long by one fill."""
    venue = Venue(told).opened(3.0)
    venue.fill(venue.orders("Bid")[-1], 0.0006)
    venue.after(1.0)
    return venue


# ---- a price that jumps --------------------------------------------------------------------------


def premium_bps(venue: Venue) -> float:
    """By which the bid stands further out than it otherwise would."""
    premium: float = venue.snapshot()["trace"][0]["premium_bps"]
    return round(premium, 2)


def jumped(told: Told) -> Effect:
    """The premium after 40 bps within a second."""
    venue = long(told)
    venue.mid += 400.0
    venue.after(1.0)
    return premium_bps(venue)


def slid(told: Told) -> Effect:
    """The premium after 10 bps within five seconds."""
    venue = long(told)
    for _ in range(5):
        venue.mid += 20.0
        venue.after(1.0)
    return premium_bps(venue) > 0


def jumped_unreported(told: Told) -> Effect:
    """The premium when the account has not been heard of for half a minute besides."""
    venue = long(told)
    venue.after(31.0, quiet=["account"])
    venue.mid += 400.0
    venue.after(1.0, quiet=["account"])
    return premium_bps(venue)


def seconds_wide(told: Told) -> Effect:
    """From the jump on."""
    venue = long(told)
    venue.mid += 400.0
    venue.after(0.5)
    return venue.until(lambda: venue.snapshot()["mode"] == "normal", 60)


# ---- many fills of one side ----------------------------------------------------------------------


def burst(told: Told) -> Venue:
    """Of each of four bids a piece, filled within a second and a half."""
    venue = Venue({"control.burst_fills": 4, **told}).opened(3.0)
    for bid in venue.orders("Bid")[:4]:
        venue.fill(bid, 0.0003)
        venue.now_s += 0.5
    return venue


def is_off(told: Told) -> Effect:
    """Whether nothing buys any more."""
    venue = burst(told)
    return venue.lots("Bid") == 0


def comes_back(told: Told) -> Effect:
    """Seconds of the steps back: until something buys, until it is more, until it is all."""
    venue = burst(told)
    lots, began = 0, venue.now_s - 0.5
    steps: list[float] = []
    while len(steps) < 3:
        venue.after(0.5)
        if venue.lots("Bid") > lots * 1.5:
            lots = venue.lots("Bid")
            steps.append(venue.now_s - began)
        assert venue.now_s < began + 200, steps
    return steps


# ---- takers who know more ------------------------------------------------------------------------


def threatened(told: Told) -> Effect:
    """Whether nothing buys any more once the mid has fallen by ten bps in a moment."""
    venue = Venue(told).opened(3.0)
    venue.mid -= 100.0
    venue.bbo()
    return venue.lots("Bid") == 0


def threatened_s(told: Told) -> Effect:
    """Seconds until something buys again."""
    venue = Venue({"control.toxic_jump_sigmas": 4.5, **told}).opened(3.0)
    venue.mid -= 100.0
    venue.bbo()
    return venue.until(lambda: venue.lots("Bid") > 0, 60)


# ---- the limit of the first hours, and the end of trading ----------------------------------------


def limit(told: Told) -> Effect:
    """Lots at the opening."""
    return Venue(told).opened(3.0).limits["lots"][0]


def killed(venue: Venue, most_s: float, *quiet: str) -> Effect:
    """Seconds until the kill switch latches, and why; `None`: not within that time."""
    began = venue.now_s
    while venue.now_s < began + most_s:
        if venue.has_told("kill_latched"):
            return venue.told("kill_latched") - began, venue.snapshot()["kill"]["reason"]
        venue.after(0.5, quiet=quiet)
    return None


def runs_away(told: Told) -> Effect:
    """Three times the limit, bought by hand."""
    venue = long(told)
    by_hand: Json = {"side": "Bid", "px": 1_000_000, "oid": 1, "cloid_text": None}
    venue.fill(by_hand, 3 * venue.limits["lots"][0] / 1e5)
    return killed(venue, 1.0)


def goes_dark(told: Told) -> Effect:
    """No market while a position is held."""
    return killed(long(told), 60.0, "market")


def is_refused(told: Told) -> Effect:
    """Whether orders refused for their price, while it moves, end trading in 20 seconds."""
    venue = Venue(told).opened(3.0)
    venue.refuses = lambda _order: BAD_PRICE
    for second in range(20):
        venue.mid += 30.0 if second % 2 else -30.0
        venue.after(1.0)
    return venue.has_told("kill_latched")


def is_unexplained(told: Told) -> Effect:
    """The exchange stands by a position that no fill explains."""
    venue = Venue(told).opened(3.0)
    venue.position = 0.003
    venue.account()
    venue.until(lambda: venue.has_told("kill_latched"), 60)
    return venue.told("kill_latched") - venue.told("position_unexplained")


def ended(command: str) -> Callable[[Told], Effect]:
    """A story in which trading is ended by command while 60 lots are held."""

    def story(told: Told) -> Effect:
        """Terms of the orders sent since, and the mode."""
        venue = long(told)
        before = len(venue.orders("Ask"))
        venue.command(command)
        venue.after(3.0)
        sent = {(o["tif"], o["sz"], o["reduce_only"]) for o in venue.orders("Ask")[before:]}
        taken = {(o["tif"], o["sz"], o["reduce_only"]) for _, o in venue.immediate}
        return sent | taken, venue.snapshot()["mode"]

    return story


FIVE: Told = {"control.kill_rejections": 5}
CROSSED = ({("Ioc", 60, True)}, "flatten")
WORKED = ({("Alo", 60, True)}, "reduce_only")
LEFT: Effect = (set(), "halted")
TURNS = (
    Turn("control.widen_jump_sigmas", (5.0, 900.0), jumped, (5.0, 0.0)),
    Turn("control.widen_window_s", (5.0, 1.0), slid, (True, False)),
    Turn("control.widen_term_bps", (5.0, 2.0), jumped, (5.0, 2.0)),
    Turn("control.widen_sum_bps", (20.0, 7.0), jumped_unreported, (10.0, 7.0)),
    Turn("control.widen_dwell_s", (30.0, 5.0), seconds_wide, (35.0, 10.0)),
    Turn("control.toxic_jump_sigmas", (None, 4.5), threatened, (False, True)),
    Turn("control.toxic_off_s", (5.0, 9.0), threatened_s, (5.0, 9.0)),
    Turn("control.burst_fills", (4, 5), is_off, (True, False)),
    Turn("control.burst_window_s", (2.0, 1.0), is_off, (True, False)),
    Turn(
        "control.burst_off_s", (60.0, 10.0), comes_back, ([60.0, 90.0, 120.0], [10.0, 40.0, 70.0])
    ),
    Turn(
        "control.burst_step_s", (30.0, 5.0), comes_back, ([60.0, 90.0, 120.0], [60.0, 65.0, 70.0])
    ),
    # T has lengthened by the seconds without a fill, and after a silence sigma is worth less.
    Turn("control.ramp", (False, True), limit, (7_612, 1_903)),
    Turn("control.kill_runaway_ratio", (2.0, 20.0), runs_away, ((0.0, "runaway"), None)),
    Turn(
        "control.kill_stale_s",
        (40.0, 25.0),
        goes_dark,
        ((40.5, "stale_market"), (25.5, "stale_market")),
    ),
    Turn("control.kill_rejections", (10, 5), is_refused, (False, True)),
    Turn("control.kill_rejections_s", (60.0, 8.0), is_refused, (True, False), FIVE),
    Turn("control.kill_unexplained_s", (30.0, 12.0), is_unexplained, (30.0, 12.0)),
    Turn("control.on_kill", ("flatten", "work"), ended("kill"), (CROSSED, WORKED)),
    Turn("control.on_exit", ("hold", "work"), ended("stop"), (LEFT, WORKED)),
)


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.key)
def test_a_setting_of_control_moves_what_it_says(turn: Turn) -> None:
    assert turn.found() == turn.effects


def test_the_pieces_of_one_order_are_no_burst() -> None:
    venue = Venue({"control.burst_fills": 4}).opened(3.0)
    bid = venue.orders("Bid")[0]
    for _ in range(8):
        venue.fill(bid, 0.0001)
    assert venue.lots("Bid") > 0
    assert venue.snapshot()["mode"] == "normal"
