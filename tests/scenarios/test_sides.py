"""Why a side has no order, or only its reducing one: from frames to what rests and is shown."""

from itertools import pairwise

import pytest

from engine_desk import EngineDesk, Json
from scripted_venue import Venue

POST_ONLY = "Only post-only orders allowed immediately after a network upgrade"
HELD = 60


def long() -> Venue:
    """Quoting, and long by one fill."""
    venue = Venue().opened(3.0)
    venue.fill(venue.orders("Bid")[-1], HELD / 1e5)
    venue.after(5.0)
    assert venue.snapshot()["mode"] == "normal"
    assert venue.lots("Bid") > 0
    return venue


def is_reducing_only(venue: Venue, reason: str) -> bool:
    """Nothing buys, what sells is the position and no more, and every reader names the reason."""
    shown = venue.snapshot()
    named = {shown["mode_reason"], shown["suppressed"]["bid"]}
    metrics = venue.scraped()
    return (
        venue.lots("Bid") == 0
        and venue.lots("Ask") == HELD
        and (named, shown["mode"]) == ({reason}, "reduce_only")
        and metrics[f'mm_quoting{{reason="{reason}",side="bid"}}'] == 0
    )


def entered(venue: Venue) -> list[str]:
    told = [alarm for _, alarm in venue.alarms if alarm["alarm"] == "reduce_only_entered"]
    return [alarm["reason"] for alarm in told]


@pytest.mark.parametrize(("share", "reduces"), [(0.79, False), (0.81, True)])
def test_margin_in_use_takes_the_increasing_side(share: float, reduces: bool) -> None:
    """Of all coins: what else the account holds may use up what this one needs."""
    venue = long()
    venue.margin_used = share * venue.equity
    venue.after(5.0)
    assert is_reducing_only(venue, "margin") == reduces
    assert entered(venue) == (["Margin"] if reduces else [])
    assert venue.snapshot()["margin_used"] == round(share * venue.equity * 1e6)
    venue.margin_used = 0.73 * venue.equity
    venue.after(5.0)
    assert is_reducing_only(venue, "margin") == reduces, "left at nine tenths"
    venue.margin_used = 0.71 * venue.equity
    venue.after(5.0)
    assert venue.lots("Bid") > 0


def test_the_margins_share_is_that_of_the_limit() -> None:
    venue = Venue({"limits.initial_margin_frac": 0.5}).opened(3.0)
    venue.margin_used = 0.51 * venue.equity
    venue.after(5.0)
    assert venue.snapshot()["mode_reason"] == "margin"
    assert (venue.lots("Bid"), venue.lots("Ask")) == (0, 0), "flat: nothing can be reduced"


def test_a_liquidation_near_by_takes_the_increasing_side() -> None:
    """The exchange knows of other coins; our own reckoning sees none and is far from it."""
    venue = long()
    bound = 3.0 * venue.snapshot()["sigma"] * 3600**0.5
    assert venue.snapshot()["liquidation_distance_frac"] > 10
    for away, reduces in ((1.5, False), (0.9, True), (1.05, True), (1.5, False)):
        venue.liquidation_px = venue.mid * (1 - away * bound)
        venue.after(5.0)
        assert is_reducing_only(venue, "liquidation_distance") == reduces, away
        shown = venue.snapshot()["liquidation_distance_frac"]
        assert shown == pytest.approx(away * bound, rel=1e-2)
    assert entered(venue) == ["LiquidationDistance"]


def test_a_side_without_a_legal_price_says_so() -> None:
    """A skew so strong that a price would be below zero: what reduces is at the touch."""
    told: dict[str, Json] = {
        "quoting.kappa_per_bps": 1e-5,
        "quoting.risk_aversion": 100.0,
        "quoting.levels": 1,
    }
    desk = EngineDesk(told, position=0.0005).open(seconds=12.0)
    assert desk.snapshot()["suppressed"] == {"bid": "no_price", "ask": None}
    assert (desk.lots("Bid"), desk.lots("Ask") >= 50) == (0, True)
    nearest = desk.orders("Ask")[-1]["px"] / 10
    assert nearest == desk.mid  # the one price between the touches
    assert desk.scraped()['mm_quoting{reason="no_price",side="bid"}'] == 0
    short = EngineDesk(told, position=-0.0005).open(seconds=12.0)
    assert (short.lots("Bid") >= 50, short.snapshot()["suppressed"]["bid"]) == (True, None)
    assert short.orders("Bid")[-1]["px"] / 10 == short.mid
    usual = EngineDesk({**told, "quoting.kappa_per_bps": 0.7}, position=0.0005).open(seconds=12.0)
    assert usual.snapshot()["suppressed"] == {"bid": None, "ask": None}


def test_a_side_whose_order_has_no_answer_says_so() -> None:
    """Lost on the way: nothing may stand beside it until it is known what became of it."""
    desk = EngineDesk()
    desk.accepts = False
    desk.open()
    before = len(desk.sent)
    for action in [sent for sent in desk.sent if sent["kind"] == "place"]:
        desk.lose(action["id"])
    assert desk.snapshot()["suppressed"] == {"bid": "unanswered", "ask": "unanswered"}
    assert desk.scraped()['mm_quoting{reason="unanswered",side="ask"}'] == 0
    assert {sent["kind"] for sent in desk.sent[before:]} == {"cancel"}, "it is looked for"


def test_a_place_that_is_not_answered_is_cancelled_by_its_cloid_at_a_kill() -> None:
    desk = EngineDesk()
    desk.accepts = False
    desk.open()
    sent = [order for s in desk.sent for order in s["body"].get("Place", [])]
    assert sent
    pending = desk.snapshot()["pending"]
    [cancel] = desk.kill()
    cancelled = {item["cloid"] for item in cancel["body"]["Cancel"]}
    assert cancelled == {order["cloid"] for order in sent}
    assert desk.snapshot()["pending"] == pending, "counted until it is proved gone"


def test_closing_in_a_post_only_period_waits_at_the_touch() -> None:
    venue = long()
    venue.refuses = lambda order: POST_ONLY if order["tif"] == "Ioc" else None
    venue.kill()
    venue.after(50.0)
    assert len(venue.immediate) == 1, "no storm of refusals"
    resting = [(o["side"], o["sz"], o["px"]) for o in venue.snapshot()["orders"]]
    assert resting == [("Ask", HELD, round((venue.mid + venue.half) * 10))]
    assert venue.snapshot()["close_wait"] == "post_only_period"
    told = [alarm for _, alarm in venue.alarms if alarm["alarm"] == "close_waits"]
    assert [alarm["why"] for alarm in told] == ["post_only_period"]


def test_a_book_too_wide_to_cross_is_said_and_quoted() -> None:
    venue = long()
    venue.kill()
    venue.half = 1_500.0
    venue.after(8.0)
    assert venue.snapshot()["close_wait"] == "book_too_wide"
    assert venue.lots("Ask") == HELD
    [told] = [alarm for _, alarm in venue.alarms if alarm["alarm"] == "close_waits"]
    assert (told["why"], told["position"]) == ("book_too_wide", HELD)
    assert 100 < told["left_s"] < 120


def test_what_a_line_of_ours_would_have_told_is_asked_for_while_it_is_down() -> None:
    """The reducing side goes on, so fills and orders have to be heard of in another way."""
    venue = long()
    venue.down("user")
    before = venue.now_s
    venue.after(60.0, quiet=["user"])
    for kind in ("userFills", "frontendOpenOrders", "clearinghouseState"):
        asked = [at for at in venue.asked_for(kind) if at > before + 1]
        assert len(asked) >= 5, kind
        assert max(b - a for a, b in pairwise(asked)) <= 10.5, kind
    assert (venue.lots("Bid"), venue.lots("Ask")) == (0, HELD)
