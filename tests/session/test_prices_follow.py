"""As shipped, the configuration lets prices follow what is measured: law 6 of MODELS.md d.2."""

from typing import Any

import pytest

from engine_desk import EngineDesk

Json = Any
TICK_BPS = 0.1
"""A dollar of a hundred thousand."""
ASSUMED = {
    "models.fair_price": "mid",
    "models.intensity": "assumed",
    "models.adverse_selection": "assumed",
    "models.gamma_at": "present",
}
SHIPPED_OR_ASSUMED = pytest.mark.parametrize("given", [{}, ASSUMED], ids=["shipped", "assumed"])


def terms(desk: EngineDesk, side: str = "Ask") -> Json:
    """What the newest prices of a side were made of, bps."""
    return next(terms for terms in desk.cycles()[-1]["trace"] if terms["side"] == side)


def swung(desk: EngineDesk, by_bps: float, seconds: int = 450) -> EngineDesk:
    """The mid goes up and comes back, every five seconds."""
    base = desk.mid
    for number in range(seconds // 5):
        desk.bbo(round(base * (1 + (by_bps * 1e-4 if number % 2 else 0))))
        desk.after(5.0)
    desk.bbo(base)
    desk.after(5.0)
    return desk


def opened(given: dict[str, object]) -> EngineDesk:
    return EngineDesk(given).open(sigma=5e-5)


@SHIPPED_OR_ASSUMED
def test_a_livelier_market_widens(given: dict[str, object]) -> None:
    calm, lively = (terms(swung(opened(given), by))["edge_bps"] for by in (0.5, 4.0))
    if given:
        assert lively == pytest.approx(calm, abs=TICK_BPS), "gamma follows it, and cancels it"
    else:
        assert lively > calm + TICK_BPS


@SHIPPED_OR_ASSUMED
def test_a_livelier_market_skews_more(given: dict[str, object]) -> None:
    skews = []
    for by in (0.5, 4.0):
        desk = swung(opened(given), by)
        desk.fill(desk.orders("Bid")[-1])
        desk.after(5.0)
        share = desk.snapshot()["position"] / desk.lots("Bid")
        skews.append(terms(desk)["skew_bps"] / share)
    calm, lively = map(abs, skews)
    assert calm > 0
    assert (lively > 1.5 * calm) is (not given)


@SHIPPED_OR_ASSUMED
def test_takers_who_know_move_the_side_that_they_meet(given: dict[str, object]) -> None:
    desk = opened({**given, "models.no_edge": "quote"})
    before = {side: terms(desk, side)["adverse_selection_bps"] for side in ("Bid", "Ask")}
    desk.informed(30)
    desk.after(10.0)
    after = {side: terms(desk, side)["adverse_selection_bps"] for side in ("Bid", "Ask")}
    assert (after["Ask"] > before["Ask"] + TICK_BPS) is (not given)
    assert after["Bid"] < after["Ask"] or given


def test_a_side_on_which_every_fill_loses_stands_back_as_shipped() -> None:
    desk = opened({})
    desk.informed(30)
    desk.after(10.0)
    assert desk.snapshot()["suppressed"] == {"bid": None, "ask": "no_edge"}


@SHIPPED_OR_ASSUMED
def test_takers_who_come_far_and_often_change_the_edge(given: dict[str, object]) -> None:
    desk = opened(given)
    before = terms(desk)["edge_bps"]
    for number in range(120):
        for side, sign in (("B", 1), ("A", -1)):
            far = desk.mid * (1 + sign * (4 + number % 8) * 1e-4)
            desk.trade(0.5, side=side, px=round(far))
            desk.after(1.5)
    after = terms(desk)["edge_bps"]
    assert (abs(after - before) > TICK_BPS) is (not given)


@SHIPPED_OR_ASSUMED
def test_the_fair_price_leans_to_where_the_mid_went_before(given: dict[str, object]) -> None:
    desk = opened(given)
    fair = "fair_from_mid_bps"
    for _ in range(400):
        for bid, ask, goes in ((9.0, 1.0, 1.0), (1.0, 9.0, -1.0)):
            desk.leaning(bid, ask)
            desk.after(1.0, quiet=["market"])
            desk.bbo(desk.mid + goes)
            desk.after(1.0, quiet=["market"])
    desk.leaning(9.0, 1.0)
    leans = desk.snapshot()["models"][fair]
    assert (leans > 0) is (not given)
