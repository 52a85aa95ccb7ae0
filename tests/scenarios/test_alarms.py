"""What an operator hears that no other scenario shows, and the venue's words for a refusal."""

import pytest

from scripted_venue import NO_MATCH, Venue


def test_a_change_of_mode_is_told_with_both_modes_and_its_reason() -> None:
    venue = Venue().opened(3.0)
    venue.fill(venue.orders("Bid")[-1], 0.0006)
    venue.after(1.0)
    before = len(venue.alarms)
    venue.mid += 400.0
    venue.after(0.5)
    changed = {"alarm": "mode_changed", "from": "normal", "to": "widen", "reason": "price_jump"}
    assert changed in [alarm for _, alarm in venue.alarms[before:]]


def test_a_position_that_is_explained_again_is_told_and_quoted_on() -> None:
    venue = Venue().opened(3.0)
    venue.position = 0.003
    venue.account()
    venue.after(8.0)
    assert venue.has_told("position_unexplained")
    assert venue.lots("Bid") == 0
    venue.position = 0.0
    venue.after(5.0)
    assert venue.has_told("position_explained")
    assert venue.lots("Bid") > 0
    assert venue.snapshot()["mode"] == "normal"


def test_what_the_sweep_finds_is_told() -> None:
    """Orders without an answer: one telling with their number, not one a sweep."""
    venue = Venue().opened(3.0)
    venue.accepts = False
    venue.bbo(venue.mid + 200.0)
    venue.after(20.0)
    found = [alarm for _, alarm in venue.alarms if alarm["alarm"] == "sweep_found"]
    assert len(found) == 1
    assert found[0]["unanswered"] > 0


def test_a_budget_that_is_spent_is_asked_for() -> None:
    venue = Venue().opened(12.0)
    venue.refuses = lambda _order: WORDS["budget"]
    before = len(venue.asked_for("userRateLimit"))
    venue.mid += 200.0
    venue.after(5.0)
    assert len(venue.asked_for("userRateLimit")) > before


# What the venue says in its own words, and the class that decides how it is answered.
WORDS = {
    "post_only": "Post only order would have immediately matched, bbo was 1@2. asset=0",
    "no_match": NO_MATCH,
    "post_only_period": "Only post-only orders allowed immediately after a network upgrade",
    "margin": "Insufficient margin to place order. asset=0",
    "reduce_only": "Reduce only order would increase position. asset=0",
    "min_notional": "Order must have minimum value of $10. asset=0",
    "price": "Price must be divisible by tick size. asset=0",
    "size": "Order has invalid size.",
    "gone": "Cannot modify canceled or filled order",
    "budget": "Too many cumulative requests sent (10001 > 10000) for cumulative volume traded $0.",
    "open_interest": "Order would exceed the open interest cap",
    "nonce": "Invalid nonce: must be greater than the last",
    "expired": "Action already expired",
    "auth": "User or API Wallet 0x1 does not exist.",
    "unknown": "Something that nobody has ever seen",
}


@pytest.mark.parametrize("kind", WORDS)
def test_what_the_venue_refuses_with_is_understood(kind: str) -> None:
    """It is counted by its class; only what nobody knows is told in its words."""
    venue = Venue().opened(3.0)
    venue.refuses = lambda _order: WORDS[kind]
    venue.mid += 200.0
    venue.after(0.5)
    name = kind.title().replace("_", "")
    assert set(venue.snapshot()["counts"]["rejections"]) == {name}
    told = [alarm["text"] for _, alarm in venue.alarms if alarm["alarm"] == "unknown_rejection"]
    assert set(told) == ({WORDS[kind]} if kind == "unknown" else set())
