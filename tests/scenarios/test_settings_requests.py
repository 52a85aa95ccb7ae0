"""Each key of [requests], turned alone: what is sent, or asked, turns with it."""

from collections.abc import Callable

import pytest

from engine_desk import EngineDesk, Json

Told = dict[str, object]
Story = Callable[[Told], Json]
LATER_S = 130.0


def priced(told: Told, later_s: float = 0.0) -> Json:
    """What a request must earn after somebody else has spent 500 of 9,000."""
    desk = EngineDesk(told)
    desk.used, desk.cap = 1_000, 10_000
    desk.open()
    desk.budget(used=1_500)
    desk.after(later_s)
    return desk.snapshot()["requests"]["price_usd"]


def priced_later(told: Told) -> Json:
    """The same when the plan has had time to pay back."""
    return priced(told, 20.0)


def follows(told: Told) -> Json:
    """Whether bids still follow a price that leaves them, with 3,000 requests left."""
    desk = EngineDesk(told)
    desk.used, desk.cap = 7_000, 10_000
    desk.open()
    before = desk.snapshot()["orders"]
    desk.bbo(desk.mid * 1.002)
    desk.after(1.0)
    after = desk.snapshot()["orders"]
    bids = [[order["px"] for order in rows if order["side"] == "Bid"] for rows in (before, after)]
    return bids[0] != bids[1]


def asked(told: Told) -> Json:
    """How often the venue is asked in two minutes what it has counted."""
    desk = EngineDesk(told).open()
    times = 0
    until = desk.now_s + LATER_S
    while desk.now_s < until:
        desk.after(0.5)
        for kind, _ in desk.engine.take_asks():
            if kind == "userRateLimit":
                times += 1
                desk.budget()
    return times


def waits_for_weight(told: Told) -> Json:
    """Whether a move waits when a storm of questions has taken most of a minute's weight."""
    desk = EngineDesk(told).open()
    for _ in range(8):
        desk.now_s += 1.05
        desk.alive()
        desk.bbo()
        desk.command("reconcile")
        # What is not answered is not asked again so soon.
        for kind, _ in desk.engine.take_asks():
            if kind == "userRateLimit":
                desk.budget()
            elif kind == "clearinghouseState":
                desk.account()
            elif kind == "activeAssetData":
                desk.head_room()
            elif kind == "userFills":
                desk.frame("userFills", {"isSnapshot": True, "user": "0x", "fills": []})
    assert 320 < desk.snapshot()["requests"]["weight"] < 680
    desk.bbo(desk.mid * 1.002)
    return [change["why"] for change in desk.snapshot()["withheld"]].count("weight") > 0


STORIES: dict[str, tuple[Story, object]] = {
    "requests.reserve": (follows, 3_000),
    "requests.plan_days": (priced_later, 0.01),
    "requests.burst_frac": (priced, 0.5),
    "requests.price_max_usd": (priced, 0.0001),
    "requests.ask_s": (asked, 5.0),
    "requests.watchdog_weight_per_min": (waits_for_weight, 700),
}


@pytest.mark.parametrize("key", STORIES)
def test_a_setting_of_requests_moves_what_it_says(key: str) -> None:
    story, other = STORIES[key]
    assert story({key: other}) != story({})


def test_at_seven_percent_both_sides_stay_at_their_prices() -> None:
    """With 700 of 10,000 left: the prices of plenty, on both sides, and fewer moves."""
    sent = {}
    for left in (10_000_000, 700):
        desk = EngineDesk()
        desk.used, desk.cap = max(10_000, left) - left, max(10_000, left)
        desk.open()
        first = {(order["side"], order["px"]) for order in desk.snapshot()["orders"]}
        sides = {side for side, _ in first}
        assert sides == {"Bid", "Ask"}
        before, mid = desk.snapshot()["requests"]["sent"], desk.mid
        for index in range(40):
            desk.bbo(mid * (1.0003 if index % 4 > 1 else 1.0))
            desk.after(1.0)
            assert {order["side"] for order in desk.snapshot()["orders"]} == sides
        sent[left] = first, desk.snapshot()["requests"]["sent"] - before
    plenty, scarce = sent.values()
    assert scarce[0] <= plenty[0], "no other price"
    assert scarce[1] < plenty[1]
